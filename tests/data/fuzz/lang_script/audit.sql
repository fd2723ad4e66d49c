-- Whether the balances are what the journal says.
CREATE OR REPLACE ACTION audit() PUBLIC VIEW RETURNS (accounts INT8, differing INT8) {
    $accounts := 0;
    $differing := 0;
    FOR $row IN SELECT account, amount FROM balances {
        $accounts := $accounts + 1;
        $sum NUMERIC(78,0) := 0::numeric(78,0);
        FOR $line IN statement($row.account) {
            $sum := $sum + $line.change;
        }
        IF $sum != $row.amount {
            $differing := $differing + 1;
        }
    }
    RETURN $accounts, $differing;
};;
