//! Conditions, loops, what leaves them.

use kwil_types::{DataType, TypeKind, Value};

use super::{body, body_on, call};
use crate::testing::Recorder;

const INT8: DataType = DataType::scalar(TypeKind::Int8);

#[test]
fn the_first_condition_that_holds_decides_and_null_does_not_hold() {
    let text = "$n BOOL; IF $n { RETURN 1; } ELSEIF false { RETURN 2; } ELSE IF true { RETURN 3; } \
                ELSE { RETURN 4; }";
    assert_eq!(body("(INT)", text).numbers(), [3]);
    assert_eq!(body("(INT)", "IF NULL { RETURN 1; } ELSE { RETURN 2; }").numbers(), [2]);
    body("", "IF 1 { }").fails("Type", "bool");
}

#[test]
fn ranges_ascend_and_include_both_bounds() {
    let table = "TABLE (i INT)";
    assert_eq!(body(table, "FOR $i IN 2..4 { RETURN NEXT $i; }").numbers(), [2, 3, 4]);
    assert_eq!(body(table, "FOR $i IN 4..2 { RETURN NEXT $i; }").numbers(), [0_i64; 0]);
    assert_eq!(body(table, "$n INT; FOR $i IN 1..$n { RETURN NEXT $i; }").numbers(), [0_i64; 0]);
    let last = "FOR $i IN 9223372036854775806..9223372036854775807 { RETURN NEXT $i; }";
    assert_eq!(body(table, last).numbers(), [i64::MAX - 1, i64::MAX]);
    body(table, "FOR $i IN 1..'a' { }").fails("Type", "int8");
}

#[test]
fn arrays_are_looped_over_with_their_nulls() {
    let text = "FOR $v IN ARRAY [1, NULL, 3] { IF $v IS NULL { RETURN NEXT 0; } ELSE { RETURN NEXT $v; } }";
    assert_eq!(body("TABLE (i INT)", text).numbers(), [1, 0, 3]);
    let null = "$a INT[]; FOR $v IN ARRAY $a { RETURN NEXT 1; } RETURN NEXT 2;";
    assert_eq!(body("TABLE (i INT)", null).numbers(), [2]);
    body("", "FOR $v IN ARRAY 1 { }").fails("Type", "array");
    body("", "$a := [1]; FOR $v IN $a { }").fails("Loop", "must use IN ARRAY");
}

#[test]
fn a_loop_over_an_array_does_not_see_its_changes() {
    let text = "$a := [1, 2]; FOR $v IN ARRAY $a { $a[2] := 9; RETURN NEXT $v; }";
    assert_eq!(body("TABLE (i INT)", text).numbers(), [1, 2]);
}

#[test]
fn break_and_continue_are_of_the_innermost_loop() {
    let text = "FOR $i IN 1..3 { FOR $j IN 1..3 { IF $j = 2 { CONTINUE; } IF $i = 2 { BREAK; } \
                RETURN NEXT $i * 10 + $j; } IF $i = 3 { BREAK; } }";
    assert_eq!(body("TABLE (i INT)", text).numbers(), [11, 13, 31, 33]);
}

#[test]
fn all_rows_of_a_statement_are_read_before_the_first_round() {
    let session = Recorder::new()
        .with_table("t", &[("id", INT8)])
        .answering("SELECT", vec![vec![1.into()], vec![2.into()]]);
    let text =
        "FOR $r IN SELECT id FROM t { INSERT INTO t VALUES ($r.id + 10); RETURN NEXT $r.id; }";
    let (ran, session) = body_on(session, "TABLE (i INT)", text);
    assert_eq!(ran.numbers(), [1, 2]);
    let kinds: Vec<_> = session.asked.iter().map(|asked| format!("{asked:?}")).collect();
    assert!(kinds[0].starts_with("Query") && kinds[1].starts_with("Execute"), "{kinds:?}");
}

const ROWS: &str = "
    CREATE ACTION rows() PRIVATE VIEW RETURNS TABLE (n INT) {
        NOTICE('a'); RETURN NEXT 1; NOTICE('b'); RETURN NEXT 2; NOTICE('c'); RETURN NEXT 3; NOTICE('d');
    };
    CREATE ACTION nested() PRIVATE VIEW RETURNS TABLE (n INT) {
        FOR $r IN rows() { RETURN NEXT $r.n * 10; }
    };";

