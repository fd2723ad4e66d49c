//! Errors that cross the wire: one value, three forms (JSON-RPC object, HTTP status, gRPC status).

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use tonic::Code;

use kwil_crypto::Hash;

/// A JSON-RPC error code. The numbers are those of existing clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RpcCode(pub i32);

impl RpcCode {
    /// The body is not one JSON object.
    pub const PARSE: Self = Self(-32700);
    /// The envelope breaks a rule.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// No such method here.
    pub const UNKNOWN_METHOD: Self = Self(-32601);
    /// The parameters do not decode or are out of range.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// A fault of the node.
    pub const INTERNAL: Self = Self(-32603);
    /// The result cannot be encoded.
    pub const RESULT_ENCODING: Self = Self(-32000);
    /// The deadline passed.
    pub const TIMEOUT: Self = Self(-32001);
    /// More rows or bytes than allowed.
    pub const RESULT_TOO_LARGE: Self = Self(-32002);
    /// The node is stopping.
    pub const SHUTTING_DOWN: Self = Self(-32003);
    /// A flood limit.
    pub const TOO_MANY_REQUESTS: Self = Self(-32005);
    /// The price cannot be told.
    pub const TX_INTERNAL: Self = Self(-200);
    /// The transaction was refused; the data has its code.
    pub const BROADCAST: Self = Self(-201);
    /// No such transaction.
    pub const TX_NOT_FOUND: Self = Self(-202);
    /// The payload does not decode.
    pub const TX_PAYLOAD: Self = Self(-203);
    /// No such block.
    pub const BLOCK_NOT_FOUND: Self = Self(-204);
    /// Error of the engine or of SQL.
    pub const ENGINE: Self = Self(-300);
    /// No such namespace.
    pub const NAMESPACE_NOT_FOUND: Self = Self(-301);
    /// A namespace of this name exists.
    pub const NAMESPACE_EXISTS: Self = Self(-302);
    /// The database does not answer.
    pub const DATABASE: Self = Self(-400);
    /// Accounts cannot be read.
    pub const ACCOUNT: Self = Self(-500);
    /// A fault while telling who calls.
    pub const IDENTITY: Self = Self(-600);
    /// The caller's identity is not one.
    pub const IDENTITY_INVALID: Self = Self(-601);
    /// The node is not able to answer now.
    pub const NODE: Self = Self(-700);
    /// Validators cannot be read.
    pub const VALIDATORS: Self = Self(-800);
    /// No such validator, request or resolution.
    pub const VALIDATOR_NOT_FOUND: Self = Self(-801);
    /// The challenge is missing, unknown or used.
    pub const CHALLENGE_NOT_FOUND: Self = Self(-1001);
    /// The challenge has another length.
    pub const CHALLENGE_INVALID: Self = Self(-1002);
    /// The challenge is too old.
    pub const CHALLENGE_EXPIRED: Self = Self(-1003);
    /// The signature over the challenge does not verify.
    pub const CALL_SIGNATURE: Self = Self(-1004);
    /// Too many challenges asked for.
    pub const TOO_MANY_CHALLENGES: Self = Self(-1006);
    /// Ad-hoc queries are refused in private mode.
    pub const NO_QUERIES: Self = Self(-1007);

