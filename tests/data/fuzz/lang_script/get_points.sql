CREATE OR REPLACE ACTION get_points($id TEXT, $from INT8 DEFAULT null, $to INT8 DEFAULT null, $limit INT8 DEFAULT 1000) PUBLIC VIEW
RETURNS TABLE (at INT8, value NUMERIC(36,18)) {
    IF !is_allowed($id, false) {
        ERROR('no right to read stream ' || $id);
    }
    RETURN SELECT at, value FROM points
    WHERE stream = $id AND ($from IS NULL OR at >= $from) AND ($to IS NULL OR at <= $to)
    ORDER BY at LIMIT $limit;
};
