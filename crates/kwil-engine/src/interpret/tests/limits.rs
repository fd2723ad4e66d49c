//! Bounds: all counted, so all nodes stop at the same place.

use kwil_types::{DataType, TypeKind, Value};

use super::{Call, Ran};
use crate::context::Limits;
use crate::testing::Recorder;

fn run(limits: Limits, text: &str) -> Ran {
    let call = Call { limits, ..Call::default() };
    call.run(&mut Recorder::new().with_actions(text), "t", Vec::new())
}

const SMALL: Limits = Limits { steps: 10_000, ..Limits::NETWORK };

#[test]
fn endless_loops_end() {
    let text = "CREATE ACTION t() PUBLIC { FOR $i IN 1..9223372036854775807 { } };";
    run(SMALL, text).fails("Other", "execution step limit exceeded");
    let text = "CREATE ACTION t() PUBLIC { FOR $r IN rows() { } };
                CREATE ACTION rows() PRIVATE RETURNS TABLE (n INT) { FOR $i IN 1..9223372036854775807 { RETURN NEXT $i; } };";
    run(SMALL, text).fails("Other", "execution step limit exceeded");
}

#[test]
fn steps_are_statements_rounds_calls_and_rows() {
    // The call, and in it three rounds of one statement each.
    let text = "CREATE ACTION t() PUBLIC { FOR $i IN 1..3 { $x := 1; } };";
    let exact = Limits { steps: 1 + 1 + 3 * 2, ..Limits::NETWORK };
    assert_eq!(run(exact, text).failure, None);
    let less = Limits { steps: exact.steps - 1, ..exact };
    run(less, text).fails("Other", "execution step limit exceeded");
}

#[test]
fn endless_recursion_ends() {
    let text = "CREATE ACTION t() PUBLIC { t(); };";
    run(Limits::NETWORK, text).fails("Other", "maximum call depth exceeded");
    let text = "CREATE ACTION t() PUBLIC RETURNS (n INT) { RETURN 1 + t(); };";
    run(Limits::NETWORK, text).fails("Other", "maximum call depth exceeded");
    let text =
        "CREATE ACTION t() PUBLIC RETURNS TABLE (n INT) { FOR $r IN t() { RETURN NEXT $r.n; } };";
    run(Limits::NETWORK, text).fails("Other", "maximum call depth exceeded");
}

#[test]
fn depth_counts_calls_inside_each_other_only() {
    let text = "CREATE ACTION t() PUBLIC { FOR $i IN 1..1000 { f(); } };
                CREATE ACTION f() PRIVATE { };";
    assert_eq!(run(Limits::NETWORK, text).failure, None);
    let deep = "CREATE ACTION t() PUBLIC RETURNS (n INT) { RETURN down(255); };
                CREATE ACTION down($n INT) PRIVATE RETURNS (n INT) {
                    IF $n <= 1 { RETURN 1; } RETURN 1 + down($n - 1); };";
    assert_eq!(run(Limits::NETWORK, deep).numbers(), [255]);
    let deeper = deep.replace("255", "256");
    run(Limits::NETWORK, &deeper).fails("Other", "maximum call depth exceeded");
}

#[test]
fn texts_arrays_and_all_values_together_are_bounded() {
    let text = "CREATE ACTION t() PUBLIC { $s := 'x'; FOR $i IN 1..100 { $s := $s || $s; } };";
    run(Limits::NETWORK, text).fails("Other", "value too large");
    let limits = Limits { held_bytes: 10_000, ..Limits::NETWORK };
    let text = "CREATE ACTION t() PUBLIC { $a := [1]; FOR $i IN 1..10000 { $a := array_append($a, $i); } };";
    run(limits, text).fails("Other", "execution memory limit exceeded");
    let limits = Limits { array_elements: 100, ..Limits::NETWORK };
    run(limits, text).fails("IndexOutOfBounds", "array too large");
    let recursive = "CREATE ACTION t() PUBLIC { hold('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'); };
                     CREATE ACTION hold($s TEXT) PRIVATE { hold($s || 'x'); };";
    let limits = Limits { held_bytes: 10_000, ..Limits::NETWORK };
    run(limits, recursive).fails("Other", "execution memory limit exceeded");
}

#[test]
fn what_is_gone_is_not_held() {
    let limits = Limits { held_bytes: 3_000, ..Limits::NETWORK };
    let text = "CREATE ACTION t() PUBLIC RETURNS TABLE (n INT) {
        FOR $i IN 1..500 { $s := 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; $n := f($s); _ := f($s || 'x');
            FOR $r IN many() { IF $r.n = 2 { BREAK; } } FOR $v IN ARRAY [1, 2, 3] { CONTINUE; } f($s); }
        RETURN 1; };
        CREATE ACTION many() PRIVATE RETURNS TABLE (n INT) { $t := 'xxxxx'; FOR $i IN 1..5 { RETURN NEXT $i; } };
        CREATE ACTION f($s TEXT) PRIVATE RETURNS (n INT) { $copy := $s || $s; RETURN 1; };";
    assert_eq!(run(limits, text).numbers(), [1]);
}

#[test]
fn rows_of_a_loop_are_steps_and_are_held() {
    let int8 = DataType::scalar(TypeKind::Int8);
    let text = "CREATE ACTION t() PUBLIC { FOR $r IN SELECT id FROM t { } };";
    let session = || {
        Recorder::new()
            .with_table("t", &[("id", int8)])
            .with_actions(text)
            .answering("SELECT", vec![vec![Value::from(1)]; 100])
    };
    let run = |limits| Call { limits, ..Call::default() }.run(&mut session(), "t", Vec::new());
    // The call, the statement, every row, every round.
    let exact = Limits { steps: 1 + 1 + 100 + 100, ..Limits::NETWORK };
    assert_eq!(run(exact).failure, None);
    run(Limits { steps: 201, ..exact }).fails("Other", "execution step limit exceeded");
    run(Limits { steps: 50, ..exact }).fails("Other", "execution step limit exceeded");
    run(Limits { held_bytes: 3000, ..exact }).fails("Other", "execution memory limit exceeded");
}

#[test]
fn a_run_that_nobody_waits_for_stops() {
    let text = "CREATE ACTION t() PUBLIC { FOR $i IN 1..9223372036854775807 { } };";
    let mut session = Recorder::new().with_actions(text);
    session.patience = Some(5);
    let ran = super::call(&mut session, "t", Vec::new());
    assert_eq!(ran.failure, Some(("Fault".into(), "cancelled".into())));
}
