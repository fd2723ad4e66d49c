//! Errors as gRPC status, both ways.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::{RpcCode, RpcError};

/// Domain of the `google.rpc.ErrorInfo` that every error of ours carries.
const DOMAIN: &str = "kwil";
/// Metadata key with the JSON-RPC code.
const CODE_KEY: &str = "json_rpc_code";
/// The detail that is an object: line and column of what is wrong.
const POSITION_KEY: &str = "position";
/// The detail with PostgreSQL's code.
const SQLSTATE_KEY: &str = "sqlstate";

impl RpcError {
    /// As a gRPC status with `google.rpc.ErrorInfo`, and `RetryInfo` where the node says when to come back.
    #[must_use]
    pub fn to_status(&self, request_id: &str) -> Status {
        let mut metadata: HashMap<String, String> =
            self.details().map(|(key, value)| (key.to_owned(), plain(value))).collect();
        metadata.insert(CODE_KEY.to_owned(), self.code().to_string());
        if !request_id.is_empty() {
            metadata.insert("request_id".to_owned(), request_id.to_owned());
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason_word(), DOMAIN, metadata);
        if let Some(wait) = self.retry_after_ms() {
            details.set_retry_info(Some(Duration::from_millis(wait)));
        }
        Status::with_error_details(self.grpc_code(), self.message(), details)
    }

    /// Reads a status that a node sent; `None` when it does not come from a handler but from the transport.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
        let Some(info) = info else {
            return match status.code() {
                Code::Unimplemented => Some(Self::new(RpcCode::UNKNOWN_METHOD, "unknown method")),
                Code::InvalidArgument => Some(Self::invalid_params(status.message())),
                _ => None,
            };
        };
        let code = info
            .metadata
            .get(CODE_KEY)
            .and_then(|code| code.parse().ok())
            .map_or(RpcCode::INTERNAL, RpcCode);
        let mut error = Self::new(code, status.message()).reason(info.reason);
        let mut pairs: Vec<_> =
            info.metadata.into_iter().filter(|(key, _)| key != CODE_KEY).collect();
        pairs.sort();
        for (key, text) in pairs {
            error = error.with(&key, typed(&key, text));
        }
        Some(error)
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Numbers come back as numbers, places as objects; everything else stays text.
fn typed(key: &str, text: String) -> Value {
    match key {
        POSITION_KEY => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        // Five characters, often all digits.
        SQLSTATE_KEY => Value::String(text),
        _ => text.parse::<i64>().map_or(Value::String(text), Value::from),
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::Hash;

    use super::*;

    #[test]
    fn a_status_carries_code_and_details() {
        let error =
            RpcError::broadcast(11, Hash([7; 32]), "mempool is full").with("retry_after_ms", 250);
        let back = RpcError::from_status(&error.to_status("r1")).unwrap();
        assert_eq!((back.code(), back.tx_code()), (RpcCode::BROADCAST, Some(11)));
        assert_eq!(back.retry_after_ms(), Some(250));
        assert_eq!(back.detail("message").unwrap(), "mempool is full");
        assert_eq!(back.grpc_code(), Code::ResourceExhausted);
    }

    #[test]
    fn details_come_back_as_what_they_were() {
        let error = RpcError::new(RpcCode::ENGINE, "no")
            .with("sqlstate", "08006")
            .with("position", serde_json::json!({ "line": 1, "column": 2 }))
            .with("namespace", "shop")
            .with("limit_rows", 5);
        let back = RpcError::from_status(&error.to_status("")).unwrap();
        for (key, value) in error.details() {
            assert_eq!(back.detail(key), Some(value), "{key}");
        }
    }

    #[test]
    fn a_status_of_the_transport_is_not_an_answer() {
        assert_eq!(RpcError::from_status(&Status::unavailable("connection lost")), None);
    }
}
