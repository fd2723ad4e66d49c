//! Operators, NULL, arrays.

use kwil_types::Value;

use super::super::{binary, set_element, set_slice};
use super::{check, check_row, evaluate, shown};
use crate::Limits;
use kwil_lang::ast::BinaryOp;

#[test]
fn comparisons_of_every_type() {
    for (op, equal) in [("=", true), ("!=", false)] {
        let want = format!("{equal} bool");
        check_row(|operand| format!("{operand} {op} {operand}"), [&want; 7]);
    }
    for (op, equal) in [("<", false), ("<=", true), (">", false), (">=", true)] {
        let want = format!("{equal} bool");
        let want = [&*want, &want, &want, &want, "Comparison", "Comparison", "Comparison"];
        check_row(|operand| format!("{operand} {op} {operand}"), want);
    }
    check(&[
        ("1 < 2", "true bool"),
        ("'Z' < 'a'", "true bool"),
        ("'é' > 'z'", "true bool"),
        ("false < true", "true bool"),
        ("1.5 = 1.50", "true bool"),
        ("1.5::numeric(5,2) = 1.5", "true bool"),
        ("-1.5 < 0.05", "true bool"),
        ("[1, NULL] = [1, NULL]", "true bool"),
        ("[1, NULL] = [1, 2]", "false bool"),
        ("[1] = [1, 2]", "false bool"),
        ("[1.5] = [1.50]", "true bool"),
        ("[1] = ['1']", "Type"),
        ("[1] = 1", "Type"),
        ("1 = 1.0", "Type"),
        ("1 < 'a'", "Type"),
        ("0x01 < 1", "Type"),
    ]);
}

#[test]
fn arithmetic_of_every_type() {
    const BAD: &str = "Arithmetic";
    let row = |op: &'static str, int8: &str, numeric: &str| {
        let want = [int8, BAD, BAD, numeric, BAD, BAD, "Type"];
        check_row(|operand| format!("{operand} {op} {operand}"), want);
    };
    row("+", "4 int8", "3.0 numeric(2,1)");
    row("-", "0 int8", "0.0 numeric(2,1)");
    row("*", "4 int8", "2.3 numeric(2,1)");
    row("/", "1 int8", "1.0 numeric(2,1)");
    row("%", "0 int8", "0.0 numeric(2,1)");
    check_row(
        |operand| format!("{operand} || {operand}"),
        [BAD, "'aa' text", BAD, BAD, "0x0101 bytea", BAD, "Type"],
    );
    check_row(
        |operand| format!("{operand} ^ {}", if operand == "1.5" { "2.0" } else { operand }),
        ["4 int8", BAD, BAD, "2.3 numeric(2,1)", BAD, BAD, "Type"],
    );
    check(&[
        ("1 + 'a'", "Type"),
        ("1 + 1.0", "Type"),
        ("'a' || 0x01", "Type"),
        ("[1] + 1", "Type"),
    ]);
}

#[test]
fn integers_never_wrap() {
    check(&[
        ("9223372036854775807 + 1", "Arithmetic"),
        ("-9223372036854775808 - 1", "Arithmetic"),
        ("-9223372036854775808 / -1", "Arithmetic"),
        ("-9223372036854775808 % -1", "0 int8"),
        ("-(-9223372036854775808)", "Arithmetic"),
        ("3037000500 * 3037000500", "Arithmetic"),
        ("1 / 0", "Arithmetic"),
        ("1 % 0", "Arithmetic"),
        ("-7 / 2", "-3 int8"),
        ("-7 % 2", "-1 int8"),
        ("7 % -2", "1 int8"),
        ("3 ^ 39", "4052555153018976267 int8"),
        ("3 ^ 40", "Arithmetic"),
        ("-2 ^ 63", "-9223372036854775808 int8"),
        ("2 ^ 63", "Arithmetic"),
        ("2 ^ 4294967297", "Arithmetic"),
        ("0 ^ 0", "1 int8"),
        ("0 ^ -1", "Arithmetic"),
        ("1 ^ -5", "1 int8"),
        ("-1 ^ -5", "-1 int8"),
        ("-1 ^ 4294967296", "1 int8"),
        ("2 ^ -1", "0 int8"),
    ]);
}

#[test]
fn numbers_take_the_type_of_the_left_operand() {
    check(&[
        ("10.00::numeric(6,2) / 3.0000::numeric(8,4)", "3.33 numeric(6,2)"),
        ("1.0 + 0.05", "1.1 numeric(2,1)"),
        ("9.9 + 0.05", "Arithmetic"),
        ("-7.5 % 2.0", "-1.5 numeric(2,1)"),
        ("1.5 / 0.0", "Arithmetic"),
        ("2.0 ^ 0.5", "Arithmetic"),
        ("2.0 ^ 99999999999.0", "Arithmetic"),
        ("4.0 ^ -1.0", "0.3 numeric(2,1)"),
        ("-(0.0)", "0.0 numeric(1,1)"),
    ]);
}

