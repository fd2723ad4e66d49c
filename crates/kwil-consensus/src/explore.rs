//! Exhaustive exploration of the shipped `step` within small bounds.
//!
//! Several machines, a network that is the set of everything ever sent (so loss, duplication and reordering are free),
//! timers that fire in any order, crashes between any two effects. Every reachable state within the bounds is visited
//! breadth first; the invariants are checked in each.
//!
//! What a machine does is a function of its own state and the event, so local states are numbered, local transitions
//! are computed once, and a global state is a few numbers. Time is cut out: after each step every clock value of the
//! machine is set back to zero, and a timer is an event in which all of it has passed.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "test equipment: numbers and indexes are its own, and a broken explorer should stop"
)]

mod fair;
mod local;
mod network;
mod search;
mod table;
mod timeless;

use std::fmt;

use crate::mutation::Mutation;
use crate::sim::chain::Instruction;
use search::Search;

/// How far to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Validators at the first height.
    pub validators: usize,
    /// Nodes that follow and may join.
    pub followers: usize,
    /// Heights to decide.
    pub heights: u64,
    /// Highest view anybody enters.
    pub max_view: u64,
    /// Crashes in total.
    pub crashes: u8,
    /// Consensus logs that are lost with a crash, in total.
    pub lost_logs: u8,
    /// Blocks a proposer may choose from.
    pub choices: u8,
    /// Votes are delivered one by one; otherwise only the certificates that they make.
    pub single_votes: bool,
    /// A validator whose database gives another app hash.
    pub diverged: Option<usize>,
    /// A validator whose database gives another app hash after a restart.
    pub flaky: Option<usize>,
    /// The first height's block makes this node a validator.
    pub joins: Option<usize>,
    /// The first height's block removes this validator.
    pub leaves: Option<usize>,
    /// Stop after so many states.
    pub max_states: u64,
}

impl Bounds {
    /// One height, views 0 to `max_view`, `crashes` crashes.
    #[must_use]
    pub const fn new(validators: usize, max_view: u64, crashes: u8) -> Self {
        Self {
            validators,
            followers: 0,
            heights: 1,
            max_view,
            crashes,
            lost_logs: 0,
            choices: 2,
            single_votes: true,
            diverged: None,
            flaky: None,
            joins: None,
            leaves: None,
            max_states: 20_000_000,
        }
    }

    /// The full bounds, for runs that may take long: two and three validators with two crashes over three views, four
    /// over two, set changes from three to four and back, one lost log.
    #[must_use]
    pub fn exhaustive() -> Vec<Self> {
        let certificates = |validators, max_view, crashes| Self {
            single_votes: false,
            ..Self::new(validators, max_view, crashes)
        };
        vec![
            Self::new(1, 3, 2),
            Self::new(2, 2, 2),
            Self::new(3, 1, 2),
            certificates(3, 2, 1),
            Self { choices: 1, ..certificates(3, 2, 2) },
            Self { choices: 1, ..certificates(4, 1, 1) },
            Self { lost_logs: 1, ..certificates(3, 1, 2) },
            Self { followers: 1, heights: 2, joins: Some(3), choices: 1, ..certificates(3, 1, 0) },
            Self { heights: 2, leaves: Some(3), choices: 1, ..certificates(4, 1, 0) },
        ]
    }

    fn instruction(&self) -> Instruction {
        match (self.joins, self.leaves) {
            (Some(node), _) => Instruction::Join(node),
            (None, Some(node)) => Instruction::Leave(node),
            (None, None) => Instruction::Nothing,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { validators, heights, max_view, crashes, lost_logs, .. } = self;
        write!(f, "n={validators} heights={heights} views=0..{max_view} crashes={crashes}")?;
        if *lost_logs > 0 {
            write!(f, " lost logs={lost_logs}")?;
        }
        if !self.single_votes {
            write!(f, " votes as certificates")?;
        }
        if let Some(node) = self.diverged {
            write!(f, " diverged={node}")?;
        }
        if let Some(node) = self.flaky {
            write!(f, " flaky={node}")?;
        }
        if let Some(node) = self.joins {
            write!(f, " joins={node}")?;
        }
        if let Some(node) = self.leaves {
            write!(f, " leaves={node}")?;
        }
        Ok(())
    }
}

/// What an exploration found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explored {
    /// Different global states.
    pub states: u64,
    /// Length of the longest shortest path.
    pub depth: u64,
    /// Different states of single nodes.
    pub local_states: u64,
    /// Transitions taken between global states.
    pub transitions: u64,
    /// Everything within the bounds was visited.
    pub complete: bool,
    /// States in which every node has decided.
    pub decided: u64,
    /// Sampled states from which a fair run was made, all of which decided.
    pub fair_runs: u64,
    /// The first broken invariant and the shortest way to it, one line an event.
    pub violation: Option<Found>,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which one and what was seen.
    pub what: String,
    /// The way to it.
    pub trace: Vec<String>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, depth, local_states, transitions, complete, decided, fair_runs, .. } =
            self;
        write!(
            f,
            "{states} states, depth {depth}, {transitions} transitions, {local_states} local states, \
             {decided} decided, {fair_runs} fair runs, {}",
            if *complete { "complete" } else { "cut off" }
        )?;
        if let Some(found) = &self.violation {
            write!(f, "\n{}", found.what)?;
            for line in &found.trace {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

/// Visits every state within the bounds.
#[must_use]
pub fn explore(bounds: &Bounds, mutation: Option<Mutation>) -> Explored {
    Search::new(bounds, mutation).run()
}

#[cfg(test)]
mod tests;
