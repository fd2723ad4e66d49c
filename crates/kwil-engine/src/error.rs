//! Why a script or a call failed.

use std::fmt;

use kwil_lang::analyze::AnalysisError;
use kwil_lang::{ErrorClass, ParseErrors};

use crate::session::SessionError;

/// The class of a failure: clients and result codes depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// A class of the language.
    Lang(ErrorClass),
    /// PostgreSQL refused a statement: the five characters of its SQLSTATE.
    Sql(Box<str>),
    /// A read gave more rows or bytes than this node answers with.
    ResultTooLarge {
        /// Rows at most.
        rows: u64,
        /// Bytes at most.
        bytes: u64,
    },
    /// A read took longer than this node gives it.
    Timeout,
}

/// A failure of the program, not of the node: the same on every node for the same state and input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Its class.
    pub class: FailureClass,
    /// What the user reads; the text of the class is part of it.
    pub message: String,
}

/// Why nothing came out.
#[derive(Debug)]
pub enum EngineError<F> {
    /// The program failed.
    Failed(Box<Failure>),
    /// This node failed; says nothing about the program.
    Fault(F),
}

impl Failure {
    /// A failure of a class, with the text of the class in front of the detail.
    #[must_use]
    pub fn new(class: ErrorClass, detail: impl fmt::Display) -> Self {
        let message = match class.text() {
            "" => detail.to_string(),
            text => format!("{text}: {detail}"),
        };
        Self { class: FailureClass::Lang(class), message }
    }

    /// PostgreSQL's answer in the one form that clients know.
    #[must_use]
    pub fn sql(sqlstate: &str, message: &str) -> Self {
        Self {
            class: FailureClass::Sql(sqlstate.into()),
            message: format!("ERROR: {message} (SQLSTATE {sqlstate})"),
        }
    }

    /// The name of the class as the conformance cases write it: `Plan.Type`, `Pg(22012)`.
    #[must_use]
    pub fn class_name(&self) -> String {
        match &self.class {
            FailureClass::Lang(class) => class.name().into(),
            FailureClass::Sql(sqlstate) => format!("Pg({sqlstate})"),
            FailureClass::ResultTooLarge { .. } => "ResultTooLarge".into(),
            FailureClass::Timeout => "Timeout".into(),
        }
    }
}

impl<F> From<Failure> for EngineError<F> {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl<F> EngineError<F> {
    /// A failure of a class.
    #[must_use]
    pub fn failed(class: ErrorClass, detail: impl fmt::Display) -> Self {
        Failure::new(class, detail).into()
    }
}

impl From<AnalysisError> for Failure {
    fn from(error: AnalysisError) -> Self {
        Self { class: FailureClass::Lang(error.class), message: error.to_string() }
    }
}

impl From<ParseErrors> for Failure {
    /// The class of the first error; the message has all of them.
    fn from(errors: ParseErrors) -> Self {
        Self { class: FailureClass::Lang(errors.class()), message: errors.to_string() }
    }
}

impl<F> From<SessionError<F>> for EngineError<F> {
    fn from(error: SessionError<F>) -> Self {
        match error {
            SessionError::Sql { sqlstate, message } => Failure::sql(&sqlstate, &message).into(),
            SessionError::Failed(failure) => Self::Failed(failure),
            SessionError::Timeout => {
                let message = "db timeout".to_owned();
                Failure { class: FailureClass::Timeout, message }.into()
            }
            SessionError::Fault(fault) => Self::Fault(fault),
        }
    }
}
