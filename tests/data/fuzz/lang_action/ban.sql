CREATE OR REPLACE ACTION ban($who TEXT) PUBLIC OWNER {
    DELETE FROM users WHERE address = $who;
};