    /// HTTP status of a JSON-RPC answer with this code. Existing clients depend on 200 for all but a few.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self.0 {
            -32601 => 404,
            -32602 | -32600 | -32700 => 400,
            -32603 => 500,
            -32003 => 503,
            -32005 => 429,
            _ => 200,
        }
    }

    /// gRPC status of this code.
    #[must_use]
    pub const fn grpc(self) -> Code {
        match self.0 {
            -32700 | -32600 | -32602 | -203 | -601 => Code::InvalidArgument,
            -32601 => Code::Unimplemented,
            -32001 => Code::DeadlineExceeded,
            -32002 | -32005 | -1006 => Code::ResourceExhausted,
            -32003 | -700 => Code::Unavailable,
            -200 | -300 => Code::FailedPrecondition,
            -202 | -204 | -301 | -801 => Code::NotFound,
            -302 => Code::AlreadyExists,
            -1005..=-1001 => Code::Unauthenticated,
            -1007 => Code::PermissionDenied,
            -201 => Code::Unknown,
            _ => Code::Internal,
        }
    }

    /// The word for `data.reason`, when the error names none of its own.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self.0 {
            -32700 => "PARSE_ERROR",
            -32600 => "INVALID_REQUEST",
            -32601 => "UNKNOWN_METHOD",
            -32602 => "INVALID_PARAMS",
            -32000 => "RESULT_ENCODING",
            -32001 => "TIMEOUT",
            -32002 => "RESULT_TOO_LARGE",
            -32003 => "SHUTTING_DOWN",
            -32005 => "TOO_MANY_REQUESTS",
            -200 => "PRICE_UNKNOWN",
            -201 => "BROADCAST_REJECTED",
            -202 => "TX_NOT_FOUND",
            -203 => "TX_PAYLOAD_INVALID",
            -204 => "BLOCK_NOT_FOUND",
            -300 => "ENGINE",
            -301 => "NAMESPACE_NOT_FOUND",
            -302 => "NAMESPACE_EXISTS",
            -400 => "DATABASE",
            -500 => "ACCOUNT",
            -600 => "IDENTITY",
            -601 => "IDENTITY_INVALID",
            -700 => "NODE_NOT_READY",
            -800 => "VALIDATORS",
            -801 => "VALIDATOR_NOT_FOUND",
            -1001 => "CHALLENGE_NOT_FOUND",
            -1002 => "CHALLENGE_INVALID",
            -1003 => "CHALLENGE_EXPIRED",
            -1004 => "CALL_SIGNATURE_INVALID",
            -1005 => "AUTH_TYPE_MISMATCH",
            -1006 => "TOO_MANY_CHALLENGES",
            -1007 => "NO_QUERIES",
            _ => "INTERNAL",
        }
    }
}

impl fmt::Debug for RpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.reason(), self.0)
    }
}

