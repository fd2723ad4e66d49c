-- A small social network: people, posts, follows, likes, tags.
-- Deploy as the owner of the network: kwil-cli exec-sql --file examples/schemas/social.sql --sync

CREATE NAMESPACE IF NOT EXISTS social;
SET CURRENT NAMESPACE TO social;

CREATE TABLE users (
    address TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    bio TEXT,
    joined_at INT8 NOT NULL,
    CONSTRAINT name_length CHECK (length(name) >= 3 AND length(name) <= 32)
);

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

CREATE TABLE follows (
    follower TEXT,
    followee TEXT,
    since INT8 NOT NULL,
    PRIMARY KEY (follower, followee),
    FOREIGN KEY (follower) REFERENCES users(address) ON DELETE CASCADE,
    FOREIGN KEY (followee) REFERENCES users(address) ON DELETE CASCADE,
    CHECK (follower != followee)
);

CREATE TABLE likes (
    post_id UUID,
    user TEXT,
    PRIMARY KEY (post_id, user),
    FOREIGN KEY (post_id) REFERENCES posts(id) ON DELETE CASCADE,
    FOREIGN KEY (user) REFERENCES users(address) ON DELETE CASCADE
);

CREATE TABLE post_tags (
    tag TEXT,
    post_id UUID,
    PRIMARY KEY (tag, post_id),
    FOREIGN KEY (post_id) REFERENCES posts(id) ON DELETE CASCADE
);

CREATE INDEX IF NOT EXISTS posts_by_author ON posts (author, created_at);
CREATE INDEX IF NOT EXISTS posts_by_reply ON posts (reply_to);
CREATE INDEX IF NOT EXISTS follows_by_followee ON follows (followee);

-- Who calls, if registered; an error otherwise.
CREATE OR REPLACE ACTION require_user() PRIVATE VIEW RETURNS (name TEXT) {
    FOR $row IN SELECT name FROM users WHERE address = @caller {
        RETURN $row.name;
    }
    ERROR('register first: ' || @caller);
};

CREATE OR REPLACE ACTION register($name TEXT, $bio TEXT DEFAULT null) PUBLIC {
    FOR $taken IN SELECT address FROM users WHERE lower(name) = lower($name) {
        IF $taken.address != @caller {
            ERROR('the name ' || $name || ' is taken');
        }
    }
    INSERT INTO users (address, name, bio, joined_at)
    VALUES (@caller, $name, $bio, @block_timestamp)
    ON CONFLICT (address) DO UPDATE SET name = excluded.name, bio = coalesce(excluded.bio, users.bio);
};

CREATE OR REPLACE ACTION publish($body TEXT, $tags TEXT[] DEFAULT null, $reply_to UUID DEFAULT null) PUBLIC RETURNS (id UUID) {
    require_user();
    $id := uuid_generate_kwil(@txid || $body);
    IF $reply_to IS NOT NULL {
        $found BOOL := false;
        FOR $parent IN SELECT id FROM posts WHERE id = $reply_to {
            $found := true;
        }
        IF !$found {
            ERROR('there is no post to reply to');
        }
    }
    $clean TEXT[];
    FOR $tag IN ARRAY $tags {
        IF $tag IS NULL {
            CONTINUE;
        }
        $folded := lower(trim($tag));
        IF length($folded) = 0 {
            CONTINUE;
        }
        $clean := array_append(array_remove($clean, $folded), $folded);
        IF array_length($clean) > 5 {
            ERROR('a post has at most 5 tags');
        }
    }
    INSERT INTO posts (id, author, body, tags, reply_to, created_at, height)
    VALUES ($id, @caller, $body, $clean, $reply_to, @block_timestamp, @height);
    INSERT INTO post_tags (tag, post_id)
    SELECT t.tag, $id FROM unnest($clean) AS t(tag);
    NOTICE('published ' || $id::text);
    RETURN $id;
};

CREATE OR REPLACE ACTION edit_post($id UUID, $body TEXT) PUBLIC {
    require_author($id);
    UPDATE posts SET body = $body WHERE id = $id;
};

CREATE OR REPLACE ACTION remove_post($id UUID) PUBLIC {
    require_author($id);
    DELETE FROM posts WHERE id = $id;
};

CREATE OR REPLACE ACTION require_author($id UUID) PRIVATE VIEW {
    FOR $post IN SELECT author FROM posts WHERE id = $id {
        IF $post.author = @caller {
            RETURN;
        }
        ERROR('only its author may change a post');
    }
    ERROR('no such post');
};

CREATE OR REPLACE ACTION like_post($id UUID) PUBLIC {
    require_user();
    INSERT INTO likes (post_id, user) VALUES ($id, @caller) ON CONFLICT (post_id, user) DO NOTHING;
};

