-- Time series: streams of points with readers and writers, and streams composed of others by weight.
-- Deploy as the owner of the network: kwil-cli exec-sql --file examples/schemas/timeseries.sql --sync

CREATE NAMESPACE IF NOT EXISTS timeseries;
SET CURRENT NAMESPACE TO timeseries;

CREATE TABLE streams (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    is_private BOOL NOT NULL DEFAULT false,
    created_at INT8 NOT NULL,
    CONSTRAINT known_kind CHECK (kind = 'primitive' OR kind = 'composed'),
    CONSTRAINT id_length CHECK (length(id) BETWEEN 1 AND 64)
);

CREATE TABLE points (
    stream TEXT,
    at INT8,
    value NUMERIC(36,18) NOT NULL,
    height INT8 NOT NULL,
    PRIMARY KEY (stream, at),
    FOREIGN KEY (stream) REFERENCES streams(id) ON DELETE CASCADE
);

CREATE TABLE components (
    stream TEXT,
    child TEXT,
    weight NUMERIC(36,18) NOT NULL CHECK (weight > 0::numeric(36,18)),
    PRIMARY KEY (stream, child),
    FOREIGN KEY (stream) REFERENCES streams(id) ON DELETE CASCADE,
    FOREIGN KEY (child) REFERENCES streams(id) ON DELETE RESTRICT
);

CREATE TABLE members (
    stream TEXT,
    account TEXT,
    may_write BOOL NOT NULL,
    PRIMARY KEY (stream, account),
    FOREIGN KEY (stream) REFERENCES streams(id) ON DELETE CASCADE
);

CREATE INDEX components_by_child ON components (child);
CREATE INDEX members_by_account ON members (account);

CREATE OR REPLACE ACTION create_stream($id TEXT, $is_private BOOL DEFAULT false) PUBLIC {
    INSERT INTO streams (id, owner, kind, is_private, created_at)
    VALUES ($id, @caller, 'primitive', $is_private, @block_timestamp);
};

CREATE OR REPLACE ACTION create_composed($id TEXT, $children TEXT[], $weights NUMERIC(36,18)[]) PUBLIC {
    IF array_length($children) != array_length($weights) {
        ERROR('every child needs a weight');
    }
    INSERT INTO streams (id, owner, kind, created_at) VALUES ($id, @caller, 'composed', @block_timestamp);
    INSERT INTO components (stream, child, weight)
    SELECT $id, c.child, c.weight FROM unnest($children, $weights) AS c(child, weight);
    IF depth_of($id) > 5 {
        ERROR('streams may be composed 5 levels deep');
    }
};

CREATE OR REPLACE ACTION depth_of($id TEXT) PRIVATE VIEW RETURNS (depth INT8) {
    RETURN WITH RECURSIVE tree AS (
        SELECT stream, child, 1 AS level FROM components WHERE stream = $id
        UNION
        SELECT c.stream, c.child, t.level + 1 FROM components c JOIN tree t ON c.stream = t.child WHERE t.level < 10
    )
    SELECT coalesce(max(level), 0) FROM tree;
};

CREATE OR REPLACE ACTION is_allowed($id TEXT, $write BOOL) PRIVATE VIEW RETURNS (allowed BOOL) {
    FOR $stream IN SELECT owner, is_private FROM streams WHERE id = $id {
        IF $stream.owner = @caller {
            RETURN true;
        }
        IF !$write AND !$stream.is_private {
            RETURN true;
        }
        FOR $member IN SELECT may_write FROM members WHERE stream = $id AND account = @caller {
            RETURN !$write OR $member.may_write;
        }
        RETURN false;
    }
    ERROR('no such stream: ' || $id);
};

CREATE OR REPLACE ACTION require_owner($id TEXT) PRIVATE VIEW {
    FOR $stream IN SELECT owner FROM streams WHERE id = $id AND owner = @caller {
        RETURN;
    }
    ERROR('only its owner may do this to stream ' || $id);
};

CREATE OR REPLACE ACTION share($id TEXT, $account TEXT, $may_write BOOL DEFAULT false) PUBLIC {
    require_owner($id);
    INSERT INTO members (stream, account, may_write) VALUES ($id, $account, $may_write)
    ON CONFLICT (stream, account) DO UPDATE SET may_write = excluded.may_write;
};

CREATE OR REPLACE ACTION unshare($id TEXT, $account TEXT) PUBLIC {
    require_owner($id);
    DELETE FROM members WHERE stream = $id AND account = $account;
};

CREATE OR REPLACE ACTION set_private($id TEXT, $is_private BOOL) PUBLIC {
    require_owner($id);
    UPDATE streams SET is_private = $is_private WHERE id = $id;
};

-- Many points in one statement; a later value of the same moment wins.
CREATE OR REPLACE ACTION insert_points($id TEXT, $at INT8[], $values NUMERIC(36,18)[]) PUBLIC RETURNS (points INT8) {
    IF !is_allowed($id, true) {
        ERROR('no right to write to stream ' || $id);
    }
    IF array_length($at) != array_length($values) {
        ERROR('every point needs a time and a value');
    }
    INSERT INTO points (stream, at, value, height)
    SELECT $id, p.at, p.value, @height FROM unnest($at, $values) AS p(at, value)
    ON CONFLICT (stream, at) DO UPDATE SET value = excluded.value, height = excluded.height;
    RETURN array_length($at);
};

