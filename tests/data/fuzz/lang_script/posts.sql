CREATE TABLE posts (
    id UUID PRIMARY KEY,
    author TEXT NOT NULL REFERENCES users(address) ON DELETE CASCADE,
    body TEXT NOT NULL CHECK (length(body) <= 500),
    tags TEXT[],
    reply_to UUID,
    created_at INT8 NOT NULL,
    height INT8 NOT NULL,
    FOREIGN KEY (reply_to) REFERENCES posts(id) ON DELETE SET NULL
);
