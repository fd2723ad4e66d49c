//! The deterministic simulator: several machines, one seed, virtual time.
//!
//! The machines are the shipped ones; network, disks, executor, operators and liars are simulated and driven by one
//! seed. Observers outside of the machines check the invariants. Equal seeds give equal runs, down to the trace hash.
//!
//! ```text
//! seed ─▶ Script (nodes, network, faults at times) ─▶ World ─▶ Outcome { violation?, trace hash, heights }
//!                                                      └─ on failure: minimise ─▶ shortest script, its trace
//! ```
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "test equipment: numbers and indexes are its own, and a broken simulator should stop"
)]

pub(crate) mod chain;
mod check;
mod disk;
mod liar;
mod minimise;
mod network;
mod node;
mod perform;
mod rng;
mod script;
mod world;

pub use check::{Invariant, Violation};
pub use minimise::{Failure, minimise};
pub use script::{Deed, Fault, FaultKind, Liar, Network, Script};

use crate::mutation::Mutation;
use world::World;

pub(crate) use world::describe_message;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The first broken invariant.
    pub violation: Option<Violation>,
    /// Hash over every event of the run.
    pub trace_hash: u64,
    /// Steps of all machines.
    pub steps: u64,
    /// Virtual milliseconds.
    pub virtual_ms: u64,
    /// Highest committed height.
    pub height: u64,
    /// Highest view that a block was committed in.
    pub highest_view: u64,
    /// One line an event, when asked for.
    pub trace: Vec<String>,
}

/// Totals over many runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Steps of all machines in all runs.
    pub steps: u64,
    /// Virtual milliseconds of all runs.
    pub virtual_ms: u64,
    /// Blocks committed, counted once per run.
    pub heights: u64,
    /// Seeds that were run twice to compare trace hashes.
    pub repeated: u64,
}

/// Runs one script.
#[must_use]
pub fn run_script(script: &Script, mutation: Option<Mutation>, traced: bool) -> Outcome {
    World::new(script, mutation, traced).run()
}

/// Runs the script that a seed makes.
#[must_use]
pub fn run_seed(seed: u64, mutation: Option<Mutation>) -> Outcome {
    run_script(&Script::from_seed(seed), mutation, false)
}

/// Runs `count` seeds from `from` on. One in a hundred runs twice and must give the same trace hash.
///
/// # Errors
/// [`Failure`] of the first seed that breaks an invariant, minimised, with the trace of the shortest run found.
pub fn run_many(
    from: u64,
    count: u64,
    mut progress: impl FnMut(u64, &Outcome),
) -> Result<Summary, Box<Failure>> {
    let mut summary = Summary::default();
    for seed in from..from.saturating_add(count) {
        let outcome = run_seed(seed, None);
        if outcome.violation.is_some() {
            return Err(Box::new(minimise(&Script::from_seed(seed), None)));
        }
        if seed % 100 == 0 {
            let again = run_seed(seed, None);
            if again.trace_hash != outcome.trace_hash {
                return Err(Box::new(Failure::not_repeatable(seed)));
            }
            summary.repeated += 1;
        }
        summary.seeds += 1;
        summary.steps += outcome.steps;
        summary.virtual_ms += outcome.virtual_ms;
        summary.heights += outcome.height;
        progress(seed, &outcome);
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
