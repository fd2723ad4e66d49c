//! Fuzz entry points, and random programs for property tests.

#![expect(clippy::panic, reason = "a broken promise must stop the fuzzer")]

mod random;
mod random_action;
mod random_query;
mod random_statement;
mod random_typed;

pub use random::Random;
pub use random_typed::{SAMPLE_SCHEMA, SAMPLE_VARIABLES, sample_catalog, sample_variables};

use crate::analyze::{Context, analyze_query, check_action};
use crate::ast::{BodySummary, Query, Statement, StatementKind};
use crate::{parse_action, parse_script, parse_script_bytes, parse_type, print_script, write_sql};

/// Scripts: any bytes give statements or errors whose places lie in the text; what is read is printed as a text that
/// reads the same.
///
/// # Panics
/// A promise of the parser or the printer is broken.
pub fn fuzz_parse_script(data: &[u8]) {
    match parse_script_bytes(data) {
        Ok(statements) => assert_round_trip(&statements),
        Err(errors) => {
            assert!(errors.count() > 0, "no reason given");
            for error in errors.iter() {
                assert!(error.span.range().end <= data.len(), "{error}");
                assert!(error.place.start <= error.place.end, "{error}");
                assert!(error.report().contains('^'), "{error}");
            }
        }
    }
}

/// Stored actions: a text read as an action is also read as a script of one statement, with the same meaning.
///
/// # Panics
/// A promise of the parser is broken.
pub fn fuzz_parse_action(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(action) = parse_action(text) {
        match parse_script(text).as_deref() {
            Ok([Statement { kind: StatementKind::CreateAction(again), .. }]) => {
                assert_eq!(action, **again, "{text}");
            }
            other => panic!("{text} is an action and also {other:?}"),
        }
    }
    if let Ok(data_type) = parse_type(text) {
        let again = parse_type(&data_type.to_string());
        assert_eq!(again.ok(), Some(data_type), "{text}");
    }
}

/// Analysis on the tables of [`sample_catalog`]: every statement of any script gives a plan that can be written, or an
/// error whose place lies in the text. Eight bytes are the seed of a statement that makes sense, more are a script.
///
/// # Panics
/// A promise of the analysis is broken.
pub fn fuzz_analyze(data: &[u8]) {
    let text = match <[u8; 8]>::try_from(data) {
        Ok(seed) => Random::new(u64::from_le_bytes(seed)).typed_statement(),
        Err(_) => match std::str::from_utf8(data) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    let Ok(statements) = parse_script(&text) else { return };
    let (catalog, variables) = (sample_catalog(), sample_variables());
    for statement in &statements {
        match &statement.kind {
            StatementKind::Query(query) => {
                for deterministic in [true, false] {
                    let namespace = if text.contains("info") { "info" } else { "main" };
                    let variables = &variables;
                    let context =
                        Context { catalog: &catalog, namespace, variables, deterministic };
                    check_plan(query, context, &text);
                }
            }
            StatementKind::CreateAction(action) => {
                if let Ok(signature) = check_action(action) {
                    assert_eq!(signature.parameters.len(), action.parameters.len());
                }
                let summary = BodySummary::of(&action.body);
                assert!(summary.calls.len() <= text.len(), "{text}");
            }
            _ => {}
        }
    }
}

/// Brackets and quotes of what is written are balanced, and every parameter is used.
fn check_plan(query: &Query, context: Context<'_>, text: &str) {
    let plan = match analyze_query(query, context) {
        Ok(plan) => plan,
        Err(error) => {
            assert!(error.span.range().end <= text.len(), "{error}");
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let sql = write_sql(&plan, crate::INTERNAL_SCHEMA);
    let (mut depth, mut quote) = (0_i64, None);
    for letter in sql.chars() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '(' | '[') => depth = depth.saturating_add(1),
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        assert!(depth >= 0, "{text}\n{sql}");
    }
    assert_eq!((depth, quote), (0, None), "{text}\n{sql}");
    assert!(plan.tables.is_sorted(), "{text}");
    for number in 1..=plan.parameters.len() {
        assert!(sql.contains(&format!("${number}")), "{text}\n{sql}");
    }
}

/// # Panics
/// Unless the statements, printed and read again, are the same.
pub fn assert_round_trip(statements: &[Statement]) {
    let text = print_script(statements);
    match parse_script(&text) {
        Ok(again) => assert_eq!(again, statements, "{text}"),
        Err(errors) => panic!("{text}\n{}", errors.report()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CORPUS: &[&str] = &[
        include_str!("../tests/data/corpus/token.sql"),
        include_str!("../tests/data/corpus/errors.sql"),
        "SELECT -9223372036854775808, - 5::text, -(5), NOT (EXISTS (SELECT 1)) FROM t AS a",
        "CREATE ACTION a() PUBLIC { if($x, 1); IF ($x) { } $a, _ := f(); $b := (f()); FOR $i IN (g()) {} }",
        "numeric(10,2)[]",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + $a FROM n WHERE i < 10) SELECT c.name, count(*), \
         array_agg(c.data_type), row_number() OVER (ORDER BY c.name) FROM columns c JOIN tables t ON t.name = \
         c.table_name AND c.ordinal_position IN (SELECT i FROM n) GROUP BY c.name HAVING max(c.namespace) = 'x' LIMIT 3",
        "SELECT 'it\\'s', 'it''s', 0x00fF, 1 . 5, \" a \"",
    ];

    /// Changes a few bytes; the results are often nearly a program.
    fn mutated(text: &str, random: &mut Random) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..random.below(4).saturating_add(1) {
            let at = random.below(bytes.len().max(1));
            let piece = *random
                .choose(&["(", ")", "'", ";", "{", "}", "::", ".", " NOT ", "\u{e9}", "\0", "IN"]);
            match random.below(3) {
                0 => {
                    bytes.splice(at..at, piece.bytes());
                }
                1 => bytes.truncate(at),
                _ => {
                    let end = at.saturating_add(random.below(8)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        bytes
    }

    #[test]
    fn the_corpus_and_its_mutations_break_no_promise() {
        let mut random = Random::new(4);
        for text in CORPUS {
            fuzz_parse_script(text.as_bytes());
            fuzz_parse_action(text.as_bytes());
            fuzz_analyze(text.as_bytes());
            for _ in 0..300 {
                let bytes = mutated(text, &mut random);
                fuzz_parse_script(&bytes);
                fuzz_parse_action(&bytes);
                fuzz_analyze(&bytes);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn random_programs_survive_printing(seed in any::<u64>()) {
            assert_round_trip(&Random::new(seed).script());
        }

        #[test]
        fn mutations_of_random_programs_break_no_promise(seed in any::<u64>()) {
            let mut random = Random::new(seed);
            let text = print_script(&random.script());
            let bytes = mutated(&text, &mut random);
            fuzz_parse_script(&bytes);
            fuzz_parse_action(&bytes);
        }

        #[test]
        fn random_programs_are_planned_or_refused(seed in any::<u64>()) {
            let text = print_script(&Random::new(seed).script());
            fuzz_analyze(text.as_bytes());
        }

        #[test]
        fn statements_that_make_sense_are_planned(seed in any::<u64>()) {
            let text = Random::new(seed).typed_statement();
            prop_assert!(parse_script(&text).is_ok(), "{}", text);
            fuzz_analyze(&seed.to_le_bytes());
            let mut random = Random::new(seed);
            fuzz_analyze(&mutated(&text, &mut random));
        }

        #[test]
        fn any_bytes_break_no_promise(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz_parse_script(&bytes);
            fuzz_parse_action(&bytes);
        }
    }
}