#[test]
fn prefixes_of_every_type() {
    const BAD: &str = "Unary";
    let want = ["-2 int8", BAD, BAD, "-1.5 numeric(2,1)", BAD, BAD, "Type"];
    check_row(|operand| format!("-({operand})"), want);
    let want = ["2 int8", BAD, BAD, "1.5 numeric(2,1)", BAD, BAD, "Type"];
    check_row(|operand| format!("+({operand})"), want);
    for not in ["NOT", "!"] {
        let want = [BAD, BAD, "false bool", BAD, BAD, BAD, "Type"];
        check_row(|operand| format!("{not} ({operand})"), want);
    }
}

#[test]
fn is_asked_of_every_type() {
    check_row(|operand| format!("({operand}) IS NULL"), ["false bool"; 7]);
    check_row(|operand| format!("({operand}) IS NOT NULL"), ["true bool"; 7]);
    check_row(|operand| format!("({operand}) IS DISTINCT FROM ({operand})"), ["false bool"; 7]);
    check_row(|operand| format!("({operand}) IS DISTINCT FROM NULL"), ["true bool"; 7]);
    let bool_only = ["Type", "Type", "true bool", "Type", "Type", "Type", "Type"];
    check_row(|operand| format!("({operand}) IS TRUE"), bool_only);
    check_row(|operand| format!("({operand}) IS NOT FALSE"), bool_only);
    check(&[
        ("NULL IS TRUE", "false bool"),
        ("NULL IS FALSE", "false bool"),
        ("NULL IS NOT TRUE", "true bool"),
        ("NULL IS NULL", "true bool"),
        ("NULL IS DISTINCT FROM NULL", "false bool"),
        ("1 IS DISTINCT FROM 2", "true bool"),
        ("1 IS DISTINCT FROM 'a'", "Type"),
        ("[1] IS DISTINCT FROM [2]", "true bool"),
        ("1.5 IS DISTINCT FROM 1.50", "false bool"),
    ]);
}

#[test]
fn null_operands_make_operators_null() {
    for op in ["+", "-", "*", "/", "%", "^", "||"] {
        check_row(|operand| format!("{operand} {op} NULL::text"), ["NULL text"; 7]);
        check_row(|operand| format!("NULL::int8 {op} {operand}"), ["NULL int8"; 7]);
    }
    for op in ["=", "!=", "<", "<=", ">", ">="] {
        check_row(|operand| format!("{operand} {op} NULL"), ["NULL bool"; 7]);
    }
    check(&[
        ("NULL AND false", "NULL bool"),
        ("NULL OR true", "NULL bool"),
        ("true AND NULL::bool", "NULL bool"),
        ("NULL AND 1", "Type"),
        ("1 AND true", "Type"),
        ("[true] OR true", "Type"),
        ("true AND false", "false bool"),
        ("true OR false", "true bool"),
        ("false OR false", "false bool"),
        ("NOT NULL::bool", "NULL bool"),
        ("-NULL::int8", "NULL int8"),
        ("NULL + NULL", "NULL null"),
    ]);
}

#[test]
fn elements_and_slices_stay_inside_the_array() {
    check(&[
        ("([4,5,6])[1]", "4 int8"),
        ("([4,5,6])[0]", "NULL int8"),
        ("([4,5,6])[4]", "NULL int8"),
        ("([4,5,6])[-9223372036854775808]", "NULL int8"),
        ("([4,5,6])[NULL]", "NULL int8"),
        ("([4,5,6])['1']", "Type"),
        ("(NULL::text[])[1]", "NULL text"),
        ("(NULL)[1]", "InvalidNull"),
        ("(1)[1]", "Type"),
        ("([4,5,6])[2:3]", "[5,6] int8[]"),
        ("([4,5,6])[:2]", "[4,5] int8[]"),
        ("([4,5,6])[2:]", "[5,6] int8[]"),
        ("([4,5,6])[-5:1]", "[4] int8[]"),
        ("([4,5,6])[2:99]", "[5,6] int8[]"),
        ("([4,5,6])[3:2]", "[] int8[]"),
        ("([4,5,6])[9:9]", "[] int8[]"),
        ("([4,5,6])[-3:-1]", "[] int8[]"),
        ("([4,5,6])[NULL:2]", "NULL int8[]"),
        ("(NULL::int8[])[1:2]", "NULL int8[]"),
        ("([4,5,6])[1.5:2]", "Type"),
    ]);
}

