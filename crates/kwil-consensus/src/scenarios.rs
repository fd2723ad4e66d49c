//! Directed tests that read like prose.
#![allow(clippy::cast_possible_truncation, reason = "heights of a test fit")]

mod directives;
mod failover;
mod held;
mod production;
mod recovery;
mod refused;
mod sets;
mod stage;