CREATE OR REPLACE ACTION unlike_post($id UUID) PUBLIC {
    DELETE FROM likes WHERE post_id = $id AND user = @caller;
};

CREATE OR REPLACE ACTION follow($who TEXT) PUBLIC {
    require_user();
    INSERT INTO follows (follower, followee, since) VALUES (@caller, $who, @block_timestamp)
    ON CONFLICT DO NOTHING;
};

CREATE OR REPLACE ACTION unfollow($who TEXT) PUBLIC {
    DELETE FROM follows WHERE follower = @caller AND followee = $who;
};

-- Only the owner of the network removes people, with everything they wrote.
CREATE OR REPLACE ACTION ban($who TEXT) PUBLIC OWNER {
    DELETE FROM users WHERE address = $who;
};

CREATE OR REPLACE ACTION profile($who TEXT) PUBLIC VIEW
RETURNS (name TEXT, bio TEXT, posts INT8, followers INT8, following INT8, likes INT8) {
    RETURN SELECT u.name, u.bio,
        (SELECT count(*) FROM posts p WHERE p.author = u.address),
        (SELECT count(*) FROM follows f WHERE f.followee = u.address),
        (SELECT count(*) FROM follows f WHERE f.follower = u.address),
        (SELECT count(*) FROM likes l JOIN posts p ON p.id = l.post_id WHERE p.author = u.address)
    FROM users u WHERE u.address = $who;
};

-- What the people one follows wrote, the newest first.
CREATE OR REPLACE ACTION timeline($limit INT8 DEFAULT 20, $before INT8 DEFAULT null) PUBLIC VIEW
RETURNS TABLE (id UUID, author TEXT, body TEXT, created_at INT8, likes INT8, is_liked BOOL) {
    RETURN WITH circle AS (
        SELECT followee AS address FROM follows WHERE follower = @caller
        UNION
        SELECT address FROM users WHERE address = @caller
    )
    SELECT p.id, u.name AS author, p.body, p.created_at,
        count(l.user) AS likes,
        EXISTS (SELECT 1 FROM likes m WHERE m.post_id = p.id AND m.user = @caller) AS is_liked
    FROM posts p
    JOIN circle c ON c.address = p.author
    JOIN users u ON u.address = p.author
    LEFT JOIN likes l ON l.post_id = p.id
    WHERE $before IS NULL OR p.created_at < $before
    GROUP BY p.id, u.name, p.body, p.created_at
    ORDER BY p.created_at DESC, p.id
    LIMIT $limit;
};

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

CREATE OR REPLACE ACTION trending($since INT8, $limit INT8 DEFAULT 10) PUBLIC VIEW
RETURNS TABLE (place INT8, tag TEXT, uses INT8, people INT8) {
    RETURN WITH used AS (
        SELECT t.tag AS tag, count(*) AS uses, count(DISTINCT p.author) AS people
        FROM post_tags t JOIN posts p ON p.id = t.post_id
        WHERE p.created_at >= $since
        GROUP BY t.tag
    )
    SELECT row_number() OVER (ORDER BY uses DESC, tag) AS place, tag, uses, people
    FROM used ORDER BY place LIMIT $limit;
};

-- People followed by those one follows, with how many of them do.
CREATE OR REPLACE ACTION suggestions() PUBLIC VIEW RETURNS TABLE (address TEXT, name TEXT, shared INT8) {
    RETURN SELECT u.address, u.name, count(*) AS shared
    FROM follows mine
    JOIN follows theirs ON theirs.follower = mine.followee
    JOIN users u ON u.address = theirs.followee
    WHERE mine.follower = @caller
        AND theirs.followee != @caller
        AND theirs.followee NOT IN (SELECT followee FROM follows WHERE follower = @caller)
    GROUP BY u.address, u.name
    ORDER BY shared DESC, u.name;
};

-- A person's day in numbers, made row by row.
CREATE OR REPLACE ACTION activity($who TEXT) PUBLIC VIEW RETURNS TABLE (kind TEXT, entries INT8) {
    $kinds := ['posts', 'likes', 'follows'];
    FOR $i IN 1..array_length($kinds) {
        $n INT8 := 0;
        IF $kinds[$i] = 'posts' {
            FOR $r IN SELECT count(*) AS n FROM posts WHERE author = $who { $n := $r.n; }
        } ELSEIF $kinds[$i] = 'likes' {
            FOR $r IN SELECT count(*) AS n FROM likes WHERE user = $who { $n := $r.n; }
        } ELSE {
            FOR $r IN SELECT count(*) AS n FROM follows WHERE follower = $who { $n := $r.n; }
        }
        RETURN NEXT $kinds[$i], $n;
    }
};
