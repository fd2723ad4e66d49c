-- A token: balances, allowances, a journal that can be audited.
-- Deploy as the owner of the network: kwil-cli exec-sql --file examples/schemas/token.sql --sync

CREATE NAMESPACE IF NOT EXISTS token;
SET CURRENT NAMESPACE TO token;

CREATE TABLE balances (
    account TEXT PRIMARY KEY,
    amount NUMERIC(78,0) NOT NULL,
    CONSTRAINT never_negative CHECK (amount >= 0::numeric(78,0))
);

CREATE TABLE allowances (
    holder TEXT,
    spender TEXT,
    amount NUMERIC(78,0) NOT NULL CHECK (amount >= 0::numeric(78,0)),
    PRIMARY KEY (holder, spender)
);

CREATE TABLE journal (
    seq INT8 PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('mint', 'burn', 'transfer')),
    sender TEXT,
    receiver TEXT,
    amount NUMERIC(78,0) NOT NULL,
    height INT8 NOT NULL,
    txid TEXT NOT NULL
);

CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO facts (key, value) VALUES ('name', 'Example Token'), ('symbol', 'EXT'), ('decimals', '18');

CREATE INDEX journal_by_sender ON journal (sender);
CREATE INDEX journal_by_receiver ON journal (receiver);

CREATE OR REPLACE ACTION balance_of($account TEXT) PUBLIC VIEW RETURNS (amount NUMERIC(78,0)) {
    FOR $row IN SELECT amount FROM balances WHERE account = $account {
        RETURN $row.amount;
    }
    RETURN 0::numeric(78,0);
};

CREATE OR REPLACE ACTION allowance($holder TEXT, $spender TEXT) PUBLIC VIEW RETURNS (amount NUMERIC(78,0)) {
    $amount NUMERIC(78,0) := 0::numeric(78,0);
    FOR $row IN SELECT amount FROM allowances WHERE holder = $holder AND spender = $spender {
        $amount := $row.amount;
    }
    RETURN $amount;
};

CREATE OR REPLACE ACTION total_supply() PUBLIC VIEW RETURNS (amount NUMERIC(78,0)) {
    RETURN SELECT coalesce(sum(amount)::numeric(78,0), 0::numeric(78,0)) FROM balances;
};

CREATE OR REPLACE ACTION record($kind TEXT, $sender TEXT, $receiver TEXT, $amount NUMERIC(78,0)) PRIVATE {
    INSERT INTO journal (seq, kind, sender, receiver, amount, height, txid)
    SELECT coalesce(max(seq), 0) + 1, $kind, $sender, $receiver, $amount, @height, @txid FROM journal;
};

CREATE OR REPLACE ACTION credit($account TEXT, $amount NUMERIC(78,0)) PRIVATE {
    INSERT INTO balances (account, amount) VALUES ($account, $amount)
    ON CONFLICT (account) DO UPDATE SET amount = balances.amount + excluded.amount;
};

CREATE OR REPLACE ACTION debit($account TEXT, $amount NUMERIC(78,0)) PRIVATE {
    $available := balance_of($account);
    IF $available < $amount {
        ERROR('insufficient balance: ' || $account || ' has ' || $available::text || ', needs ' || $amount::text);
    }
    UPDATE balances SET amount = amount - $amount WHERE account = $account;
};

CREATE OR REPLACE ACTION require_positive($amount NUMERIC(78,0)) PRIVATE VIEW {
    IF $amount IS NULL OR $amount <= 0 ::numeric(78,0) {
        ERROR('the amount must be positive');
    }
};

CREATE OR REPLACE ACTION mint($to TEXT, $amount NUMERIC(78,0)) PUBLIC OWNER {
    require_positive($amount);
    credit($to, $amount);
    record('mint', null, $to, $amount);
    NOTICE('minted ' || $amount::text || ' to ' || $to);
};

CREATE OR REPLACE ACTION burn($amount NUMERIC(78,0)) PUBLIC {
    require_positive($amount);
    debit(@caller, $amount);
    record('burn', @caller, null, $amount);
};

