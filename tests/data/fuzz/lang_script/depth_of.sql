CREATE OR REPLACE ACTION depth_of($id TEXT) PRIVATE VIEW RETURNS (depth INT8) {
    RETURN WITH RECURSIVE tree AS (
        SELECT stream, child, 1 AS level FROM components WHERE stream = $id
        UNION
        SELECT c.stream, c.child, t.level + 1 FROM components c JOIN tree t ON c.stream = t.child WHERE t.level < 10
    )
    SELECT coalesce(max(level), 0) FROM tree;
};
