//! What an extension may do while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use kwil_types::Value;

use crate::{Invocation, QueryResult};

/// Why a hook or a method of an extension failed.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    /// It says so. The same on every node.
    #[error("{0}")]
    Failed(String),
    /// Something it asked the context for failed; the context knows what.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Something asked of the context failed. Nothing can be caught: the call fails with it, whatever the extension does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call was stopped")]
pub struct Stopped {
    _private: (),
}

impl Stopped {
    pub(super) fn new() -> Self {
        Self { _private: () }
    }
}

/// A running call: what surrounds it, and what it may ask for.
///
/// Statements run in the extension's own namespace with the rights of the extension: it may change its tables and read
/// all others. It may call actions and methods like an action does.
pub struct ExtensionContext<'a> {
    namespace: &'a str,
    invocation: &'a Invocation,
    runner: &'a mut dyn ContextRunner,
}

/// A future that only the engine makes.
pub(super) type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, Stopped>> + Send + 'a>>;

/// The engine behind a context; hides what kind of session it runs on.
pub(super) trait ContextRunner: Send {
    /// Runs statements in a namespace with the rights of its extension.
    fn run<'r>(
        &'r mut self,
        namespace: &'r str,
        source: &'r str,
        parameters: BTreeMap<String, Value>,
    ) -> Running<'r, QueryResult>;

    /// Calls an action or a method like an action of a namespace would.
    fn call<'r>(
        &'r mut self,
        from: &'r str,
        namespace: &'r str,
        action: &'r str,
        arguments: Vec<Value>,
    ) -> Running<'r, QueryResult>;

    /// Adds a line to the log.
    fn notice(&mut self, text: String);
}

impl fmt::Debug for ExtensionContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtensionContext")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl<'a> ExtensionContext<'a> {
    pub(super) fn new(
        namespace: &'a str,
        invocation: &'a Invocation,
        runner: &'a mut dyn ContextRunner,
    ) -> Self {
        Self { namespace, invocation, runner }
    }

    /// The namespace of this use of the extension.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace
    }

    /// Who asks, in which transaction and block.
    #[must_use]
    pub fn invocation(&self) -> &Invocation {
        self.invocation
    }

    /// Runs statements of SQL, `$name` being parameters; returns the rows of all of them.
    ///
    /// # Errors
    /// [`Stopped`] when one fails, changes another namespace, or is no statement on tables, rows and actions.
    pub async fn execute(
        &mut self,
        source: &str,
        parameters: BTreeMap<String, Value>,
    ) -> Result<QueryResult, Stopped> {
        self.runner.run(self.namespace, source, parameters).await
    }

    /// Calls an action or a method.
    ///
    /// # Errors
    /// [`Stopped`] when there is none, it may not be called, or fails.
    pub async fn call(
        &mut self,
        namespace: &str,
        action: &str,
        arguments: Vec<Value>,
    ) -> Result<QueryResult, Stopped> {
        self.runner.call(self.namespace, namespace, action, arguments).await
    }

    /// Adds a line to the log of the call.
    pub fn notice(&mut self, text: impl Into<String>) {
        self.runner.notice(text.into());
    }
}
