CREATE OR REPLACE ACTION debit($account TEXT, $amount NUMERIC(78,0)) PRIVATE {
    $available := balance_of($account);
    IF $available < $amount {
        ERROR('insufficient balance: ' || $account || ' has ' || $available::text || ', needs ' || $amount::text);
    }
    UPDATE balances SET amount = amount - $amount WHERE account = $account;
};
