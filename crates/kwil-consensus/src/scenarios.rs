//! Directed tests that read like prose.

mod directives;
mod failover;
mod held;
mod production;
mod recovery;
mod sets;
mod stage;
