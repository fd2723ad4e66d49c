//! Many statements in one message of the simple protocol.
//!
//! The server runs them one after another and stops at the first that fails; how many answers came tells which one that
//! was. Rows are read from one statement at most.

use futures_util::StreamExt as _;
use kwil_engine::{Prepared, Row};
use kwil_lang::analyze::OutputColumn;
use kwil_types::Value;
use sqlx::Either;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Block, guarded};
use crate::fault::{NodeFault, SqlFailure, StatementError};
use crate::statements::{StatementName, Statements};
use crate::values::{ValueProblem, parameter_type, push_literal, read_value};

const WHAT: &str = "run statements";

/// What one statement of a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Prepare(StatementName),
    Deallocate(StatementName),
    /// A savepoint of ours is opened or released.
    Savepoint,
    /// One that the program asked for.
    Run,
}

/// Statements to send together.
#[derive(Debug, Default)]
pub(crate) struct Message {
    sql: String,
    steps: Vec<Step>,
    runs: u64,
}

impl Message {
    /// A message that opens a savepoint before anything else, and releases the one before when it is still open.
    pub(crate) fn in_savepoint(unreleased: bool) -> Self {
        let mut message = Self::default();
        if unreleased {
            message.sql.push_str("RELEASE SAVEPOINT kwil;");
            message.steps.push(Step::Savepoint);
        }
        message.sql.push_str("SAVEPOINT kwil;");
        message.steps.push(Step::Savepoint);
        message
    }

    /// Statements of the program in it.
    pub(crate) fn runs(&self) -> u64 {
        self.runs
    }

    /// Bytes of it.
    pub(crate) fn len(&self) -> usize {
        self.sql.len()
    }

    /// Adds a statement, and its preparation when the connection does not know it.
    pub(crate) fn push(
        &mut self,
        statements: &mut Statements,
        prepared: &Prepared,
        arguments: &[Value],
    ) -> Result<(), NodeFault> {
        if arguments.len() != prepared.parameters.len() {
            return Err(NodeFault::invariant(WHAT, "another number of arguments than parameters"));
        }
        if !prepared.is_reused && arguments.is_empty() {
            self.sql.push_str(&prepared.sql);
            self.sql.push(';');
            self.steps.push(Step::Run);
            self.runs = self.runs.saturating_add(1);
            return Ok(());
        }
        let name =
            if prepared.is_reused { StatementName::Kept(prepared.id) } else { StatementName::Once };
        let is_known = prepared.is_reused
            && (statements.touch(name) || self.steps.contains(&Step::Prepare(name)));
        if !is_known {
            // The one before it failed and is still there.
            let is_left = name == StatementName::Once && statements.touch(name);
            if is_left && !self.steps.contains(&Step::Deallocate(name)) {
                self.deallocate(name);
            }
            self.prepare(statements, name, prepared);
        }
        self.sql.push_str("EXECUTE ");
        self.sql.push_str(&name.to_string());
        for (number, argument) in arguments.iter().enumerate() {
            self.sql.push(if number == 0 { '(' } else { ',' });
            push_literal(argument, &mut self.sql)
                .map_err(|error| NodeFault::invariant(WHAT, error))?;
        }
        self.sql.push_str(if arguments.is_empty() { ";" } else { ");" });
        self.steps.push(Step::Run);
        self.runs = self.runs.saturating_add(1);
        if name == StatementName::Once {
            self.deallocate(name);
        }
        Ok(())
    }

    /// Ready to be sent.
    pub(crate) fn into_plan(self) -> Plan {
        Plan { sql: self.sql, steps: self.steps }
    }

    fn prepare(&mut self, statements: &Statements, name: StatementName, prepared: &Prepared) {
        let prepares = |step: &&Step| matches!(step, Step::Prepare(_));
        let more = self.steps.iter().filter(prepares).count().saturating_add(1);
        for old in statements.to_deallocate(more) {
            if !self.steps.contains(&Step::Deallocate(old)) {
                self.deallocate(old);
            }
        }
        self.sql.push_str("PREPARE ");
        self.sql.push_str(&name.to_string());
        for (number, of) in prepared.parameters.iter().enumerate() {
            self.sql.push(if number == 0 { '(' } else { ',' });
            self.sql.push_str(parameter_type(*of));
        }
        self.sql.push_str(if prepared.parameters.is_empty() { " AS " } else { ") AS " });
        self.sql.push_str(&prepared.sql);
        self.sql.push(';');
        self.steps.push(Step::Prepare(name));
    }

