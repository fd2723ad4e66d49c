-- Only the owner of the network removes people, with everything they wrote.
CREATE OR REPLACE ACTION ban($who TEXT) PUBLIC OWNER {
    DELETE FROM users WHERE address = $who;
};
