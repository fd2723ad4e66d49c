//! A session without a database: it records what it is asked and answers from a list.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kwil_lang::analyze::{Column, check_action};
use kwil_lang::ast::StatementKind;
use kwil_lang::parse_script;
use kwil_types::{DataType, Value};

use crate::catalog::{Action, Catalog, Namespace, Table, TableColumn};
use crate::session::{Access, Change, Prepared, Row, Session, SessionError};

/// Something a [`Recorder`] was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// To run a statement and return rows.
    Query(Box<str>, Vec<Value>),
    /// To run a statement, now or later.
    Execute(Box<str>, Vec<Value>),
    /// To run what waits.
    Flush,
}

/// What a [`Recorder`] answers to the statements that contain a text.
#[derive(Clone, Debug)]
enum Answer {
    Rows(Vec<Row>),
    Failure { sqlstate: &'static str, message: &'static str },
}

/// A session that records. Statements handed to `execute` wait until something makes them run; a failure that was ordered
/// for one of them comes then.
#[derive(Debug)]
pub struct Recorder {
    catalog: Arc<Catalog>,
    access: Access,
    answers: Vec<(Box<str>, Answer)>,
    waiting: VecDeque<Box<str>>,
    finished: u64,
    /// Whether it tells how many statements are done.
    pub tells_finished: bool,
    /// Everything it was asked, in order.
    pub asked: Vec<Asked>,
    /// Every change of what exists, in order.
    pub changes: Vec<Change>,
    /// The statements, as they came prepared.
    pub statements: Vec<Arc<Prepared>>,
    /// Cancelled after so many questions whether it is.
    pub patience: Option<u64>,
    looked: std::cell::Cell<u64>,
}

impl Recorder {
    /// A session inside a block, with the genesis catalog and the owner `owner`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            catalog: Arc::new(Catalog::genesis(Some("owner"))),
            access: Access::Write,
            answers: Vec::new(),
            waiting: VecDeque::new(),
            finished: 0,
            tells_finished: true,
            asked: Vec::new(),
            changes: Vec::new(),
            statements: Vec::new(),
            patience: None,
            looked: std::cell::Cell::new(0),
        }
    }

    /// The same, reading only.
    #[must_use]
    pub fn reading(mut self) -> Self {
        self.access = Access::Read;
        self
    }

    /// Lets it write, or only read, from now on.
    pub fn set_access(&mut self, access: Access) {
        self.access = access;
    }

    /// Changes the catalog.
    pub fn change_catalog(&mut self, change: impl FnOnce(&mut Catalog)) {
        let mut catalog = Catalog::clone(&self.catalog);
        change(&mut catalog);
        self.catalog = Arc::new(catalog);
    }

    /// Puts the actions of a script, each in the namespace of its prefix or `main`, into the catalog.
    ///
    /// # Panics
    /// The script has errors.
    #[must_use]
    #[expect(clippy::panic, reason = "a broken promise, or a broken test, must be seen")]
    pub fn with_actions(mut self, script: &str) -> Self {
        let statements = match parse_script(script) {
            Ok(statements) => statements,
            Err(errors) => panic!("{}", errors.report()),
        };
        for statement in statements {
            let namespace = statement.namespace.map_or("main".into(), |name| name.name);
            let StatementKind::CreateAction(action) = statement.kind else { continue };
            let signature = match check_action(&action) {
                Ok(signature) => signature,
                Err(error) => panic!("{error}"),
            };
            self.change_catalog(|catalog| {
                let found = catalog.namespaces.entry(namespace).or_insert_with(|| {
                    Arc::new(Namespace::new(kwil_lang::analyze::NamespaceKind::User))
                });
                let name = action.name.name.clone();
                let action = Action::new(script.into(), *action, signature);
                Arc::make_mut(found).actions.insert(name, Arc::new(action));
            });
        }
        self
    }

    /// Puts a table into `main`; the first column is its primary key.
    #[must_use]
    pub fn with_table(mut self, name: &str, columns: &[(&str, DataType)]) -> Self {
        let column = |(name, data_type): &(&str, DataType)| Column {
            name: (*name).into(),
            data_type: *data_type,
        };
        let shape = kwil_lang::analyze::Table {
            columns: columns.iter().map(column).collect(),
            primary_key: columns.iter().take(1).map(|(name, _)| (*name).into()).collect(),
            unique: Vec::new(),
        };
        let declared = vec![TableColumn::default(); columns.len()];
        let table = Table { shape, columns: declared, ..Table::default() };
        self.change_catalog(|catalog| {
            if let Some(main) = catalog.namespaces.get_mut("main") {
                Arc::make_mut(main).tables.insert(name.into(), Arc::new(table));
            }
        });
        self
    }

    /// Answers statements whose SQL contains the text with rows.
    #[must_use]
    pub fn answering(mut self, text: &str, rows: Vec<Row>) -> Self {
        self.answers.push((text.into(), Answer::Rows(rows)));
        self
    }

    /// Lets statements whose SQL contains the text fail.
    #[must_use]
    pub fn failing(mut self, text: &str, sqlstate: &'static str, message: &'static str) -> Self {
        self.answers.push((text.into(), Answer::Failure { sqlstate, message }));
        self
    }

    fn answer(&self, sql: &str) -> Result<Vec<Row>, SessionError<&'static str>> {
        match self.answers.iter().find(|(text, _)| sql.contains(&**text)) {
            None => Ok(Vec::new()),
            Some((_, Answer::Rows(rows))) => Ok(rows.clone()),
            Some((_, Answer::Failure { sqlstate, message })) => {
                let message = (*message).to_owned();
                Err(SessionError::Sql { sqlstate: (*sqlstate).into(), message })
            }
        }
    }

    fn run_waiting(&mut self) -> Result<(), SessionError<&'static str>> {
        while let Some(sql) = self.waiting.pop_front() {
            let done = self.answer(&sql);
            if done.is_err() {
                self.waiting.clear();
            }
            done?;
            self.finished = self.finished.saturating_add(1);
        }
        Ok(())
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Session for Recorder {
    type Fault = &'static str;

    fn access(&self) -> Access {
        self.access
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn query(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> Result<Vec<Row>, SessionError<Self::Fault>> {
        self.asked.push(Asked::Query(statement.sql.clone(), arguments.to_vec()));
        self.statements.push(Arc::clone(statement));
        self.run_waiting()?;
        let mut rows = self.answer(&statement.sql)?;
        let most = limit.and_then(|limit| usize::try_from(limit.saturating_add(1)).ok());
        rows.truncate(most.unwrap_or(usize::MAX));
        Ok(rows)
    }

    async fn execute(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
    ) -> Result<(), SessionError<Self::Fault>> {
        self.asked.push(Asked::Execute(statement.sql.clone(), arguments.to_vec()));
        self.statements.push(Arc::clone(statement));
        self.waiting.push_back(statement.sql.clone());
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SessionError<Self::Fault>> {
        self.asked.push(Asked::Flush);
        self.run_waiting()
    }

    fn finished(&self) -> Option<u64> {
        self.tells_finished.then_some(self.finished)
    }

    async fn change(&mut self, change: Change) -> Result<(), SessionError<Self::Fault>> {
        self.catalog = Arc::clone(&change.catalog);
        self.changes.push(change);
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        let looked = self.looked.get().saturating_add(1);
        self.looked.set(looked);
        self.patience.is_some_and(|patience| looked > patience)
    }

    fn cancelled(&self) -> Self::Fault {
        "cancelled"
    }
}

/// Runs a future that never waits for anything but itself.
pub fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