impl fmt::Display for RpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// gRPC status of a refused transaction, by its result code.
pub(crate) const fn broadcast_grpc(code: u32) -> Code {
    match code {
        0 => Code::Ok,
        1 | 2 | 8 | 9 | 12 => Code::InvalidArgument,
        3 => Code::Unauthenticated,
        4 => Code::Aborted,
        5..=7 | 200 | 201 => Code::FailedPrecondition,
        10 => Code::DeadlineExceeded,
        11 | 14 => Code::ResourceExhausted,
        13 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// What a method answers when it has no result.
///
/// The message is what users see; it never has internal texts. Details travel as `error.data` in JSON-RPC and as
/// metadata of `google.rpc.ErrorInfo` in gRPC.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct RpcError {
    code: RpcCode,
    message: String,
    reason: String,
    details: Details,
}

impl RpcError {
    /// An error with a message for the user.
    pub fn new(code: RpcCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            reason: code.reason().to_owned(),
            details: Details::default(),
        }
    }

    /// Parameters that do not fit.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(RpcCode::INVALID_PARAMS, message)
    }

    /// A fault of the node. The text must be fit for strangers.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(RpcCode::INTERNAL, message)
    }

    /// The node cannot answer this yet.
    pub fn starting(phase: &str) -> Self {
        Self::new(RpcCode::NODE, format!("node is starting: {phase}")).with("retry_after_ms", 1000)
    }

    /// No transaction has this id.
    #[must_use]
    pub fn tx_not_found() -> Self {
        Self::new(RpcCode::TX_NOT_FOUND, "transaction not found")
    }

    /// No block has this height or hash.
    #[must_use]
    pub fn block_not_found() -> Self {
        Self::new(RpcCode::BLOCK_NOT_FOUND, "block not found")
    }

    /// A transaction that the node refuses, with the result code it would have.
    ///
    /// `message` begins with the text that scripts know, `invalid nonce …` for example.
    pub fn broadcast(tx_code: u32, hash: Hash, message: impl Into<String>) -> Self {
        Self::new(RpcCode::BROADCAST, "broadcast error")
            .with("code", tx_code)
            .with("hash", hash.to_string())
            .with("message", message.into())
    }

    /// Adds a detail, after those already there.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.set(key, value.into());
        self
    }

    /// Replaces the word of `data.reason`.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The JSON-RPC code.
    #[must_use]
    pub const fn code(&self) -> RpcCode {
        self.code
    }

    /// The outer message, without the code.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A word for programs.
    #[must_use]
    pub fn reason_word(&self) -> &str {
        &self.reason
    }

    /// A detail by its key.
    #[must_use]
    pub fn detail(&self, key: &str) -> Option<&Value> {
        self.details.get(key)
    }

    /// All details in order.
    pub fn details(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.details.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Result code of a refused transaction.
    #[must_use]
    pub fn tx_code(&self) -> Option<u32> {
        if self.code != RpcCode::BROADCAST {
            return None;
        }
        self.detail("code").and_then(Value::as_u64).and_then(|code| code.try_into().ok())
    }

    /// How long to wait before trying again, when the node says so.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.detail("retry_after_ms").and_then(Value::as_u64)
    }

    /// gRPC status code.
    #[must_use]
    pub fn grpc_code(&self) -> Code {
        let class = self.detail("class").and_then(Value::as_str).unwrap_or_default();
        if self.code == RpcCode::ENGINE && class.starts_with("Parse.") {
            return Code::InvalidArgument;
        }
        self.tx_code().map_or_else(|| self.code.grpc(), broadcast_grpc)
    }

    /// `error.data` of the JSON-RPC answer.
    #[must_use]
    pub fn data(&self, request_id: &str) -> ErrorData {
        let mut data = self.details.clone();
        data.set("reason", self.reason.clone().into());
        if !request_id.is_empty() {
            data.set("request_id", request_id.into());
        }
        ErrorData(data)
    }

    /// From the error object of a JSON-RPC answer.
    #[must_use]
    pub fn from_json(code: i32, message: String, data: Option<Value>) -> Self {
        let mut error = Self::new(RpcCode(code), message);
        if let Some(Value::Object(data)) = data {
            for (key, value) in data {
                match value {
                    Value::String(reason) if key == "reason" => error.reason = reason,
                    value => error.details.set(&key, value),
                }
            }
        }
        error
    }
}

/// Details in the order they were added: clients print them as they come.
#[derive(Clone, Debug, Default, PartialEq)]
struct Details(Vec<(String, Value)>);

impl Details {
    fn set(&mut self, key: &str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }
}

/// The object that `error.data` holds.
#[derive(Clone, Debug)]
pub struct ErrorData(Details);

impl Serialize for ErrorData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_transaction_reads_as_clients_know_it() {
        let error = RpcError::broadcast(
            4,
            Hash([0x5f; 32]),
            "invalid nonce for account 1a: got 8, expected 9",
        )
        .with("expected_nonce", 9);
        insta::assert_snapshot!(
            serde_json::to_string(&error.data("ab12")).unwrap(),
            @r#"{"code":4,"hash":"5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f","message":"invalid nonce for account 1a: got 8, expected 9","expected_nonce":9,"reason":"BROADCAST_REJECTED","request_id":"ab12"}"#
        );
        assert_eq!(error.grpc_code(), Code::Aborted);
        assert_eq!(error.code().http_status(), 200);
    }

    #[test]
    fn json_errors_come_back_as_they_went() {
        let error = RpcError::starting("blocksync");
        let data = serde_json::to_value(error.data("")).unwrap();
        assert_eq!(RpcError::from_json(-700, error.message().to_owned(), Some(data)), error);
    }
}
