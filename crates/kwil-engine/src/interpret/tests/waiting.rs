//! Statements that wait in the session: the outcome is that of running each at once.

use kwil_types::{DataType, TypeKind};

use super::{Ran, body_on};
use crate::testing::{Asked, Recorder};

fn session(tells_finished: bool) -> Recorder {
    let int8 = DataType::scalar(TypeKind::Int8);
    let mut session =
        Recorder::new().with_table("t", &[("id", int8)]).with_table("u", &[("id", int8)]);
    session.tells_finished = tells_finished;
    session.failing("INSERT INTO \"main\".\"u\"", "23505", "taken")
}

/// Both kinds of sessions must give the same outcome.
fn run(text: &str) -> Ran {
    let (exact, _) = body_on(session(true), "", text);
    let (coarse, _) = body_on(session(false), "", text);
    assert_eq!((&exact.failure, &exact.log), (&coarse.failure, &coarse.log));
    exact
}

#[test]
fn notices_after_a_statement_that_failed_later_are_cut_off() {
    let ran = run(
        "NOTICE('a'); INSERT INTO t VALUES (1); NOTICE('b'); INSERT INTO u VALUES (1); NOTICE('c');",
    );
    ran.fails("Pg(23505)", "taken");
    assert_eq!(ran.log, "1. a\n2. b");
}

#[test]
fn a_failure_that_waits_comes_before_a_later_one() {
    let ran = run("INSERT INTO u VALUES (1); NOTICE('x'); ERROR('later');");
    ran.fails("Pg(23505)", "taken");
    assert_eq!(ran.log, "");
    let ran = run("INSERT INTO t VALUES (1); NOTICE('x'); ERROR('later');");
    ran.fails("UserError", "later");
    assert_eq!(ran.log, "1. x");
}

#[test]
fn what_waits_travels_with_a_query_and_runs_at_the_end() {
    let text = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); FOR $r IN SELECT id FROM t { } \
                INSERT INTO t VALUES (3);";
    let (ran, session) = body_on(session(true), "", text);
    assert_eq!(ran.failure, None);
    let kinds = session.asked.iter().map(|asked| match asked {
        Asked::Query(..) => "query",
        Asked::Execute(..) => "execute",
        Asked::Flush => "flush",
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, ["execute", "execute", "query", "execute", "flush"]);
}

#[test]
fn an_action_without_statements_asks_nothing() {
    let (ran, session) = body_on(session(true), "", "NOTICE('a'); $x := 1;");
    assert_eq!(ran.failure, None);
    assert_eq!(session.asked, []);
}
