//! What consensus is doing, for status answers, health and metrics.

use std::sync::Arc;

use kwil_consensus::{HeldReason, Machine, Millis};
use kwil_crypto::{NodeId, PublicKey};
use kwil_types::{Height, ValidatorSet, View};

/// A moment of the state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsensusStatus {
    /// The height being decided.
    pub height: Height,
    /// The view this node is in.
    pub view: View,
    /// Leader of that view.
    pub leader: PublicKey,
    /// Network parameter `leader`.
    pub preferred_leader: PublicKey,
    /// Name of the machine's phase.
    pub phase: &'static str,
    /// Whether blocks are fetched instead of agreed on.
    pub syncing: bool,
    /// Why this node signs nothing, if so.
    pub held: Option<HeldReason>,
    /// Validators alive, this node included.
    pub alive: usize,
    /// Validators that have been silent for the leader timeout.
    pub absent: Vec<PublicKey>,
    /// Validators needed for a block.
    pub quorum: usize,
    /// Validators of the height.
    pub validators: Arc<ValidatorSet>,
    /// This node.
    pub me: PublicKey,
}

impl ConsensusStatus {
    pub(super) fn of(machine: &Machine, me: PublicKey, now: Millis) -> Self {
        let seen = machine.validators(now);
        let absent: Vec<PublicKey> = seen
            .iter()
            .filter(|validator| !validator.alive)
            .map(|validator| validator.key)
            .collect();
        Self {
            height: machine.height(),
            view: machine.view(),
            leader: machine.acting_leader(),
            preferred_leader: machine.preferred_leader(),
            phase: machine.phase().name(),
            syncing: *machine.phase() == kwil_consensus::Phase::Sync,
            held: machine.held_reason().cloned(),
            alive: seen.len().saturating_sub(absent.len()),
            absent,
            quorum: machine.quorum(),
            validators: Arc::clone(&machine.next().validators),
            me,
        }
    }

    /// `leader`, `validator` or `sentry`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        if !self.validators.contains(&self.me) {
            "sentry"
        } else if self.leader == self.me {
            "leader"
        } else {
            "validator"
        }
    }
}

/// Lines about what this node is in the network.
pub(super) fn log_changes(before: &ConsensusStatus, after: &ConsensusStatus) {
    if before.role() != after.role() {
        tracing::info!(target: "CONS", from = before.role(), to = after.role(), "Role updated");
    }
    for gone in after.absent.iter().filter(|key| !before.absent.contains(key)) {
        tracing::warn!(target: "CONS", id = %NodeId::new(*gone), "Validator not reachable");
    }
    for back in before
        .absent
        .iter()
        .filter(|key| !after.absent.contains(key) && after.validators.contains(key))
    {
        tracing::info!(target: "CONS", id = %NodeId::new(*back), "Validator reachable");
    }
    if before.preferred_leader != after.preferred_leader {
        tracing::info!(target: "CONS", from = %before.preferred_leader, to = %after.preferred_leader, "Leader updated");
    }
}
