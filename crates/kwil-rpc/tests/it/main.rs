//! The real listeners, asked over real sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod admin;
mod echo;
mod envelope;
mod grpc;
mod kwil_js;
mod ledger;
mod lifecycle;
mod reads;
mod running;
mod same;
