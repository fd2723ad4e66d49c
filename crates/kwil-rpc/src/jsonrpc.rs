//! JSON-RPC 2.0 as existing clients speak it.

mod dispatch;
mod envelope;
mod http;
mod strict;

pub(crate) use http::{JSON, handle};

/// The answer to a request that nobody could answer.
pub(crate) fn internal_error(error: &kwil_api::RpcError, request_id: &str) -> Vec<u8> {
    envelope::error(&envelope::Id::Null, error, request_id)
}
