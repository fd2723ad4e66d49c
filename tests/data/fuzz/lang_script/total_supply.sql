CREATE OR REPLACE ACTION total_supply() PUBLIC VIEW RETURNS (amount NUMERIC(78,0)) {
    RETURN SELECT coalesce(sum(amount)::numeric(78,0), 0::numeric(78,0)) FROM balances;
};
