//! What can be wrong with a configuration: everything at once.

use std::fmt;

use crate::load::Origin;

/// One thing to fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, when the problem belongs to one.
    pub key: Option<String>,
    /// Where the value is from; [`Origin::Default`] when it is from nowhere (a check over several keys).
    pub origin: Origin,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => {}
            origin => write!(f, "{origin}: ")?,
        }
        match (&self.key, &self.origin) {
            // The name of the flag is the key.
            (Some(_), Origin::Flag(_)) | (None, _) => f.write_str(&self.message),
            (Some(key), _) => write!(f, "{key}: {}", self.message),
        }
    }
}

/// The configuration cannot be used. Lists all problems of all sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    file: Option<String>,
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) const fn new(file: Option<String>, problems: Vec<Problem>) -> Self {
        Self { file, problems }
    }

    /// Every problem, in the order of the file, then flags, variables and checks over several keys.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_file =
            self.problems.iter().any(|problem| matches!(problem.origin, Origin::File { .. }));
        match &self.file {
            Some(path) if in_file => write!(f, "error loading config from {path}:")?,
            Some(_) | None => f.write_str("invalid configuration:")?,
        }
        match self.problems.as_slice() {
            [only] => write!(f, " {only}"),
            many => many.iter().try_for_each(|problem| write!(f, "\n  {problem}")),
        }
    }
}