    fn deallocate(&mut self, name: StatementName) {
        self.sql.push_str("DEALLOCATE ");
        self.sql.push_str(&name.to_string());
        self.sql.push(';');
        self.steps.push(Step::Deallocate(name));
    }
}

/// A finished message.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) sql: String,
    steps: Vec<Step>,
}

impl Plan {
    /// Tells what is prepared now that so many statements are done.
    pub(crate) fn note(&self, done: usize, statements: &mut Statements) {
        for step in self.steps.get(..done).unwrap_or_default() {
            match step {
                Step::Prepare(name) => statements.prepared(*name),
                Step::Deallocate(name) => statements.deallocated(*name),
                Step::Run | Step::Savepoint => {}
            }
        }
    }

    /// Statements of the program among the first `done`.
    fn runs(&self, done: usize) -> u64 {
        let finished = self.steps.get(..done).unwrap_or_default();
        finished.iter().filter(|step| **step == Step::Run).count() as u64
    }
}

/// What became of a message.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Statements of the program that are done.
    pub(crate) runs: u64,
    /// Rows of the last one, if it was asked for them.
    pub(crate) rows: Vec<Row>,
    /// Why the next one is not done.
    pub(crate) result: Result<(), StatementError>,
}

/// Reads the rows of one statement.
#[derive(Debug)]
struct Rows<'c> {
    columns: &'c [OutputColumn],
    limit: u64,
    rows: Vec<Row>,
    problem: Option<StatementError>,
}

impl Rows<'_> {
    fn push(&mut self, row: &PgRow) {
        // The program fails when there is a problem or one row too many; what still comes is only read away.
        if self.problem.is_some() || self.rows.len() as u64 > self.limit {
            return;
        }
        match decode(row, self.columns) {
            Ok(row) => self.rows.push(row),
            Err(problem) => self.problem = Some(problem),
        }
    }
}

/// The values of a row.
pub(crate) fn decode(row: &PgRow, columns: &[OutputColumn]) -> Result<Row, StatementError> {
    if row.len() != columns.len() {
        return Err(NodeFault::invariant(WHAT, "a row with another number of columns").into());
    }
    let mut values = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let raw = row.try_get_raw(index).map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
        let text = if sqlx::ValueRef::is_null(&raw) {
            None
        } else {
            Some(raw.as_str().map_err(|error| NodeFault::invariant(WHAT, error))?)
        };
        let value = read_value(text, column.data_type).map_err(|problem| match problem {
            ValueProblem::TooWide(_) => {
                let message = problem.to_string();
                StatementError::Tx(SqlFailure { sqlstate: "22003".into(), message })
            }
            ValueProblem::Malformed(..) => NodeFault::invariant(WHAT, problem).into(),
        })?;
        values.push(value);
    }
    Ok(values)
}

impl Block<'_> {
    /// Sends a message. With `columns` the rows of its last statement are read, up to one more than `limit`.
    pub(crate) async fn send(
        &mut self,
        message: Message,
        columns: Option<&[OutputColumn]>,
        limit: Option<u64>,
    ) -> Result<Sent, NodeFault> {
        let plan = message.into_plan();
        let sql = plan.sql.clone();
        let last_run = plan.steps.iter().rposition(|step| *step == Step::Run);
        let mut rows = Rows {
            columns: columns.unwrap_or_default(),
            limit: limit.unwrap_or(u64::MAX),
            rows: Vec::new(),
            problem: None,
        };
        let mut done = 0_usize;
        let connection = &mut *self.connection;
        let running = async {
            let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
            while let Some(answer) = answers.next().await {
                match answer {
                    Ok(Either::Left(_)) => done = done.saturating_add(1),
                    Ok(Either::Right(row)) => {
                        if columns.is_some() && last_run == Some(done) {
                            rows.push(&row);
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let result = guarded(&self.draft.cancel, &mut self.draft.tainted, running).await?;
        plan.note(done, self.statements);
        let runs = plan.runs(done);
        let result = match result {
            Err(error) => Err(StatementError::from_sqlx(WHAT, error)),
            Ok(()) if done != plan.steps.len() => {
                Err(NodeFault::invariant(WHAT, "another number of answers than statements").into())
            }
            Ok(()) => rows.problem.map_or(Ok(()), Err),
        };
        Ok(Sent { runs, rows: rows.rows, result })
    }
}