CREATE OR REPLACE ACTION delete_points($id TEXT, $from INT8, $to INT8) PUBLIC {
    require_owner($id);
    DELETE FROM points WHERE stream = $id AND at BETWEEN $from AND $to;
};

-- The value of a stream at a moment: the last point, or the weighted mean of the children.
CREATE OR REPLACE ACTION value_at($id TEXT, $at INT8) PUBLIC VIEW RETURNS (value NUMERIC(36,18)) {
    IF !is_allowed($id, false) {
        ERROR('no right to read stream ' || $id);
    }
    $kind TEXT;
    FOR $stream IN SELECT kind FROM streams WHERE id = $id {
        $kind := $stream.kind;
    }
    IF $kind = 'primitive' {
        FOR $point IN SELECT value FROM points WHERE stream = $id AND at <= $at ORDER BY at DESC LIMIT 1 {
            RETURN $point.value;
        }
        RETURN null;
    }
    $sum NUMERIC(36,18) := 0::numeric(36,18);
    $weights NUMERIC(36,18) := 0::numeric(36,18);
    FOR $part IN SELECT child, weight FROM components WHERE stream = $id ORDER BY child {
        $value := value_at($part.child, $at);
        IF $value IS NOT NULL {
            $sum := $sum + $value * $part.weight;
            $weights := $weights + $part.weight;
        }
    }
    IF $weights = 0::numeric(36,18) {
        RETURN null;
    }
    RETURN $sum / $weights;
};

CREATE OR REPLACE ACTION get_points($id TEXT, $from INT8 DEFAULT null, $to INT8 DEFAULT null, $limit INT8 DEFAULT 1000) PUBLIC VIEW
RETURNS TABLE (at INT8, value NUMERIC(36,18)) {
    IF !is_allowed($id, false) {
        ERROR('no right to read stream ' || $id);
    }
    RETURN SELECT at, value FROM points
    WHERE stream = $id AND ($from IS NULL OR at >= $from) AND ($to IS NULL OR at <= $to)
    ORDER BY at LIMIT $limit;
};

-- A composed stream between two moments, one row for each time a part of it changed.
CREATE OR REPLACE ACTION composed_points($id TEXT, $from INT8, $to INT8) PUBLIC VIEW RETURNS TABLE (at INT8, value NUMERIC(36,18)) {
    FOR $moment IN WITH RECURSIVE leaves AS (
            SELECT id FROM streams WHERE id = $id
            UNION
            SELECT c.child FROM components c JOIN leaves l ON c.stream = l.id
        )
        SELECT DISTINCT p.at AS at FROM points p JOIN leaves l ON l.id = p.stream
        WHERE p.at BETWEEN $from AND $to ORDER BY p.at {
        RETURN NEXT $moment.at, value_at($id, $moment.at);
    }
};

-- Change against the point before in percent.
CREATE OR REPLACE ACTION changes($id TEXT) PUBLIC VIEW RETURNS TABLE (at INT8, value NUMERIC(36,18), percent NUMERIC(36,18)) {
    IF !is_allowed($id, false) {
        ERROR('no right to read stream ' || $id);
    }
    RETURN WITH steps AS (
        SELECT at, value, lag(value, 1) OVER (ORDER BY at) AS before FROM points WHERE stream = $id
    )
    SELECT at, value,
        CASE WHEN before IS NULL OR before = 0::numeric(36,18) THEN NULL
             ELSE (value - before) * 100::numeric(36,18) / before END
    FROM steps ORDER BY at;
};

-- Sum and count so far, and the mean of everything, computed by the database.
CREATE OR REPLACE ACTION summary($id TEXT) PUBLIC VIEW
RETURNS (points INT8, first_at INT8, last_at INT8, low NUMERIC(36,18), high NUMERIC(36,18), mean NUMERIC(36,18)) {
    IF !is_allowed($id, false) {
        ERROR('no right to read stream ' || $id);
    }
    RETURN SELECT count(*), min(at), max(at), min(value), max(value), avg(value) FROM points WHERE stream = $id;
};

CREATE OR REPLACE ACTION moving_sum($id TEXT, $size INT8) PUBLIC VIEW RETURNS TABLE (at INT8, total NUMERIC(36,18)) {
    IF $size < 1 OR $size > 100 {
        ERROR('the window has 1 to 100 points');
    }
    $window NUMERIC(36,18)[];
    FOR $point IN get_points($id) {
        $window := array_append($window, $point.value);
        IF array_length($window) > $size {
            $window := $window[2:];
        }
        $total NUMERIC(36,18) := 0::numeric(36,18);
        FOR $value IN ARRAY $window {
            $total := $total + $value;
        }
        RETURN NEXT $point.at, $total;
    }
};

CREATE OR REPLACE ACTION list_streams() PUBLIC VIEW RETURNS TABLE (id TEXT, kind TEXT, is_private BOOL, points INT8, readers TEXT[]) {
    RETURN SELECT s.id, s.kind, s.is_private,
        (SELECT count(*) FROM points p WHERE p.stream = s.id),
        (SELECT array_agg(m.account ORDER BY m.account) FROM members m WHERE m.stream = s.id)
    FROM streams s ORDER BY s.id;
};
