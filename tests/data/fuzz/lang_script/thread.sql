-- A post with all its answers, however deep.
CREATE OR REPLACE ACTION thread($root UUID) PUBLIC VIEW
RETURNS TABLE (id UUID, depth INT8, author TEXT, body TEXT) {
    RETURN WITH RECURSIVE answers AS (
        SELECT id, 0 AS depth, author, body FROM posts WHERE id = $root
        UNION ALL
        SELECT p.id, a.depth + 1, p.author, p.body FROM posts p JOIN answers a ON p.reply_to = a.id
    )
    SELECT a.id, a.depth, u.name, a.body FROM answers a JOIN users u ON u.address = a.author
    ORDER BY a.depth, a.id;
};
