//! What can go wrong between a program and a node, and what a command line makes of it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use kwil_api::{RpcCode, RpcError, TxResult};
use kwil_crypto::{Hash, NodeId};
use kwil_types::TxError;
use serde_json::Value;

use crate::provider::ProviderError;

/// A failed call. [`ClientError::exit_code`] is what a command ends with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The text is not an endpoint.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A file that the endpoint needs cannot be used.
    #[error("cannot use {what} {}", path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// TLS material that does not fit.
    #[error("tls configuration: {0}")]
    Tls(String),
    /// Nobody answers there.
    #[error("cannot reach {endpoint}: {reason}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What the innermost cause says.
        reason: String,
    },
    /// Nobody answered in time.
    #[error("no answer from {endpoint} within {} ms", waited.as_millis())]
    Timeout {
        /// Where.
        endpoint: String,
        /// The time that was allowed.
        waited: Duration,
    },
    /// Somebody answered who is not the node that was expected.
    #[error("{endpoint} is not the expected node: {reason}")]
    Identity {
        /// Where.
        endpoint: String,
        /// Which identities differ.
        reason: String,
    },
    /// The identity differs from the one remembered for this address.
    #[error(
        "node at {address} is {got}, but {} line {line} remembers {known}; if the node was replaced, remove the entry with `kwil-cli utils known-nodes remove {address}`",
        file.display()
    )]
    KnownNode {
        /// `host:port`.
        address: String,
        /// Who answered.
        got: Box<NodeId>,
        /// Who answered before.
        known: Box<NodeId>,
        /// Where that is remembered.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// The password or client certificate is missing or wrong.
    #[error("not authorized at {endpoint}: {reason}")]
    Unauthorized {
        /// Where.
        endpoint: String,
        /// What the server says.
        reason: String,
    },
    /// The node answered with an error.
    #[error("{}", describe(.0))]
    Rpc(#[from] RpcError),
    /// The answer is not one of a node.
    #[error("unexpected answer from {endpoint}: {problem}")]
    Answer {
        /// Where.
        endpoint: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The request is larger than nodes take.
    #[error("request of {got} bytes exceeds {limit}")]
    RequestTooLarge {
        /// Its size.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// The transaction cannot be built.
    #[error(transparent)]
    Transaction(#[from] TxError),
    /// Arguments that the format of payloads cannot carry.
    #[error("cannot encode {what}: {problem}")]
    Encoding {
        /// Which value.
        what: String,
        /// Why not.
        problem: String,
    },
    /// The node is on another network.
    #[error("remote host chain ID {remote:?} != client configured {configured:?}")]
    WrongChain {
        /// The node's network.
        remote: String,
        /// Ours.
        configured: String,
    },
    /// The account cannot pay.
    #[error("send amount plus fees ({needed}) larger than balance ({balance})")]
    Balance {
        /// Amount and fee.
        needed: String,
        /// What there is.
        balance: String,
    },
    /// The transaction is in a block and failed.
    #[error("transaction {hash} failed: code {}{}", result.code, after_colon(&result.log))]
    TxFailed {
        /// Transaction id.
        hash: Hash,
        /// Height of its block.
        height: i64,
        /// What it did.
        result: Box<TxResult>,
    },
    /// The transaction is in no block yet.
    #[error("transaction {hash} is not in a block after {} ms; it may still be included", waited.as_millis())]
    TxPending {
        /// Transaction id.
        hash: Hash,
        /// How long was waited.
        waited: Duration,
    },
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// The text scripts know: the server's message and code, or the inner message of a refused transaction.
fn describe(error: &RpcError) -> String {
    let text = |key| error.detail(key).and_then(Value::as_str).unwrap_or_default();
    match error.tx_code() {
        Some(code) => format!(
            "broadcast error: code = {code}, hash = {}, msg = {}",
            text("hash"),
            text("message")
        ),
        None => error.to_string(),
    }
}

impl ClientError {
    /// Exit code of a command that ends with this error.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Provider(_) | Self::File { .. } | Self::Tls(_) | Self::Encoding { .. } => 2,
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Identity { .. }
            | Self::KnownNode { .. } => 3,
            Self::Unauthorized { .. } => 5,
            Self::Rpc(error) => rpc_exit_code(error.code()),
            Self::TxFailed { .. } => 6,
            Self::Answer { .. }
            | Self::RequestTooLarge { .. }
            | Self::Transaction(_)
            | Self::WrongChain { .. }
            | Self::Balance { .. }
            | Self::TxPending { .. } => 1,
        }
    }

    /// Word for `error_code` of JSON output, one per exit code.
    #[must_use]
    pub const fn error_code(&self) -> &'static str {
        match self.exit_code() {
            2 => "usage",
            3 => "unreachable",
            4 => "not_found",
            5 => "unauthorized",
            6 => "tx_failed",
            _ => "failed",
        }
    }

    /// Whether the same call may work a moment later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Rpc(error) => {
                error.retry_after_ms().is_some()
                    || matches!(
                        error.code(),
                        RpcCode::NODE | RpcCode::SHUTTING_DOWN | RpcCode::TOO_MANY_REQUESTS
                    )
            }
            _ => false,
        }
    }

    /// What the node answered, if it did.
    #[must_use]
    pub const fn rpc(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc(error) => Some(error),
            _ => None,
        }
    }
}

const fn rpc_exit_code(code: RpcCode) -> u8 {
    match code.0 {
        -202 | -204 | -301 | -801 => 4,
        -901 | -1001 | -1002 | -1003 | -1004 | -1005 | -1006 => 5,
        _ => 1,
    }
}

/// The innermost cause says most.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match deepest.downcast_ref::<io::Error>() {
        Some(io) => io_text(io),
        None => deepest.to_string(),
    }
}

/// `No such file or directory (os error 2)` without the number.
fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_find_the_inner_message_of_a_refusal() {
        let error = ClientError::Rpc(RpcError::broadcast(
            4,
            Hash([7; 32]),
            "invalid nonce for account ab: got 8",
        ));
        assert_eq!(
            error.to_string(),
            format!(
                "broadcast error: code = 4, hash = {}, msg = invalid nonce for account ab: got 8",
                Hash([7; 32])
            )
        );
        assert_eq!((error.exit_code(), error.error_code()), (1, "failed"));
    }

    #[test]
    fn each_answer_has_its_exit_code() {
        let code = |code| ClientError::Rpc(RpcError::new(code, "text")).exit_code();
        assert_eq!(code(RpcCode::TX_NOT_FOUND), 4);
        assert_eq!(code(RpcCode::VALIDATOR_NOT_FOUND), 4);
        assert_eq!(code(RpcCode::CALL_SIGNATURE), 5);
        assert_eq!(code(RpcCode::NODE), 1);
    }

    #[test]
    fn other_errors_show_message_and_code() {
        let error = ClientError::Rpc(RpcError::new(RpcCode::NODE, "node status unavailable"));
        assert_eq!(error.to_string(), "node status unavailable (code -700)");
    }
}
