CREATE TABLE post_tags (
    tag TEXT,
    post_id UUID,
    PRIMARY KEY (tag, post_id),
    FOREIGN KEY (post_id) REFERENCES posts(id) ON DELETE CASCADE
);
