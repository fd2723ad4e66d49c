//! What is wrong with a genesis document.

use std::fmt;

/// Field name of problems that concern the document as a whole.
pub(crate) const DOCUMENT: &str = "(document)";

/// One thing that is wrong with a genesis document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    line: Option<u32>,
    field: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(
        field: impl Into<String>,
        line: Option<u32>,
        message: impl Into<String>,
    ) -> Self {
        Self { line, field: field.into(), message: message.into() }
    }

    /// Path of the field, such as `validators[1].pubkey`, or `(document)`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Line of the document, from 1, when it was read from text.
    #[must_use]
    pub const fn line(&self) -> Option<u32> {
        self.line
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} (line {line}): {}", self.field, self.message),
            None => write!(f, "{}: {}", self.field, self.message),
        }
    }
}

/// Everything that is wrong with a genesis document: at least one problem, in document order where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisError(Vec<Problem>);

impl GenesisError {
    /// `None` when there is no problem.
    pub(crate) fn from_problems(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort();
        problems.dedup();
        (!problems.is_empty()).then_some(Self(problems))
    }

    pub(crate) fn single(problem: Problem) -> Self {
        Self(vec![problem])
    }

    /// All problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

/// All problems, separated by semicolons.
impl fmt::Display for GenesisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for GenesisError {}
