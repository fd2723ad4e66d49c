CREATE OR REPLACE ACTION burn($amount NUMERIC(78,0)) PUBLIC {
    require_positive($amount);
    debit(@caller, $amount);
    record('burn', @caller, null, $amount);
};
