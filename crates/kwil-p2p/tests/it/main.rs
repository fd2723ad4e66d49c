//! Networks of real nodes over QUIC on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod exchange;
mod flood;
mod gossip;
mod harness;
mod hostile;
mod meeting;
mod membership;
mod stranger;
