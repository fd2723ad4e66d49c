CREATE ACTION a($x INT, $x TEXT) PUBLIC PUBLIC {
    $y := 1 +;
    IF $y { FOR 1 IN 2 {} }
    RETURN NEXT;
} ELSE { };
SELECT a b c FROM; CREATE TABLE t (a FLOAT, a INT); GRANT SELECT TO 'bob';
SELECT 'unterminated
