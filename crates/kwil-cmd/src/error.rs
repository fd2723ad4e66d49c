//! What a command says when it fails, and the exit code that goes with it.

use std::fmt;

/// Kind of failure; each has its own exit status and its own word in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Anything without a kind of its own.
    Failed,
    /// A flag, argument, file or variable is wrong.
    Usage,
    /// Nobody answers at the endpoint.
    Unreachable,
    /// What was asked for does not exist.
    NotFound,
    /// Password, certificate or session refused.
    Unauthorized,
    /// The transaction is in a block and its result is not success.
    TxFailed,
    /// The person said no, or could not be asked.
    Declined,
    /// A check ran and found a fault.
    CheckFailed,
    /// Stopped by Ctrl-C.
    Interrupted,
}

impl ErrorCode {
    /// Exit status of the process.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotFound => 4,
            Self::Unauthorized => 5,
            Self::TxFailed => 6,
            Self::Declined => 7,
            Self::CheckFailed => 8,
            Self::Interrupted => 130,
        }
    }

    /// The word in the JSON envelope.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Unreachable => "unreachable",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::TxFailed => "tx_failed",
            Self::Declined => "declined",
            Self::CheckFailed => "check_failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A failed command: what failed and why in one message, and what to do next as hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    code: ErrorCode,
    message: String,
    hints: Vec<String>,
}

impl CliError {
    /// A failure of a kind.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: without_os_numbers(&message.into()), hints: Vec::new() }
    }

    /// A failure without a kind of its own.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Failed, message)
    }

    /// A wrong flag, argument, file or variable.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Usage, message)
    }

    /// What failed, then the error and its causes.
    #[must_use]
    pub fn because(what: &str, error: &dyn std::error::Error) -> Self {
        Self::failed(format!("{what}: {}", chain(error)))
    }

    /// Adds what to do next; a sentence without full stop.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A failure whose result is printed already: only the exit status is left to tell.
    #[must_use]
    pub const fn told(code: ErrorCode) -> Self {
        Self { code, message: String::new(), hints: Vec::new() }
    }

    /// True when nothing is left to print.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.message.is_empty()
    }

    /// Says in front of the message what was tried.
    #[must_use]
    pub fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Changes the kind.
    #[must_use]
    pub const fn with_code(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }

    /// The kind.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

impl From<kwil_config::ConfigError> for CliError {
    fn from(error: kwil_config::ConfigError) -> Self {
        let unknown = error
            .problems()
            .iter()
            .any(|problem| problem.message.starts_with("unrecognized field"));
        let this = Self::usage(error.to_string());
        if unknown { this.hint("is this a config file from a previous release?") } else { this }
    }
}

/// `No such file or directory (os error 2)` without the number, which tells an operator nothing.
fn without_os_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, tail)| tail);
    }
    out.push_str(rest);
    out
}

/// An error and its causes on one line, each text once.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read x")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(
            CliError::because("setup failed", &error).to_string(),
            "setup failed: cannot read x: disk on fire"
        );
    }

    #[test]
    fn numbers_of_system_errors_are_left_out() {
        let error = CliError::failed(
            "cannot read x: No such file or directory (os error 2); y: z (os error 13)",
        );
        assert_eq!(error.to_string(), "cannot read x: No such file or directory; y: z");
    }

    #[test]
    fn exit_statuses_are_the_documented_ones() {
        let all = [
            (ErrorCode::Failed, 1, "failed"),
            (ErrorCode::Usage, 2, "usage"),
            (ErrorCode::Unreachable, 3, "unreachable"),
            (ErrorCode::NotFound, 4, "not_found"),
            (ErrorCode::Unauthorized, 5, "unauthorized"),
            (ErrorCode::TxFailed, 6, "tx_failed"),
            (ErrorCode::Declined, 7, "declined"),
            (ErrorCode::CheckFailed, 8, "check_failed"),
            (ErrorCode::Interrupted, 130, "interrupted"),
        ];
        for (code, status, word) in all {
            assert_eq!((code.exit_status(), code.as_str()), (status, word));
        }
    }
}