#[test]
fn literals_of_arrays_have_one_type() {
    check(&[
        ("[1, '2']", "[1,2] int8[]"),
        ("['1', 2]", "['1','2'] text[]"),
        ("[NULL, 2]", "[NULL,2] int8[]"),
        ("[1, 'x']", "Cast"),
        ("[1.5, 2.25]", "[1.5,2.3] numeric(2,1)[]"),
        ("[]", "ArrayDimensionality"),
        ("[]::int8[]", "[] int8[]"),
        ("[NULL]", "Cast"),
        ("[NULL]::text[]", "[NULL] text[]"),
        ("[1, 2]::text[]", "['1','2'] text[]"),
        ("[1]::text", "Cast"),
        ("[[1]]", "ArrayDimensionality"),
        ("[1, NULL::int8[]]", "ArrayDimensionality"),
    ]);
}

fn after_set(array: &str, at: &str, value: &str) -> String {
    let mut array = evaluate(array).unwrap();
    let before = array.clone();
    let value = evaluate(value).unwrap();
    let set = set_element(&mut array, &evaluate(at).unwrap(), value, &Limits::NETWORK);
    assert!(set.is_ok() || array == before);
    shown(&set.map(|()| array))
}

#[test]
fn elements_are_set_and_arrays_grow() {
    for (array, at, value, want) in [
        ("[1,2]", "2", "9", "[1,9] int8[]"),
        ("[1,2]", "4", "9", "[1,2,NULL,9] int8[]"),
        ("[1,2]", "1", "NULL", "[NULL,2] int8[]"),
        ("[1,2]", "1", "'7'", "[7,2] int8[]"),
        ("[1,2]", "1", "'x'", "Cast"),
        ("[1.50]", "1", "0.005", "[0.01] numeric(3,2)[]"),
        ("[1,2]", "0", "9", "IndexOutOfBounds"),
        ("[1,2]", "-9223372036854775808", "9", "IndexOutOfBounds"),
        ("[1,2]", "9223372036854775807", "9", "IndexOutOfBounds"),
        ("[1,2]", "1000001", "9", "IndexOutOfBounds"),
        ("[1,2]", "NULL", "9", "InvalidNull"),
        ("[1,2]", "'1'", "9", "Type"),
        ("[1,2]", "1", "[9]", "ArrayDimensionality"),
        ("NULL::int8[]", "2", "9", "[NULL,9] int8[]"),
        ("NULL", "1", "9", "InvalidNull"),
        ("5", "1", "9", "Type"),
    ] {
        assert_eq!(after_set(array, at, value), want, "{array}[{at}] := {value}");
    }
}

#[test]
fn slices_are_set() {
    for (array, from, to, values, want) in [
        ("[1,2,3]", Some("2"), Some("3"), "[8,9,10]", "[1,8,9] int8[]"),
        ("[1,2,3]", None, None, "[7,8,9]", "[7,8,9] int8[]"),
        ("[1,2,3]", None, Some("1"), "['7']", "[7,2,3] int8[]"),
        ("[1,2,3]", Some("3"), Some("5"), "[7,8,9]", "[1,2,7,8,9] int8[]"),
        ("[1,2,3]", Some("5"), Some("5"), "[7]", "[1,2,3,NULL,7] int8[]"),
        ("[1,2,3]", Some("1"), Some("3"), "[8]", "ArrayTooSmall"),
        ("[1,2,3]", Some("0"), Some("1"), "[8,9]", "IndexOutOfBounds"),
        ("[1,2,3]", Some("3"), Some("2"), "[8,9]", "IndexOutOfBounds"),
        ("[1,2,3]", Some("1"), Some("1000001"), "[8,9]", "IndexOutOfBounds"),
        ("[1,2,3]", Some("NULL"), Some("2"), "[8,9]", "InvalidNull"),
        ("[1,2,3]", Some("1"), Some("2"), "NULL::int8[]", "InvalidNull"),
        ("[1,2,3]", Some("1"), Some("1"), "['x']", "Cast"),
        ("[1,2,3]", Some("1"), Some("1"), "8", "Type"),
        ("1", Some("1"), Some("1"), "[8]", "Type"),
    ] {
        let mut array = evaluate(array).unwrap();
        let before = array.clone();
        let bound = |bound: Option<&str>| bound.map(|bound| evaluate(bound).unwrap());
        let (from, to, values) = (bound(from), bound(to), evaluate(values).unwrap());
        let set = set_slice(&mut array, from.as_ref(), to.as_ref(), &values, &Limits::NETWORK);
        assert!(set.is_ok() || array == before);
        assert_eq!(shown(&set.map(|()| array)), want, "{before:?}[{from:?}:{to:?}] := {values:?}");
    }
}

#[test]
fn texts_longer_than_the_limit_are_refused() {
    let limits = Limits { value_bytes: 4, ..Limits::NETWORK };
    let join = |left: &str, right: &str| {
        shown(&binary(BinaryOp::Concat, &Value::from(left), &Value::from(right), &limits))
    };
    assert_eq!(join("ab", "cd"), "'abcd' text");
    assert_eq!(join("ab", "cde"), "Other");
    let failure = evaluate("lpad('a', 100000000)").unwrap_err();
    assert_eq!(failure.message, "value too large");
}
