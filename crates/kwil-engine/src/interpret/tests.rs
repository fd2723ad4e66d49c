//! Actions on a session that records.

mod access;
mod calls;
mod cases;
mod control;
mod limits;
mod sql;
mod stack;
mod variables;
mod waiting;

use kwil_lang::analyze::OutputColumn;
use kwil_types::Value;

use super::{RowSink, Run, Shared, call_action};
use crate::context::{Invocation, Limits};
use crate::error::{EngineError, Failure};
use crate::extension::Extensions;
use crate::session::Row;
use crate::testing::{Recorder, finish};

#[derive(Debug, Default)]
struct Rows {
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl RowSink for Rows {
    fn columns(&mut self, columns: &[OutputColumn]) {
        self.columns = columns.iter().map(|column| column.name.to_string()).collect();
    }

    fn row(&mut self, row: Row) -> Result<(), Failure> {
        self.rows.push(row);
        Ok(())
    }

    fn room(&self) -> Option<u64> {
        None
    }
}

/// What came of a call.
#[derive(Debug)]
struct Ran {
    columns: Vec<String>,
    rows: Vec<Row>,
    log: String,
    /// Class and message.
    failure: Option<(String, String)>,
}

impl Ran {
    /// The values of the only row.
    #[track_caller]
    fn row(self) -> Row {
        assert_eq!(self.failure, None);
        assert_eq!(self.rows.len(), 1, "{:?}", self.rows);
        self.rows.into_iter().next().unwrap()
    }

    /// The first value of every row, as numbers.
    #[track_caller]
    fn numbers(self) -> Vec<i64> {
        assert_eq!(self.failure, None);
        self.rows.iter().map(|row| number(&row[0])).collect()
    }

    #[track_caller]
    fn fails(&self, class: &str, text: &str) {
        let Some((got, message)) = &self.failure else { panic!("no failure: {:?}", self.rows) };
        assert_eq!(got, class, "{message}");
        assert!(message.contains(text), "{message}");
    }
}

#[track_caller]
fn number(value: &Value) -> i64 {
    match value {
        Value::Scalar(kwil_types::Scalar::Int8(number)) => *number,
        other => panic!("{other:?} is no int8"),
    }
}

struct Call<'c> {
    invocation: Invocation,
    limits: Limits,
    namespace: &'c str,
}

impl Default for Call<'_> {
    fn default() -> Self {
        let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
        Self { invocation, limits: Limits::NETWORK, namespace: "main" }
    }
}

impl Call<'_> {
    fn run(&self, session: &mut Recorder, action: &str, arguments: Vec<Value>) -> Ran {
        let shared = Shared::new(Extensions::new());
        self.run_with(&shared, session, action, arguments)
    }

    fn run_with(
        &self,
        shared: &Shared,
        session: &mut Recorder,
        action: &str,
        arguments: Vec<Value>,
    ) -> Ran {
        let mut run = Run::new(session, &self.invocation, &self.limits, shared);
        let mut out = Rows::default();
        let target = (self.namespace, action);
        let failure = match finish(call_action(&mut run, target, arguments, &mut out)) {
            Ok(()) => None,
            Err(EngineError::Failed(failure)) => Some((failure.class_name(), failure.message)),
            Err(EngineError::Fault(fault)) => Some(("Fault".into(), fault.into())),
        };
        Ran { columns: out.columns, rows: out.rows, log: run.take_log(), failure }
    }
}

/// Calls `main.action`.
fn call(session: &mut Recorder, action: &str, arguments: Vec<Value>) -> Ran {
    Call::default().run(session, action, arguments)
}

/// Runs a body as the conformance cases do.
fn body(returns: &str, body: &str) -> Ran {
    body_on(Recorder::new(), returns, body).0
}

fn body_on(session: Recorder, returns: &str, body: &str) -> (Ran, Recorder) {
    let returns = if returns.is_empty() { String::new() } else { format!("RETURNS {returns}") };
    let text = format!("CREATE ACTION t() PUBLIC VIEW {returns} {{ {body} }};");
    let mut session = session.with_actions(&text);
    let ran = call(&mut session, "t", Vec::new());
    (ran, session)
}
