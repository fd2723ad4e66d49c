-- A token ledger with allowances.
CREATE TABLE IF NOT EXISTS balances (
    owner TEXT PRIMARY KEY,
    amount NUMERIC(78,0) NOT NULL DEFAULT 0::numeric(78,0) CHECK (amount >= 0::numeric(78,0)),
    updated_at INT8
);
CREATE TABLE allowances (
    owner TEXT NOT NULL REFERENCES balances(owner) ON DELETE CASCADE ON UPDATE NO ACTION,
    spender TEXT NOT NULL,
    amount NUMERIC(78,0) NOT NULL,
    CONSTRAINT allowances_pk PRIMARY KEY (owner, spender)
);
CREATE INDEX IF NOT EXISTS allowances_spender ON allowances (spender);
CREATE OR REPLACE ACTION transfer($to TEXT, $amount NUMERIC(78,0), $note TEXT DEFAULT null) PUBLIC RETURNS (ok BOOL) {
    IF $amount <= 0::numeric(78,0) { ERROR('amount must be positive, got ' || $amount::text); }
    $left := balance_of(@caller);
    IF $left < $amount {
        ERROR('insufficient balance');
    } ELSEIF $to = @caller {
        NOTICE('nothing moves');
        RETURN true;
    }
    UPDATE balances SET amount = amount - $amount, updated_at = @block_timestamp WHERE owner = @caller;
    INSERT INTO balances AS b (owner, amount, updated_at) VALUES ($to, $amount, @height)
        ON CONFLICT (owner) DO UPDATE SET amount = b.amount + excluded.amount;
    $log TEXT[] := ['a', 'b'];
    $log[3] := coalesce($note, '');
    FOR $i IN 1..array_length($log) { IF $i == 2 { CONTINUE; } NOTICE($log[$i]); }
    FOR $row IN SELECT owner, amount FROM balances WHERE amount > 0::numeric(78,0) ORDER BY amount DESC LIMIT 10 {
        FOR $x IN ARRAY [1, 2, 3] { $s := $row.owner || $x::text; }
    };
    RETURN true;
};
CREATE ACTION balance_of($who TEXT) PRIVATE VIEW RETURNS (amount NUMERIC(78,0)) {
    FOR $r IN SELECT amount FROM balances WHERE owner = $who { RETURN $r.amount; }
    RETURN 0::numeric(78,0);
};
CREATE ACTION top() PUBLIC VIEW RETURNS TABLE (owner TEXT, rank INT, share NUMERIC(10,4)) {
    RETURN WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10),
        ranked (owner, rank) AS (SELECT b.owner, row_number() OVER (PARTITION BY b.owner ORDER BY b.amount DESC NULLS LAST) FROM balances b)
        SELECT r.owner, r.rank, CASE WHEN r.rank IS NOT DISTINCT FROM 1 THEN 1.0::numeric(10,4) ELSE null END
        FROM ranked AS r LEFT JOIN n ON n.i = r.rank
        WHERE r.owner NOT LIKE 'x%' AND r.rank BETWEEN 1 AND 10 AND r.owner IN (SELECT owner FROM balances)
        ORDER BY 2, 1 LIMIT 5 OFFSET 0;
};
{ledger} INSERT INTO t SELECT u.v, u.k FROM unnest($a, $b) WITH ORDINALITY AS u(v, k, n);
GRANT IF NOT GRANTED SELECT, INSERT ON ledger TO writers; REVOKE writers FROM 'bob'; TRANSFER OWNERSHIP TO @caller;
USE IF NOT EXISTS bridge { chain: 'sepolia', escrow: 0x00ff, blocks: -1 } AS eth; UNUSE eth IF EXISTS;
