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

pub mod catalog;
pub mod eval;

mod context;
mod error;
mod extension;
mod interpret;
mod prepare;
mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use context::{Invocation, Limits, ReadLimits};
pub use error::{EngineError, Failure, FailureClass};
pub use extension::{
    Extension, ExtensionContext, ExtensionError, ExtensionFuture, ExtensionInstance, Extensions,
    ExtensionsError, Math, MethodParameter, MethodReturns, MethodSpec, Stopped,
};
pub use session::{
    Access, Change, Ddl, DdlColumn, Prepared, QueryResult, Row, Session, SessionError,
};
