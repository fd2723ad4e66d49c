CREATE TABLE allowances (
    holder TEXT,
    spender TEXT,
    amount NUMERIC(78,0) NOT NULL CHECK (amount >= 0::numeric(78,0)),
    PRIMARY KEY (holder, spender)
);
