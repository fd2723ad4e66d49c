//! Random programs.

use kwil_lang::analyze::check_action;
use kwil_lang::ast::{Literal, StatementKind};
use kwil_lang::print_script;
use kwil_lang::testing::Random;
use kwil_types::{DataType, TypeKind, Value};

use super::recorder::{Recorder, finish};
use crate::context::{Invocation, Limits};
use crate::error::EngineError;
use crate::extension::Extensions;
use crate::interpret::{RowSink, Run, Shared, call_action};
use crate::session::Row;

/// Bounds that a random program reaches soon.
const LIMITS: Limits =
    Limits { steps: 20_000, held_bytes: 1 << 20, value_bytes: 1 << 16, ..Limits::NETWORK };

/// Counts rows.
#[derive(Debug, Default)]
struct Count(u64);

impl RowSink for Count {
    fn columns(&mut self, _: &[kwil_lang::analyze::OutputColumn]) {}

    fn row(&mut self, _: Row) -> Result<(), crate::Failure> {
        self.0 = self.0.saturating_add(1);
        Ok(())
    }

    fn room(&self) -> Option<u64> {
        None
    }
}

/// The interpreter: actions of random programs, called with random arguments, end with rows or with a failure that has a
/// text, within their bounds. The first eight bytes choose the program.
///
/// # Panics
/// A promise of the interpreter is broken.
#[expect(clippy::panic, reason = "a broken promise, or a broken test, must be seen")]
pub fn fuzz_interpreter(data: &[u8]) {
    let seed = data.iter().fold(0_u64, |seed, byte| seed.rotate_left(8) ^ u64::from(*byte));
    let mut random = Random::new(seed);
    let mut actions = Vec::new();
    for _ in 0..4 {
        for statement in random.script() {
            if let StatementKind::CreateAction(action) = &statement.kind
                && check_action(action).is_ok()
            {
                actions.push(statement);
            }
        }
    }
    let text = print_script(&actions);
    let rows = vec![vec![Value::from(1)], vec![Value::from(2)]];
    let mut session = Recorder::new().answering("SELECT", rows);
    if !actions.is_empty() {
        session = session.with_actions(&text);
    }
    let shared = Shared::new(Extensions::new());
    let invocation = Invocation { caller: "owner".to_owned(), ..Invocation::default() };
    for statement in &actions {
        let StatementKind::CreateAction(action) = &statement.kind else { continue };
        let namespace = statement.namespace.as_ref().map_or("main", |name| &*name.name);
        let arguments = action.parameters.iter().map(|of| argument(of.data_type.data_type));
        let mut run = Run::new(&mut session, &invocation, &LIMITS, &shared);
        let mut rows = Count::default();
        let call =
            call_action(&mut run, (namespace, &action.name.name), arguments.collect(), &mut rows);
        match finish(call) {
            Ok(()) => {}
            Err(EngineError::Failed(failure)) => {
                assert!(!failure.message.starts_with("broken action"), "{failure}\n{text}");
            }
            Err(EngineError::Fault(fault)) => panic!("{fault}"),
        }
        assert!(rows.0 <= LIMITS.steps);
        assert!(run.take_log().len() < 1 << 17);
    }
}

fn argument(of: DataType) -> Value {
    match of.kind() {
        TypeKind::Int8 if !of.is_array() => crate::eval::literal(&Literal::Int(3)),
        TypeKind::Text if !of.is_array() => crate::eval::literal(&Literal::Text("text".into())),
        TypeKind::Bool if !of.is_array() => Value::from(true),
        _ => Value::Null(of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_programs_end_within_their_bounds() {
        for seed in 0..1_500_u64 {
            fuzz_interpreter(&seed.to_be_bytes());
        }
    }
}
