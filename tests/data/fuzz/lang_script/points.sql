CREATE TABLE points (
    stream TEXT,
    at INT8,
    value NUMERIC(36,18) NOT NULL,
    height INT8 NOT NULL,
    PRIMARY KEY (stream, at),
    FOREIGN KEY (stream) REFERENCES streams(id) ON DELETE CASCADE
);
