-- Pays many at once, all or nothing.
CREATE OR REPLACE ACTION transfer_many($to TEXT[], $amounts NUMERIC(78,0)[]) PUBLIC RETURNS (paid INT8, total NUMERIC(78,0)) {
    IF array_length($to) != array_length($amounts) {
        ERROR('as many amounts as receivers are needed');
    }
    $total NUMERIC(78,0) := 0::numeric(78,0);
    FOR $i IN 1..array_length($to) {
        move_tokens(@caller, $to[$i], $amounts[$i]);
        $total := $total + $amounts[$i];
    }
    NOTICE('paid ' || array_length($to)::text || ' receivers ' || $total::text);
    RETURN array_length($to), $total;
};
