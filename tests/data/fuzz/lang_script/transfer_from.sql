CREATE OR REPLACE ACTION transfer_from($holder TEXT, $to TEXT, $amount NUMERIC(78,0)) PUBLIC {
    $allowed := allowance($holder, @caller);
    IF $allowed < $amount {
        ERROR('the allowance of ' || $allowed::text || ' is too small');
    }
    UPDATE allowances SET amount = amount - $amount WHERE holder = $holder AND spender = @caller;
    move_tokens($holder, $to, $amount);
};
