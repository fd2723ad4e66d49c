//! Log lines of consensus that operators read.

use kwil_consensus::{HeldReason, Notice, Trigger};
use tracing::{error, info, warn};

pub(super) fn log(notice: &Notice) {
    match notice {
        Notice::LeaderNotResponding { height, view, leader, silent_ms } => {
            warn!(target: "CONS", height = height.0, view = view.0, %leader, silent_ms, "Leader not responding, starting view change");
        }
        Notice::NewView { height, view, leader, trigger } => {
            info!(target: "CONS", height = height.0, view = view.0, %leader, trigger = trigger_name(*trigger), "New view");
        }
        Notice::Quorum { restored: true, alive, needed } => {
            info!(target: "CONS", alive, needed, "Quorum restored")
        }
        Notice::Quorum { restored: false, alive, needed } => {
            warn!(target: "CONS", alive, needed, "Quorum lost")
        }
        Notice::Rejected { block, why } => warn!(target: "CONS", %block, why, "Proposal rejected"),
        Notice::Nacked { validator, text } => {
            warn!(target: "CONS", %validator, text, "Own proposal rejected")
        }
        Notice::Muted { why } => {
            warn!(target: "CONS", why, "Not voting until the network has moved on: the consensus log is lost or old");
        }
        Notice::Misbehaviour { validator, what } => {
            warn!(target: "CONS", %validator, what, "Validator breaks the protocol")
        }
        Notice::DirectiveExpired(directive) => {
            warn!(target: "CONS", candidate = %directive.candidate, height = directive.from_height.0, "Leader replacement expired without success");
        }
    }
}

pub(super) fn held(reason: &HeldReason) {
    error!(target: "CONS", reason = reason.name(), detail = %reason, "Consensus held");
}

/// Name for logs and metrics.
pub(super) fn trigger_name(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::LeaderSilent => "leader_silent",
        Trigger::NoProposal => "no_proposal",
        Trigger::NoQuorum => "no_quorum",
        Trigger::ViewTimeout => "view_timeout",
        Trigger::BadProposal => "bad_proposal",
        Trigger::Nacked => "nacked",
        Trigger::Joined => "joined",
        Trigger::Restarted => "restarted",
        Trigger::Resigned => "resigned",
        Trigger::Directive => "directive",
        Trigger::Aborted => "aborted",
    }
}
