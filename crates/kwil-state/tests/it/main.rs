//! Tests of kwil-state against real PostgreSQL servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test ends at the first surprise"
)]

mod bad_programs;
mod batches;
mod blocking_reads;
mod captured;
mod definitions;
mod determinism;
mod engine;
mod evaluators;
mod expressions;
mod external;
mod fixture;
mod language;
mod managed;
mod network;
mod operator_server;
mod payments;
mod plans;
mod prepared;
mod random;
mod replay;
mod resolutions;
mod schema;
mod state;
mod summaries;
mod tls;
mod validators;
mod values;
