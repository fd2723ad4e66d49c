//! Fuzz entry points: each takes any bytes, and fails only when a decoder breaks its promises.

#![expect(clippy::expect_used, clippy::panic, reason = "a broken promise must stop the fuzzer")]

mod clients;
mod network;

pub use clients::{fuzz_payload, fuzz_tx, fuzz_tx_json, fuzz_value};
pub use network::{
    fuzz_block, fuzz_certificate, fuzz_header, fuzz_network_lists, fuzz_signed_messages, fuzz_vote,
};
