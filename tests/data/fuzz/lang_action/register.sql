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
