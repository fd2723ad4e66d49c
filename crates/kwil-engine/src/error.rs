//! Why a script or a call failed.

use std::fmt;

use kwil_lang::analyze::AnalysisError;
use kwil_lang::{ErrorClass, LineColumn, ParseErrors, Span};

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

/// Where a failure happened, as far as that is known. Reads tell it; results of transactions never have any of it, because
/// a statement of a transaction can fail long after it was passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The place in the script; where there is an action, the place in its text as `info.actions` shows it.
    pub position: Option<LineColumn>,
    /// The namespace that was current.
    pub namespace: Option<Box<str>>,
    /// The action or the method that was running, or that was to be called.
    pub action: Option<Box<str>>,
    /// The offending bytes, until somebody who knows the source turns them into a position.
    pub(crate) span: Option<Span>,
}

/// A failure of the program, not of the node: the same on every node for the same state and input, but for its origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Its class.
    pub class: FailureClass,
    /// What the user reads; the text of the class is part of it.
    pub message: String,
    origin: Option<Box<Origin>>,
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
        Self::with_message(FailureClass::Lang(class), message)
    }

    /// A failure with exactly this message.
    #[must_use]
    pub fn with_message(class: FailureClass, message: String) -> Self {
        Self { class, message, origin: None }
    }

    /// PostgreSQL's answer in the one form that clients know.
    #[must_use]
    pub fn sql(sqlstate: &str, message: &str) -> Self {
        let message = format!("ERROR: {message} (SQLSTATE {sqlstate})");
        Self::with_message(FailureClass::Sql(sqlstate.into()), message)
    }

    /// Where it happened; `None` when nothing is known.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    /// The same failure with this origin instead of what was known.
    #[must_use]
    pub fn at(self, origin: Origin) -> Self {
        Self { origin: Some(Box::new(origin)), ..self }
    }

    /// Says where it happened.
    pub(crate) fn set_origin(&mut self, origin: Origin) {
        self.origin = Some(Box::new(origin));
    }

    /// Forgets where it happened: in a text that the user did not write.
    pub(crate) fn without_origin(self) -> Self {
        Self { origin: None, ..self }
    }

    /// The offending bytes of a source that this failure does not know.
    pub(crate) fn span(&self) -> Option<Span> {
        self.origin.as_ref().and_then(|origin| origin.span)
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
        let origin = Origin { span: Some(error.span), ..Origin::default() };
        Self::with_message(FailureClass::Lang(error.class), error.to_string()).at(origin)
    }
}

impl From<ParseErrors> for Failure {
    /// The class and the position of the first error; the message has all of them.
    fn from(errors: ParseErrors) -> Self {
        let position = errors.iter().next().map(|error| error.place.start);
        let origin = Origin { position, ..Origin::default() };
        Self::with_message(FailureClass::Lang(errors.class()), errors.to_string()).at(origin)
    }
}

impl<F> From<SessionError<F>> for EngineError<F> {
    fn from(error: SessionError<F>) -> Self {
        match error {
            SessionError::Sql { sqlstate, message } => Failure::sql(&sqlstate, &message).into(),
            SessionError::Failed(failure) => Self::Failed(failure),
            SessionError::Timeout => {
                let message = "db timeout".to_owned();
                Failure::with_message(FailureClass::Timeout, message).into()
            }
            SessionError::Fault(fault) => Self::Fault(fault),
        }
    }
}
