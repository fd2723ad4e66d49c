//! Sorting of messages by height and kind.

use std::time::Duration;

use kwil_crypto::NodeId;

use crate::machine::{Cx, Machine, Phase};
use crate::message::Message;
use crate::mutation::Mutation;

/// Votes that arrive this long after the commit are not late but lost.
const LATE_VOTE: Duration = Duration::from_millis(200);

impl Machine {
    pub(crate) fn on_message(
        &mut self,
        cx: &mut Cx,
        from: NodeId,
        message: &Message,
        wall_ms: u64,
    ) {
        if message.signer() == Some(self.me) {
            let beat = matches!(message, Message::Heartbeat(_));
            if beat || message.height() >= self.height() {
                self.on_own_message(cx, message);
            }
            return;
        }
        self.note_signed(message);
        match message {
            Message::Heartbeat(beat) => self.on_heartbeat(cx, from, beat),
            Message::Commit(announce) => self.on_commit_announce(cx, Some(from), announce),
            Message::Directive(directive) => self.on_directive(directive.clone()),
            Message::Evidence(evidence) => self.on_evidence(cx, evidence),
            Message::Proposal(_)
            | Message::Vote(_)
            | Message::ViewChange(_)
            | Message::Nack(_)
            | Message::Abort(_) => self.on_height_message(cx, from, message, wall_ms),
        }
    }

    fn on_height_message(&mut self, cx: &mut Cx, from: NodeId, message: &Message, wall_ms: u64) {
        let (height, now_at) = (message.height(), self.height());
        if height > now_at {
            if height == now_at.next() {
                self.buffer.add(from, message, wall_ms, &self.committee.set);
            } else {
                self.note_best(cx, height);
            }
            return;
        }
        if height < now_at {
            return self.on_old_message(cx, message);
        }
        let deaf = match self.phase {
            Phase::Sync => true,
            Phase::Held(_) => !self.config.mutant(Mutation::HeldVotes),
            Phase::Await
            | Phase::Build
            | Phase::Fetch(_)
            | Phase::Exec(_)
            | Phase::Voted(_)
            | Phase::Commit(_) => false,
        };
        match message {
            // A held node still learns what the others decide.
            Message::Vote(vote) if self.phase != Phase::Sync => self.on_vote(cx, vote),
            _ if deaf => {}
            Message::Proposal(proposal) => self.on_proposal(cx, from, proposal, wall_ms),
            Message::ViewChange(change) => self.on_view_change(cx, change),
            Message::Nack(nack) => self.on_nack(cx, nack),
            Message::Abort(abort) => self.on_abort(cx, abort),
            Message::Vote(_)
            | Message::Heartbeat(_)
            | Message::Commit(_)
            | Message::Directive(_)
            | Message::Evidence(_) => {}
        }
    }

    /// Its sender is behind: it gets the certificate. A late vote still counts for its sender's reliability.
    fn on_old_message(&mut self, cx: &mut Cx, message: &Message) {
        let Some(signer) = message.signer() else { return };
        if let Message::Vote(vote) = message
            && vote.body.height == self.tip.height
        {
            self.note_voted(signer, vote.body.height, cx.now);
            // The last votes of a round are always late; their senders are about to commit.
            if cx.now < self.last_commit.plus(LATE_VOTE) {
                return;
            }
        }
        match message {
            Message::Proposal(_) | Message::Vote(_) | Message::ViewChange(_) => {
                self.help_up(cx, signer, message.height());
            }
            Message::Nack(_)
            | Message::Abort(_)
            | Message::Commit(_)
            | Message::Heartbeat(_)
            | Message::Directive(_)
            | Message::Evidence(_) => {}
        }
    }

    /// Hands over what arrived early for the height that just began.
    pub(crate) fn replay_buffer(&mut self, cx: &mut Cx) {
        for (from, message, wall_ms) in self.buffer.take().messages {
            let from = from.unwrap_or(NodeId::new(self.me));
            self.on_message(cx, from, &message, wall_ms);
        }
    }
}
