//! Arguments, defaults, functions, what a name means.

use kwil_types::{DataType, TypeKind, Value};

use super::{body, body_on, call};
use crate::testing::{Asked, Recorder};

#[test]
fn missing_arguments_take_defaults() {
    let text = "CREATE ACTION a($x INT, $y INT DEFAULT 5, $z TEXT DEFAULT null) PUBLIC VIEW \
                RETURNS (s INT, z TEXT) { RETURN $x + $y, $z; };";
    let mut session = Recorder::new().with_actions(text);
    let null = Value::Null(DataType::scalar(TypeKind::Text));
    assert_eq!(call(&mut session, "a", vec![1.into()]).row(), [6.into(), null]);
    let all = vec![1.into(), 2.into(), "z".into()];
    assert_eq!(call(&mut session, "a", all).row(), [3.into(), "z".into()]);
    let none = call(&mut session, "a", Vec::new());
    none.fails("ActionInvocation", "missing required argument 1 ($x)");
    let many = call(&mut session, "a", vec![1.into(); 4]);
    many.fails("ActionInvocation", "action \"a\" expected at most 3 arguments, but got 4");
    call(&mut session, "a", vec!["x".into()]).fails("Type", "type error");
}

#[test]
fn arguments_are_values_of_their_own() {
    let session = Recorder::new().with_actions(
        "CREATE ACTION change($a INT[]) PRIVATE VIEW RETURNS (n INT) { $a[1] := 9; RETURN $a[1]; };",
    );
    let text = "$a := [1]; $n := change($a); RETURN $a[1] * 10 + $n;";
    assert_eq!(body_on(session, "(n INT)", text).0.numbers(), [19]);
}

#[test]
fn names_that_mean_nothing_say_so() {
    call(&mut Recorder::new(), "nope", Vec::new()).fails("UnknownAction", "unknown action");
    call(&mut Recorder::new(), "abs", vec![1.into()])
        .fails("Other", "action \"abs\" is a built-in function and cannot be called directly");
    let nowhere = super::Call { namespace: "nope", ..Default::default() };
    let ran = nowhere.run(&mut Recorder::new(), "a", Vec::new());
    ran.fails("NamespaceNotFound", "namespace \"nope\" does not exist");
    body("", "nope();").fails("UnknownAction", "");
    body("", "nope.a();").fails("NamespaceNotFound", "namespace \"nope\" does not exist");
}

#[test]
fn an_action_hides_the_function_of_its_name_in_its_namespace() {
    let session = || {
        Recorder::new().with_actions(
            "CREATE ACTION abs($x INT) PRIVATE VIEW RETURNS (n INT) { RETURN 42; };
             {other} CREATE ACTION f($x INT) PUBLIC VIEW RETURNS (n INT) { RETURN abs($x); };",
        )
    };
    assert_eq!(body_on(session(), "(n INT)", "RETURN abs(-1);").0.numbers(), [42]);
    assert_eq!(body_on(session(), "(n INT)", "RETURN other.f(-1);").0.numbers(), [1]);
}

#[test]
fn a_call_in_an_expression_gives_exactly_one_value() {
    let session = || {
        Recorder::new().with_actions(
            "CREATE ACTION one() PRIVATE VIEW RETURNS (n INT) { RETURN 1; };
             CREATE ACTION two() PRIVATE VIEW RETURNS (n INT, m INT) { RETURN 1, 2; };
             CREATE ACTION many() PRIVATE VIEW RETURNS TABLE (n INT) { RETURN NEXT 1; RETURN NEXT 2; };
             CREATE ACTION none() PRIVATE VIEW {};",
        )
    };
    let run = |text| body_on(session(), "(n INT)", text).0;
    assert_eq!(run("RETURN one() + one() * 2;").numbers(), [3]);
    run("RETURN 1 + two();").fails("ReturnShape", "");
    run("RETURN 1 + many();").fails("ReturnShape", "");
    run("RETURN 1 + none();").fails("ReturnShape", "");
    run("RETURN notice('x');").fails("ReturnShape", "");
    assert_eq!(run("RETURN notice('x');").log, "1. x");
}

#[test]
fn operands_are_computed_once_from_left_to_right() {
    let session = Recorder::new().with_actions(
        "CREATE ACTION say($n INT) PRIVATE VIEW RETURNS (n INT) { NOTICE($n::text); RETURN $n; };",
    );
    let text = "IF say(1) <= say(2) AND say(3) >= say(4) { } RETURN say(5);";
    let (ran, _) = body_on(session, "(n INT)", text);
    assert_eq!(ran.log, "1. 1\n2. 2\n3. 3\n4. 4\n5. 5");
}

#[test]
fn error_ends_everything_with_its_text() {
    let ran = body("", "NOTICE('before'); IF true { ERROR('boom'); } NOTICE('after');");
    assert_eq!(ran.failure, Some(("UserError".into(), "boom".into())));
    assert_eq!(ran.log, "1. before");
    assert_eq!(body("", "ERROR(NULL);").failure, Some(("UserError".into(), String::new())));
    body("", "ERROR(1);").fails("Type", "");
    body("", "ERROR();").fails("Other", "invalid number of arguments");
    body("", "NOTICE(1);").fails("Type", "");
    assert_eq!(body("", "NOTICE(NULL); NOTICE('x');").log, "1. \n2. x");
}

#[test]
fn functions_that_only_the_database_knows_are_asked_there() {
    let session = Recorder::new().answering("SELECT", vec![vec!["abc".into()]]);
    let text = "$x := 1; FOR $i IN 1..2 { $t := lower('ÄBC'); NOTICE($t); }";
    let (ran, session) = body_on(session, "", text);
    assert_eq!(ran.failure, None);
    assert_eq!(ran.log, "1. abc\n2. abc");
    let [Asked::Query(sql, arguments), Asked::Query(again, _)] = &session.asked[..] else {
        panic!("{:?}", session.asked)
    };
    assert_eq!(arguments[..], [Value::from("ÄBC")]);
    assert!(sql.contains("lower(") && sql == again, "{sql}");
    assert_eq!(session.statements[0].id, session.statements[1].id);
}

#[test]
fn a_loop_over_a_function_has_one_round() {
    let text = "FOR $r IN array_append([1], 2) { RETURN NEXT 5; }";
    assert_eq!(body("TABLE (n INT)", text).numbers(), [5]);
    let field = "FOR $r IN array_append([1], 2) { RETURN NEXT $r.x; }";
    body("TABLE (n INT)", field).fails("Other", "field \"x\" not found in object");
}

#[test]
fn calls_in_another_namespace_know_who_called() {
    let session = Recorder::new().with_actions(
        "{other} CREATE ACTION who() PUBLIC VIEW RETURNS (t TEXT) { RETURN @foreign_caller; };",
    );
    let (ran, _) = body_on(session, "(a TEXT, b TEXT)", "RETURN @foreign_caller, other.who();");
    assert_eq!(ran.row(), ["".into(), "main".into()]);
}
