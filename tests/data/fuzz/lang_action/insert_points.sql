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
