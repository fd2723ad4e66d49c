//! The parser against the conformance cases, its bounds, and the texts of its errors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

mod analyze;
mod bounds;
mod cases;
mod errors;
mod examples;
mod grammar;
mod sql;
