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

/// Any bytes as a body: never panics, and whatever is said about it is JSON.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_envelope(body: &[u8]) -> Vec<Vec<u8>> {
    let describe = |request: Result<envelope::Request, envelope::Malformed>| match request {
        Ok(request) => {
            envelope::result(&request.id, &request.params, usize::MAX).unwrap_or_default()
        }
        Err(bad) => envelope::error(&bad.id, &bad.error, "fuzz"),
    };
    match envelope::parse(body, 64) {
        envelope::Body::One(request) => vec![describe(*request)],
        envelope::Body::Batch(requests) => requests.into_iter().map(describe).collect(),
    }
}
