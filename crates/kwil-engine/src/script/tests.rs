//! Statements against a session that records what it is asked and accepts every change.

mod actions;
mod extensions;
mod origin;
mod random;
mod roles;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_types::Value;

use crate::catalog::{Catalog, Table};
use crate::testing::{Recorder, finish};
use crate::{
    Call, Ddl, Engine, EngineError, Extension, Extensions, Failure, Invocation, Limits, Math,
    Outcome, QueryResult, ReadLimits, Results, Session, Terms,
};

type Fault = <Recorder as Session>::Fault;

/// A database that `ann` owns.
pub(super) struct Db {
    engine: Engine,
    session: Recorder,
}

impl Db {
    pub(super) fn new() -> Self {
        Self::with_extensions(&[Arc::new(Math)])
    }

    pub(super) fn with_extensions(all: &[Arc<dyn Extension>]) -> Self {
        let mut extensions = Extensions::new();
        for extension in all {
            extensions.register(Arc::clone(extension)).unwrap();
        }
        let mut session = Recorder::new();
        session.change_catalog(|catalog| *catalog = Catalog::genesis(Some("ann")));
        Self { engine: Engine::new(extensions), session }
    }

    /// Runs a script as a user with parameters.
    pub(super) fn try_with(
        &mut self,
        user: &str,
        source: &str,
        parameters: &[(&str, Value)],
    ) -> Result<(), Failure> {
        let invocation = Invocation { caller: user.to_owned(), ..Invocation::default() };
        self.try_as(&invocation, source, parameters)
    }

    pub(super) fn try_as(
        &mut self,
        invocation: &Invocation,
        source: &str,
        parameters: &[(&str, Value)],
    ) -> Result<(), Failure> {
        let parameters: BTreeMap<_, _> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let before = self.catalog().clone();
        let ran = finish(self.engine.run_script(
            &mut self.session,
            Terms { invocation, limits: &Limits::NETWORK },
            source,
            parameters,
            Results::Discard,
        ));
        match ran.result {
            Ok(_) => Ok(()),
            Err(EngineError::Failed(failure)) => {
                // Like the transaction around it.
                self.session.change_catalog(|catalog| *catalog = before);
                Err(*failure)
            }
            Err(EngineError::Fault(fault)) => panic!("the recorder has no faults: {fault:?}"),
        }
    }

    /// Runs a script as the owner that must succeed.
    pub(super) fn run(&mut self, source: &str) -> &mut Self {
        if let Err(failure) = self.try_with("ann", source, &[]) {
            panic!("{source}: {}: {failure}", failure.class_name());
        }
        self
    }

    /// Class and text of the failure of a script of the owner.
    pub(super) fn fails(&mut self, source: &str) -> (String, String) {
        self.fails_for("ann", source)
    }

    pub(super) fn fails_for(&mut self, user: &str, source: &str) -> (String, String) {
        match self.try_with(user, source, &[]) {
            Ok(()) => panic!("{source}: succeeded"),
            Err(failure) => (failure.class_name(), failure.message),
        }
    }

    /// Calls an action or a method.
    pub(super) fn outcome(
        &mut self,
        user: &str,
        namespace: &str,
        action: &str,
        arguments: Vec<Value>,
    ) -> Outcome<Fault> {
        let invocation = &Invocation { caller: user.to_owned(), ..Invocation::default() };
        let terms = Terms { invocation, limits: &Limits::NETWORK };
        let results = Results::Collect(ReadLimits { rows: 100, bytes: 10_000 });
        let call = Call { namespace, action, arguments };
        finish(self.engine.call(&mut self.session, terms, call, results))
    }

    pub(super) fn call(
        &mut self,
        user: &str,
        namespace: &str,
        action: &str,
        arguments: Vec<Value>,
    ) -> Result<QueryResult, Failure> {
        match self.outcome(user, namespace, action, arguments).result {
            Ok(rows) => Ok(rows),
            Err(EngineError::Failed(failure)) => Err(*failure),
            Err(EngineError::Fault(fault)) => panic!("the recorder has no faults: {fault:?}"),
        }
    }

    /// Class and text of the failure of a call.
    pub(super) fn fails_call(
        &mut self,
        user: &str,
        namespace: &str,
        action: &str,
        arguments: Vec<Value>,
    ) -> (String, String) {
        let before = self.catalog().clone();
        let Err(failure) = self.call(user, namespace, action, arguments) else {
            panic!("{namespace}.{action}: succeeded");
        };
        self.session.change_catalog(|catalog| *catalog = before);
        (failure.class_name(), failure.message)
    }

    pub(super) fn catalog(&self) -> &Catalog {
        self.session.catalog()
    }

    pub(super) fn table(&self, name: &str) -> &Table {
        self.catalog().table_of("main", name).unwrap_or_else(|| panic!("no table {name}"))
    }

    /// What the last change asked of the database.
    pub(super) fn last_ddl(&self) -> Vec<Ddl> {
        self.session.changes.last().map(|change| change.ddl.clone()).unwrap_or_default()
    }

    /// The statements among it.
    pub(super) fn last_sql(&self) -> Vec<String> {
        let statements = self.last_ddl().into_iter().filter_map(|ddl| match ddl {
            Ddl::CreateTable { sql, .. } | Ddl::DropTable { sql, .. } | Ddl::Other { sql } => {
                Some(sql)
            }
            _ => None,
        });
        statements.collect()
    }
}

/// Fails unless each script of the owner fails with a class, and a text that its message contains.
pub(super) fn refused(setup: &str, cases: &[(&str, &str, &str)]) {
    for (source, class, text) in cases {
        let mut db = Db::new();
        if !setup.is_empty() {
            db.run(setup);
        }
        let before = db.catalog().clone();
        let (got, message) = db.fails(source);
        assert_eq!(got, *class, "{source}: {message}");
        assert!(message.contains(text), "{source}: {message}");
        assert_eq!(*db.catalog(), before, "{source}");
    }
}
