//! Actions: compiled once, run by a machine that never waits itself.
//!
//! ```text
//! Action ──compile──▶ Program ──machine──▶ Effect: ask the database, run a method, hand out a row, look around
//!                                 ▲                    │
//!                                 └──────── answer ◀───┘  driver, the only part that waits
//! ```
//!
//! The machine keeps the frames of all running actions in a list of its own, so calls, blocks and expressions cost no
//! stack of the node, and an action whose caller loops over its rows simply stays in the list while the caller goes on.

mod access;
mod budget;
mod compile;
mod contextual;
mod driver;
mod log;
mod machine;
mod program;
mod run;
mod sink;
#[cfg(test)]
mod tests;

pub(crate) use contextual::contextual;
pub(crate) use driver::{call_action, call_from};
pub(crate) use program::Compiled;
pub(crate) use run::{Run, Shared};
pub(crate) use sink::RowSink;
