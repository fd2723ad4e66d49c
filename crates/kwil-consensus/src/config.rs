//! Settings of one machine. All are local: nodes may differ in every one of them without harm to safety.

use std::time::Duration;

use kwil_crypto::Hash;
use kwil_types::Height;

use crate::mutation::Mutation;

/// What an operator can choose (`[consensus]` and `[checkpoint]` of the configuration file).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// Propose as soon as transactions arrive instead of pausing `propose_timeout` after each commit.
    pub eager: bool,
    /// How long the leader gathers transactions after the first one (eager pacing).
    pub batch_delay: Duration,
    /// Least time between two proposals (eager pacing).
    pub min_block_interval: Duration,
    /// Upper bound of gathering (eager) or pause after a commit (reference pacing); also part of trigger T2.
    pub propose_timeout: Duration,
    /// An empty block after this idle time; zero = never.
    pub empty_block_timeout: Duration,
    /// The first block of a chain does not wait for `empty_block_timeout`: a new network shows at once that it works.
    pub first_block_at_once: bool,
    /// Time between two heartbeats of a validator.
    pub heartbeat_interval: Duration,
    /// A validator silent for this long is not alive.
    pub leader_timeout: Duration,
    /// Base of the view timeout; doubles with each view change of a height.
    pub view_timeout: Duration,
    /// Time between two retransmissions while waiting (`block_proposal_interval`).
    pub retransmit_interval: Duration,
    /// Time between two announcements of the newest certificate (`block_ann_interval`).
    pub announce_interval: Duration,
    /// Hand leadership back to the preferred leader once it is reliable again.
    pub leader_return: bool,
    /// Leave views without an operator's order.
    pub automatic_failover: bool,
    /// A leader aborts its own block after executing it for this long; zero = never.
    pub max_block_time: Duration,
    /// Vote although the consensus log is lost (the operator made sure that no copy of the key runs elsewhere).
    pub allow_vote_without_log: bool,
    /// Refuse any other block at this height, and neither vote nor propose below it.
    pub checkpoint: Option<(Height, Hash)>,
    /// A planted defect, to prove that the checkers find it. Always `None` outside of tests.
    pub(crate) mutation: Option<Mutation>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            eager: true,
            batch_delay: Duration::from_millis(2),
            min_block_interval: Duration::from_millis(20),
            propose_timeout: Duration::from_secs(1),
            empty_block_timeout: Duration::from_secs(60),
            first_block_at_once: false,
            heartbeat_interval: Duration::from_millis(250),
            leader_timeout: Duration::from_secs(1),
            view_timeout: Duration::from_secs(2),
            retransmit_interval: Duration::from_secs(1),
            announce_interval: Duration::from_secs(3),
            leader_return: true,
            automatic_failover: true,
            max_block_time: Duration::ZERO,
            allow_vote_without_log: false,
            checkpoint: None,
            mutation: None,
        }
    }
}

impl Config {
    /// Whether a planted defect is active; constant `false` in shipped code paths.
    pub(crate) fn mutant(&self, mutation: Mutation) -> bool {
        cfg!(any(test, feature = "testing")) && self.mutation == Some(mutation)
    }
}
