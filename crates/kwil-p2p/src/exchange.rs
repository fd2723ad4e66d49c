//! Requests between peers: one stream each, one question, an answer in parts.

mod answer;
mod client;
mod request;
mod server;

pub use answer::{CommittedBlock, Part, StateSummary, TableSummary};
pub use client::{Answer, RequestError};
pub use request::{MAX_BLOCKS, MAX_BLOCKS_BYTES, MAX_HEIGHTS, MAX_TXS, Request};
pub use server::{InboundRequest, PeerGone, RefuseCode, Responder};

pub(crate) use client::Budget;
pub(crate) use client::ask;
pub(crate) use server::{serve, stream_kind};
#[cfg(any(test, feature = "testing"))]
pub(crate) use {answer::decode_answer, request::decode_request};

/// Encoded samples for the fuzz corpus.
#[cfg(test)]
pub(crate) mod tests_support {
    use prost::Message as _;

    pub(crate) fn requests() -> Vec<Vec<u8>> {
        super::request::tests::samples()
            .iter()
            .map(|request| request.to_proto().encode_to_vec())
            .collect()
    }

    pub(crate) fn answers() -> Vec<Vec<u8>> {
        super::answer::tests::samples().iter().map(|part| part.to_proto().encode_to_vec()).collect()
    }
}
