//! Declarations, assignments, receivers, records.

use kwil_types::{DataType, TypeKind, Value};

use super::{body, body_on};
use crate::testing::Recorder;

const INT8: DataType = DataType::scalar(TypeKind::Int8);

#[test]
fn a_declared_variable_is_a_null_of_its_type() {
    assert_eq!(body("(INT)", "$x INT; RETURN $x;").row(), [Value::Null(INT8)]);
    assert_eq!(body("(INT)", "$x INT; $x := 4; RETURN $x;").row(), [Value::from(4)]);
    body("", "$x INT; $x := 'a';").fails("Type", "type error");
}

#[test]
fn a_variable_is_declared_once_in_a_block() {
    body("", "$x INT; $x TEXT;").fails("Other", "variable \"$x\" already exists");
    body("", "$x := 1; $x TEXT;").fails("Other", "already exists");
    assert_eq!(body("(INT)", "$x := 1; IF true { $x TEXT; $x := 'a'; } RETURN $x;").numbers(), [1]);
}

#[test]
fn variables_of_a_block_end_with_it() {
    body("(INT)", "IF true { $x := 1; } RETURN $x;").fails("UnknownVariable", "$x");
    assert_eq!(body("(INT)", "$x := 1; IF true { $x := 2; } RETURN $x;").numbers(), [2]);
    let text = "FOR $i IN 1..2 { $s INT; IF $s IS NULL { RETURN NEXT $i; } $s := 1; }";
    assert_eq!(body("TABLE (i INT)", text).numbers(), [1, 2]);
}

#[test]
fn assignments_keep_the_type() {
    body("", "$x := 1; $x := 'a';").fails("Type", "");
    body("", "$x INT := 'a';").fails("Type", "");
    body("", "$x := 1; $x TEXT := 'a';").fails("Type", "");
    assert_eq!(body("(INT)", "$x := 1; $x INT := 2; RETURN $x;").numbers(), [2]);
    assert_eq!(body("(INT)", "$x := 1; $x := NULL; RETURN $x;").row(), [Value::Null(INT8)]);
}

#[test]
fn an_untyped_null_takes_the_first_type() {
    assert_eq!(body("(INT)", "$x := NULL; $x := 5; RETURN $x;").numbers(), [5]);
    body("", "$x := NULL; $x := 5; $x := 'a';").fails("Type", "");
}

#[test]
fn elements_are_set_in_a_copy() {
    let text = "$a := [1, 2]; $b := $a; $b[1] := 9; $b[4] := 4; \
                RETURN $a[1], $b[1], $b[3] IS NULL, $b[4];";
    let wanted = [Value::from(1), Value::from(9), Value::from(true), Value::from(4)];
    assert_eq!(body("(a INT, b INT, c BOOL, d INT)", text).row(), wanted);
    body("", "$a := [1]; $a[0] := 1;").fails("IndexOutOfBounds", "index out of bounds");
    body("", "$a[1] := 1;").fails("UnknownVariable", "$a");
}

#[test]
fn contextual_variables_cannot_be_set() {
    body("", "@caller := 'a';").fails("InvalidVariable", "invalid variable name");
    body("(TEXT)", "RETURN @nothing;").fails("InvalidVariable", "@nothing");
}

#[test]
fn unknown_variables_fail_when_they_are_reached() {
    body("(INT)", "RETURN $y;").fails("UnknownVariable", "unknown variable: $y");
    assert_eq!(body("(INT)", "IF false { RETURN $y; } RETURN 1;").numbers(), [1]);
}

#[test]
fn receivers_take_the_values_of_one_row() {
    let session = || {
        Recorder::new().with_actions(
            "CREATE ACTION three() PRIVATE VIEW RETURNS (a INT, b TEXT, c INT) { RETURN 1, 'b', 3; };
             CREATE ACTION none() PRIVATE VIEW RETURNS (a INT) {};
             CREATE ACTION two() PRIVATE VIEW RETURNS TABLE (a INT) { RETURN NEXT 1; RETURN NEXT 2; };",
        )
    };
    let run = |returns, text| body_on(session(), returns, text).0;
    assert_eq!(
        run("(a INT, c INT)", "$a, _, $c := three(); RETURN $a, $c;").row(),
        [1.into(), 3.into()]
    );
    assert_eq!(run("(a INT)", "$a := 7; $a := three(); RETURN $a;").numbers(), [1]);
    run("", "$a, $b, $c, $d := three();")
        .fails("ReturnShape", "unexpected action/function return shape");
    run("", "$a := none();").fails("ReturnShape", "got none");
    run("", "$a := two();").fails("ReturnShape", "got more");
    assert_eq!(run("(a INT)", "two(); RETURN 1;").numbers(), [1]);
    run("", "$a TEXT; $a := three();").fails("Type", "");
}

#[test]
fn records_have_fields_and_are_no_values() {
    let session = || {
        Recorder::new()
            .with_table("t", &[("id", INT8), ("other", INT8)])
            .answering("SELECT", vec![vec![Value::from(5), Value::from(6)]])
    };
    let run = |returns, text| body_on(session(), returns, text).0;
    let found = "FOR $r IN SELECT id, other FROM t { RETURN $r.other; }";
    assert_eq!(run("(a INT)", found).numbers(), [6]);
    let missing = "FOR $r IN SELECT id, other FROM t { RETURN $r.nope; }";
    run("(a INT)", missing).fails("Other", "field \"nope\" not found in object");
    run("(a INT)", "FOR $r IN SELECT id, other FROM t { RETURN $r; }").fails("Type", "record");
    run("(a INT)", "FOR $r IN SELECT id, other FROM t { $r := 1; }").fails("Type", "record");
    run("(a INT)", "$x := 1; RETURN $x.a;").fails("Type", "record");
    let twice = "FOR $r IN SELECT id AS a, other AS a FROM t { RETURN 1; }";
    run("(a INT)", twice).fails("Other", "two columns \"a\"");
}
