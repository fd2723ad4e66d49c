-- Sum and count so far, and the mean of everything, computed by the database.
CREATE OR REPLACE ACTION summary($id TEXT) PUBLIC VIEW
RETURNS (points INT8, first_at INT8, last_at INT8, low NUMERIC(36,18), high NUMERIC(36,18), mean NUMERIC(36,18)) {
    IF !is_allowed($id, false) {
        ERROR('no right to read stream ' || $id);
    }
    RETURN SELECT count(*), min(at), max(at), min(value), max(value), avg(value) FROM points WHERE stream = $id;
};
