-- Schemas of the node. kwild_meta is covered by the state hash (except chain and network), kwild_state holds the hash
-- itself, kwild_fn holds functions, kwild_local is never hashed and never in a snapshot.
CREATE SCHEMA kwild_state;
CREATE SCHEMA kwild_fn;
CREATE SCHEMA kwild_local;

-- One row: which network this database belongs to. Written by genesis.
CREATE TABLE kwild_meta.network (
    one          bool PRIMARY KEY DEFAULT true CHECK (one),
    chain_id     text COLLATE "C" NOT NULL,
    genesis_hash bytea NOT NULL CHECK (octet_length(genesis_hash) = 32),
    pg_major     int8 NOT NULL
);

-- One row: the last committed block. Written in the transaction of that block.
CREATE TABLE kwild_meta.chain (
    one             bool PRIMARY KEY DEFAULT true CHECK (one),
    height          int8 NOT NULL,
    block_hash      bytea NOT NULL CHECK (octet_length(block_hash) = 32),
    app_hash        bytea NOT NULL CHECK (octet_length(app_hash) = 32),
    state_root      bytea NOT NULL CHECK (octet_length(state_root) = 32),
    time            int8 NOT NULL,
    catalog_version int8 NOT NULL
);

-- Sums of the rows of every table that the state hash covers.
CREATE TABLE kwild_state.lattice (
    table_id int8 PRIMARY KEY,
    rows     int8 NOT NULL CHECK (rows >= 0),
    lanes    bytea NOT NULL CHECK (octet_length(lanes) = 2048)
);
ALTER TABLE kwild_state.lattice ALTER COLUMN lanes SET STORAGE EXTERNAL;

-- Tables of the engine. Rows are covered by the state hash; only the block writer changes them.
CREATE TABLE kwild_meta.accounts (
    identifier bytea NOT NULL,
    key_type   int8 NOT NULL,
    balance    text COLLATE "C" NOT NULL CHECK (balance ~ '^(0|[1-9][0-9]*)$'),
    nonce      int8 NOT NULL,
    PRIMARY KEY (identifier, key_type)
);
CREATE TABLE kwild_meta.validators (
    public_key bytea NOT NULL,
    key_type   int8 NOT NULL,
    power      int8 NOT NULL CHECK (power > 0),
    PRIMARY KEY (public_key, key_type)
);
CREATE TABLE kwild_meta.resolutions (
    id            bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    type          text COLLATE "C" NOT NULL,
    body          bytea NOT NULL,
    proposer      bytea NOT NULL,
    proposer_type int8 NOT NULL,
    expiration    int8 NOT NULL
);
CREATE TABLE kwild_meta.votes (
    resolution bytea NOT NULL CHECK (octet_length(resolution) = 16),
    voter      bytea NOT NULL,
    voter_type int8 NOT NULL,
    PRIMARY KEY (resolution, voter, voter_type)
);
CREATE TABLE kwild_meta.processed (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16)
);
CREATE TABLE kwild_meta.params (
    name  text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- The catalog of user tables, covered by the catalog hash.
CREATE TABLE kwild_meta.namespaces (
    name text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL
);
CREATE TABLE kwild_meta.tables (
    id          int8 PRIMARY KEY,
    schema      text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    next_column int8 NOT NULL,
    UNIQUE (schema, name)
);
CREATE TABLE kwild_meta.columns (
    table_id int8 NOT NULL,
    id       int8 NOT NULL,
    name     text COLLATE "C" NOT NULL,
    type     text COLLATE "C" NOT NULL,
    not_null bool NOT NULL,
    PRIMARY KEY (table_id, id),
    UNIQUE (table_id, name)
);
CREATE TABLE kwild_meta.counters (
    name text COLLATE "C" PRIMARY KEY,
    next int8 NOT NULL
);

-- Capture of row changes of user tables: one function for each operation. A row whose canonical form could pass 36 MiB fails its
-- statement, on every node. Canonical decimals are text: at most twice the bytes of their image while they are short, at most 1.2 times
-- their text when they are long, and 72 times their image at worst. So an image of 128 KiB is always small enough; larger ones are
-- when they have at most 7 MiB and, as text, 16 MiB. A CHECK of the capture table would cost three times what the trigger does.
CREATE FUNCTION kwild_fn.cap_ins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    image bytea := pg_catalog.record_send(NEW);
BEGIN
    IF pg_catalog.octet_length(image) > 7340032 OR (pg_catalog.octet_length(image) > 131072
            AND pg_catalog.octet_length(NEW::text) > 16777216) THEN
        RAISE check_violation USING MESSAGE = 'the row is too large for the state hash',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'row_too_large';
    END IF;
    INSERT INTO pg_temp.kwil_capture (rel, new) VALUES (TG_RELID, image);
    RETURN NULL;
END $$;
CREATE FUNCTION kwild_fn.cap_upd() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    image bytea := pg_catalog.record_send(NEW);
BEGIN
    IF pg_catalog.octet_length(image) > 7340032 OR (pg_catalog.octet_length(image) > 131072
            AND pg_catalog.octet_length(NEW::text) > 16777216) THEN
        RAISE check_violation USING MESSAGE = 'the row is too large for the state hash',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'row_too_large';
    END IF;
    INSERT INTO pg_temp.kwil_capture (rel, old, new) VALUES (TG_RELID, pg_catalog.record_send(OLD), image);
    RETURN NULL;
END $$;
CREATE FUNCTION kwild_fn.cap_del() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_temp.kwil_capture (rel, old) VALUES (TG_RELID, pg_catalog.record_send(OLD));
    RETURN NULL;
END $$;
CREATE FUNCTION kwild_fn.no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of %.% would escape the state hash', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

-- Tables of the engine have no capture; their guard lets only a session with a capture table write.
CREATE FUNCTION kwild_fn.only_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.to_regclass('pg_temp.kwil_capture') IS NULL THEN
        RAISE EXCEPTION '%.% is written by the node only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['network', 'chain', 'accounts', 'validators', 'resolutions', 'votes', 'processed',
                                'params', 'namespaces', 'tables', 'columns', 'counters'] LOOP
        EXECUTE format('CREATE TRIGGER kwil_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON kwild_meta.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION kwild_fn.only_writer()', name);
        EXECUTE format('ALTER TABLE kwild_meta.%I ENABLE ALWAYS TRIGGER kwil_guard', name);
    END LOOP;
END $$;
CREATE TRIGGER kwil_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON kwild_state.lattice
    FOR EACH STATEMENT EXECUTE FUNCTION kwild_fn.only_writer();
ALTER TABLE kwild_state.lattice ENABLE ALWAYS TRIGGER kwil_guard;