#[test]
fn rows_of_an_action_come_one_by_one_while_it_waits() {
    let session = Recorder::new().with_actions(ROWS);
    let text = "FOR $r IN rows() { NOTICE($r.n::text); RETURN NEXT $r.n; }";
    let (ran, _) = body_on(session, "TABLE (n INT)", text);
    assert_eq!(ran.log, "1. a\n2. 1\n3. b\n4. 2\n5. c\n6. 3\n7. d");
    assert_eq!(ran.numbers(), [1, 2, 3]);
}

#[test]
fn break_stops_the_action_that_is_looped_over() {
    let session = Recorder::new().with_actions(ROWS);
    let text = "FOR $r IN rows() { IF $r.n = 2 { BREAK; } RETURN NEXT $r.n; } NOTICE('end'); RETURN NEXT 7;";
    let (ran, _) = body_on(session, "TABLE (n INT)", text);
    assert_eq!(ran.log, "1. a\n2. b\n3. end");
    assert_eq!(ran.numbers(), [1, 7]);
}

#[test]
fn return_in_a_loop_over_an_action_ends_the_action_it_is_written_in() {
    let session = Recorder::new().with_actions(ROWS);
    let text = "FOR $r IN nested() { RETURN $r.n; } RETURN 99;";
    let (ran, _) = body_on(session, "(n INT)", text);
    assert_eq!(ran.log, "1. a");
    assert_eq!(ran.numbers(), [10]);
}

#[test]
fn loops_over_actions_nest_and_may_call_others() {
    let session = Recorder::new().with_actions(ROWS).with_actions(
        "CREATE ACTION plus($n INT) PRIVATE VIEW RETURNS (n INT) { RETURN $n + 1; };",
    );
    let text = "FOR $a IN nested() { FOR $b IN rows() { IF $b.n = 2 { CONTINUE; } \
                $s := plus($a.n + $b.n); RETURN NEXT $s; } }";
    let (ran, _) = body_on(session, "TABLE (n INT)", text);
    assert_eq!(ran.numbers(), [12, 14, 22, 24, 32, 34]);
}

#[test]
fn a_return_of_the_called_action_ends_it_after_the_round() {
    let session = Recorder::new().with_actions(
        "CREATE ACTION two() PRIVATE VIEW RETURNS TABLE (n INT) { RETURN NEXT 1; RETURN 2; NOTICE('never'); };",
    );
    let (ran, _) =
        body_on(session, "TABLE (n INT)", "FOR $r IN two() { RETURN NEXT $r.n; } RETURN NEXT 3;");
    assert_eq!(ran.log, "");
    assert_eq!(ran.numbers(), [1, 2, 3]);
}

#[test]
fn returned_rows_must_have_the_declared_shape() {
    body("(a INT)", "RETURN 1, 2;").fails("ReturnShape", "expected 1 values, got 2");
    body("", "RETURN 1;").fails("ReturnShape", "expected 0 values, got 1");
    body("(a INT)", "RETURN 'a';").fails("Type", "");
    assert_eq!(body("(a INT)", "RETURN NULL;").row(), [Value::Null(INT8)]);
    assert_eq!(body("(a INT)", "RETURN;").rows.len(), 0);
    assert_eq!(body("(a INT)", "").rows.len(), 0);
}

#[test]
fn columns_have_the_declared_names() {
    assert_eq!(body("(a INT, b TEXT)", "").columns, ["a", "b"]);
    assert_eq!(body("(INT)", "").columns, ["?column?"]);
}

#[test]
fn rows_of_a_statement_are_returned_and_end_the_action() {
    let session = Recorder::new()
        .with_table("t", &[("id", INT8)])
        .answering("SELECT", vec![vec![1.into()], vec![2.into()]]);
    let (ran, _) = body_on(session, "TABLE (n INT)", "RETURN SELECT id FROM t; NOTICE('never');");
    assert_eq!(ran.log, "");
    assert_eq!(ran.numbers(), [1, 2]);
    let mut session = Recorder::new()
        .with_table("t", &[("id", INT8)])
        .answering("SELECT", vec![vec![1.into()], vec![2.into()]])
        .with_actions(
            "CREATE ACTION q() PRIVATE VIEW RETURNS TABLE (n INT) { RETURN SELECT id FROM t; };
             CREATE ACTION t() PUBLIC VIEW RETURNS TABLE (n INT) { FOR $r IN q() { RETURN NEXT $r.n + 1; } };",
        );
    assert_eq!(call(&mut session, "t", Vec::new()).numbers(), [2, 3]);
}