CREATE OR REPLACE ACTION move_tokens($from TEXT, $to TEXT, $amount NUMERIC(78,0)) PRIVATE {
    require_positive($amount);
    debit($from, $amount);
    credit($to, $amount);
    record('transfer', $from, $to, $amount);
};

CREATE OR REPLACE ACTION transfer($to TEXT, $amount NUMERIC(78,0)) PUBLIC {
    move_tokens(@caller, $to, $amount);
};

-- Pays many at once, all or nothing.
CREATE OR REPLACE ACTION transfer_many($to TEXT[], $amounts NUMERIC(78,0)[]) PUBLIC RETURNS (paid INT8, total NUMERIC(78,0)) {
    IF array_length($to) != array_length($amounts) {
        ERROR('as many amounts as receivers are needed');
    }
    $total NUMERIC(78,0) := 0::numeric(78,0);
    FOR $i IN 1..array_length($to) {
        move_tokens(@caller, $to[$i], $amounts[$i]);
        $total := $total + $amounts[$i];
    }
    NOTICE('paid ' || array_length($to)::text || ' receivers ' || $total::text);
    RETURN array_length($to), $total;
};

CREATE OR REPLACE ACTION approve($spender TEXT, $amount NUMERIC(78,0)) PUBLIC {
    INSERT INTO allowances (holder, spender, amount) VALUES (@caller, $spender, $amount)
    ON CONFLICT (holder, spender) DO UPDATE SET amount = excluded.amount;
};

CREATE OR REPLACE ACTION increase_allowance($spender TEXT, $more NUMERIC(78,0)) PUBLIC {
    INSERT INTO allowances (holder, spender, amount) VALUES (@caller, $spender, $more)
    ON CONFLICT (holder, spender) DO UPDATE SET amount = allowances.amount + excluded.amount;
};

CREATE OR REPLACE ACTION transfer_from($holder TEXT, $to TEXT, $amount NUMERIC(78,0)) PUBLIC {
    $allowed := allowance($holder, @caller);
    IF $allowed < $amount {
        ERROR('the allowance of ' || $allowed::text || ' is too small');
    }
    UPDATE allowances SET amount = amount - $amount WHERE holder = $holder AND spender = @caller;
    move_tokens($holder, $to, $amount);
};

-- The largest holders with their share of everything in percent.
CREATE OR REPLACE ACTION holders($limit INT8 DEFAULT 10) PUBLIC VIEW
RETURNS TABLE (place INT8, account TEXT, amount NUMERIC(78,0), share NUMERIC(10,4)) {
    $supply := total_supply();
    RETURN SELECT row_number() OVER (ORDER BY amount DESC, account) AS place, account, amount,
        (amount::numeric(90,4) * 100.0000::numeric(90,4) / $supply::numeric(90,4))::numeric(10,4) AS share
    FROM balances WHERE amount > 0::numeric(78,0)
    ORDER BY place LIMIT $limit;
};

-- Everything that happened to an account, with the balance after each line.
CREATE OR REPLACE ACTION statement($account TEXT) PUBLIC VIEW
RETURNS TABLE (seq INT8, kind TEXT, other TEXT, change NUMERIC(78,0), balance NUMERIC(78,0)) {
    RETURN WITH lines AS (
        SELECT seq, kind, sender AS other, amount AS change FROM journal WHERE receiver = $account
        UNION ALL
        SELECT seq, kind, receiver AS other, -amount AS change FROM journal WHERE sender = $account
    )
    SELECT seq, kind, other, change, (sum(change) OVER (ORDER BY seq))::numeric(78,0) AS balance
    FROM lines ORDER BY seq, change;
};

-- Whether the balances are what the journal says.
CREATE OR REPLACE ACTION audit() PUBLIC VIEW RETURNS (accounts INT8, differing INT8) {
    $accounts := 0;
    $differing := 0;
    FOR $row IN SELECT account, amount FROM balances {
        $accounts := $accounts + 1;
        $sum NUMERIC(78,0) := 0::numeric(78,0);
        FOR $line IN statement($row.account) {
            $sum := $sum + $line.change;
        }
        IF $sum != $row.amount {
            $differing := $differing + 1;
        }
    }
    RETURN $accounts, $differing;
};
