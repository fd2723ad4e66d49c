//! Many statements in one message of the simple protocol.
//!
//! The server runs them one after another and stops at the first that fails; how many answers came tells which one that
//! was. Rows are read from one statement at most.

use std::fmt::Write as _;

use futures_util::StreamExt as _;
use kwil_engine::{Prepared, Row};
use kwil_lang::analyze::OutputColumn;
use kwil_types::Value;
use sqlx::Either;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::Block;
use crate::capture::SIZE_STATEMENT;
use crate::fault::{NodeFault, SqlFailure, StatementError};
use crate::statements::{StatementName, Statements};
use crate::values::{
    LiteralError, ValueProblem, array_type, parameter_type, push_array, push_literal, read_value,
};

const WHAT: &str = "run statements";

/// What one statement of a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Prepare(StatementName),
    Deallocate(StatementName),
    /// One of the node's own, around those of the program.
    Own,
    /// One that the program asked for.
    Run,
    /// Asks for the size of the capture table.
    Measure,
}

/// Statements to send together.
#[derive(Debug, Default)]
pub(crate) struct Message {
    sql: String,
    steps: Vec<Step>,
    runs: u64,
    writes: bool,
    /// It prepares or drops statements.
    changes_known: bool,
}

impl Message {
    /// A message that opens a savepoint before anything else, and releases the one before when it is still open.
    pub(crate) fn in_savepoint(unreleased: bool) -> Self {
        let mut message = Self::default();
        if unreleased {
            message.push_own("RELEASE SAVEPOINT kwil");
        }
        message.push_own("SAVEPOINT kwil");
        message
    }

    /// Adds a statement of the node's own.
    pub(crate) fn push_own(&mut self, sql: &str) {
        self.sql.push_str(sql);
        self.sql.push(';');
        self.steps.push(Step::Own);
    }

    /// Statements of the program in it.
    pub(crate) fn runs(&self) -> u64 {
        self.runs
    }

    /// Whether a statement of the program in it gives no rows.
    pub(crate) fn writes(&self) -> bool {
        self.writes
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
        self.writes |= prepared.columns.is_empty();
        if !prepared.is_reused && arguments.is_empty() {
            self.sql.push_str(&prepared.sql);
            self.sql.push(';');
            self.steps.push(Step::Run);
            self.runs = self.runs.saturating_add(1);
            return Ok(());
        }
        let name =
            if prepared.is_reused { StatementName::Kept(prepared.id) } else { StatementName::Once };
        let types = prepared.parameters.iter().map(|of| parameter_type(*of));
        self.know(statements, name, (&prepared.sql, types));
        self.execute(
            name,
            arguments.iter().map(|argument| |out: &mut String| push_literal(argument, out)),
        )?;
        if name == StatementName::Once {
            self.deallocate(name);
        }
        Ok(())
    }

    /// Adds an insert that runs once for each of these rows of arguments, `of_rows` being its [`Prepared::of_rows`].
    pub(crate) fn push_rows(
        &mut self,
        statements: &mut Statements,
        (prepared, of_rows): (&Prepared, &str),
        rows: &[&[Value]],
    ) -> Result<(), NodeFault> {
        let width = prepared.parameters.len();
        if rows.iter().any(|row| row.len() != width) {
            return Err(NodeFault::invariant(WHAT, "another number of arguments than parameters"));
        }
        self.writes = true;
        let name = StatementName::OfRows(prepared.id);
        let types = prepared.parameters.iter().map(|of| array_type(*of));
        self.know(statements, name, (of_rows, types));
        self.execute(
            name,
            (0..width).map(|column| {
                move |out: &mut String| {
                    push_array(rows.iter().filter_map(|row| row.get(column)), out)
                }
            }),
        )
    }

