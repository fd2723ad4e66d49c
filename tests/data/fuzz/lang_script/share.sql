CREATE OR REPLACE ACTION share($id TEXT, $account TEXT, $may_write BOOL DEFAULT false) PUBLIC {
    require_owner($id);
    INSERT INTO members (stream, account, may_write) VALUES ($id, $account, $may_write)
    ON CONFLICT (stream, account) DO UPDATE SET may_write = excluded.may_write;
};
