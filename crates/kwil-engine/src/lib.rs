//! Runs SQL statements and actions: what they mean, who may run them, and what the database is asked to do.
//!
//! What it may not do: know PostgreSQL's protocol, open a connection, read a clock. Everything it needs from a database
//! comes through [`Session`]; everything it needs from the chain comes through [`Invocation`]. Equal catalog, rows,
//! invocation and input give equal effects, rows and errors on every node.
//!
//! ```text
//! script ──parse──▶ statements ──┬─ on rows: analyse ─▶ Prepared (cached) ─▶ Session::query / execute
//! action + arguments ────────────┤
//!        │ interpreter           ├─ tables, indexes: checks ─▶ Change (successor catalog + Ddl) ─▶ Session::change
//!        └─ expressions: eval    └─ actions, roles, namespaces: checks ─▶ Change (successor catalog) ─▶ Session::change
//! ```
//!
//! Who calls: the execution of blocks and the reads of a node, with a session over a transaction of PostgreSQL. The
//! [`catalog`] is immutable and shared; a statement that changes it hands its successor to the session, which publishes it
//! with the transaction or forgets it. What users can add are [`Extension`]s.
//!
//! # Example
//!
//! A session that only records stands for the database here.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use kwil_engine::testing::{Recorder, finish};
//! use kwil_engine::{Call, Engine, Extensions, Invocation, Limits, ReadLimits, Results, Terms};
//! use kwil_types::Value;
//!
//! let engine = Engine::new(Extensions::new());
//! let mut session = Recorder::new();
//! let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
//! let terms = Terms { invocation: &invocation, limits: &Limits::NETWORK };
//!
//! let schema = "
//!     CREATE TABLE notes (id INT PRIMARY KEY, body TEXT NOT NULL);
//!     CREATE ACTION greet($name TEXT DEFAULT 'you') PUBLIC VIEW RETURNS (greeting TEXT) {
//!         NOTICE('a greeting for ' || $name);
//!         RETURN 'hello ' || $name;
//!     }
//! ";
//! let created = engine.run_script(&mut session, terms, schema, BTreeMap::new(), Results::Discard);
//! assert!(finish(created).result.is_ok());
//!
//! let call = Call { namespace: "", action: "greet", arguments: vec![Value::from("ann")] };
//! let results = Results::Collect(ReadLimits { rows: 100, bytes: 1 << 20 });
//! let outcome = finish(engine.call(&mut session, terms, call, results));
//! assert_eq!(outcome.result.unwrap().rows, [[Value::from("hello ann")]]);
//! assert_eq!(outcome.log, "1. a greeting for ann");
//! ```
//!
//! # Features
//!
//! `testing`: a session that records, random statements, fuzz entry points.

pub mod catalog;
pub mod eval;

mod context;
mod engine;
mod error;
mod extension;
mod interpret;
mod prepare;
mod script;
mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use context::{Invocation, Limits, ReadLimits};
pub use engine::{Call, Calls, Engine, Outcome, Results, Terms};
pub use error::{EngineError, Failure, FailureClass, Origin};
pub use extension::{
    Extension, ExtensionContext, ExtensionError, ExtensionFuture, ExtensionInstance, Extensions,
    ExtensionsError, Math, MethodParameter, MethodReturns, MethodSpec, Stopped,
};
pub use session::{
    Access, Change, Ddl, DdlColumn, Prepared, QueryResult, Row, Session, SessionError,
};