    /// Prepares a statement that the connection does not know.
    fn know<'t>(
        &mut self,
        statements: &mut Statements,
        name: StatementName,
        (sql, types): (&str, impl Iterator<Item = &'t str>),
    ) {
        let is_once = name == StatementName::Once;
        let is_known = statements.touch(name);
        if is_once && is_known && !self.steps.contains(&Step::Deallocate(name)) {
            // The one before it failed and is still there.
            self.deallocate(name);
        }
        if is_once || !self.step_of(name).unwrap_or(is_known) {
            self.prepare(statements, name, (sql, types));
        }
    }

    /// Whether the message prepares a statement or, after that, drops it to make room for another; `None` when neither.
    fn step_of(&self, name: StatementName) -> Option<bool> {
        if !self.changes_known {
            return None;
        }
        self.steps.iter().rev().find_map(|step| match step {
            Step::Prepare(prepared) if *prepared == name => Some(true),
            Step::Deallocate(dropped) if *dropped == name => Some(false),
            _ => None,
        })
    }

    fn execute<W: FnOnce(&mut String) -> Result<(), LiteralError>>(
        &mut self,
        name: StatementName,
        arguments: impl Iterator<Item = W>,
    ) -> Result<(), NodeFault> {
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "EXECUTE {name}");
        let mut end = ";";
        for argument in arguments {
            self.sql.push(if end == ";" { '(' } else { ',' });
            argument(&mut self.sql).map_err(|error| NodeFault::invariant(WHAT, error))?;
            end = ");";
        }
        self.sql.push_str(end);
        self.steps.push(Step::Run);
        self.runs = self.runs.saturating_add(1);
        Ok(())
    }

    /// Ready to be sent to the writer; one that writes asks how much is captured, too.
    fn measured(mut self) -> Plan {
        if self.writes {
            self.sql.push_str("EXECUTE ");
            self.sql.push_str(SIZE_STATEMENT);
            self.sql.push(';');
            self.steps.push(Step::Measure);
        }
        self.into_plan()
    }

    /// Ready to be sent.
    pub(crate) fn into_plan(self) -> Plan {
        Plan { sql: self.sql, steps: self.steps }
    }

    fn prepare<'t>(
        &mut self,
        statements: &Statements,
        name: StatementName,
        (sql, types): (&str, impl Iterator<Item = &'t str>),
    ) {
        let prepares = |step: &&Step| matches!(step, Step::Prepare(_));
        let more = self.steps.iter().filter(prepares).count().saturating_add(1);
        for old in statements.to_deallocate(more) {
            if !self.steps.contains(&Step::Deallocate(old)) {
                self.deallocate(old);
            }
        }
        let _ = write!(self.sql, "PREPARE {name}");
        let mut end = " AS ";
        for of in types {
            self.sql.push(if end == " AS " { '(' } else { ',' });
            self.sql.push_str(of);
            end = ") AS ";
        }
        self.sql.push_str(end);
        self.sql.push_str(sql);
        self.sql.push(';');
        self.steps.push(Step::Prepare(name));
        self.changes_known = true;
    }

    fn deallocate(&mut self, name: StatementName) {
        self.sql.push_str("DEALLOCATE ");
        self.sql.push_str(&name.to_string());
        self.sql.push(';');
        self.steps.push(Step::Deallocate(name));
        self.changes_known = true;
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
                Step::Run | Step::Own | Step::Measure => {}
            }
        }
    }

    /// Whether the statement at this place is one of the program.
    pub(crate) fn is_run(&self, place: usize) -> bool {
        self.steps.get(place) == Some(&Step::Run)
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
        let plan = message.measured();
        let sql = plan.sql.clone();
        let measure = plan.steps.iter().rposition(|step| *step == Step::Measure);
        let mut captured = None;
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
                        if measure == Some(done) {
                            captured = Some(row.try_get_unchecked::<i64, _>(0)?);
                        } else if columns.is_some() && last_run == Some(done) {
                            rows.push(&row);
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let result = self.draft.waits.until(running).await?;
        plan.note(done, self.statements);
        let runs = plan.runs(done);
        if let Some(bytes) = captured {
            self.draft.captured = u64::try_from(bytes).unwrap_or(u64::MAX);
        }
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
