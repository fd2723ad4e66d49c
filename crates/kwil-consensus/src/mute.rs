//! Reasons not to vote yet: peers were not heard after a start, or the consensus log is lost or old.

use std::collections::BTreeSet;
use std::time::Duration;

use kwil_crypto::{NodeId, PublicKey};
use kwil_types::{Height, View};

use crate::effect::{Effect, Notice};
use crate::machine::{Cx, Machine};
use crate::message::Message;
use crate::time::Millis;

/// A restarted validator waits this long for what others have seen of it.
const GATE_LONGEST: Duration = Duration::from_secs(3);
/// Own messages that echo within this time of a start are from before it.
const ECHO_LONGEST: Duration = Duration::from_secs(10);

/// Closed from a start until enough validators said hello, or three seconds passed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Gate {
    open: bool,
    deadline: Option<Millis>,
    heard: BTreeSet<PublicKey>,
    /// Highest height anybody claimed before the gate opened.
    best_claim: Height,
}

impl Gate {
    pub(crate) const fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) const fn deadline(&self) -> Option<Millis> {
        if self.open { None } else { self.deadline }
    }
}

/// No-vote-until.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Mute {
    /// Not silenced.
    #[default]
    No,
    /// Until a height certified after this start is committed here.
    Lost,
    /// Silent below this height.
    Until(Height),
}

impl Mute {
    pub(crate) fn silences(self, height: Height) -> bool {
        match self {
            Self::No => false,
            Self::Lost => true,
            Self::Until(first) => height < first,
        }
    }
}

impl Machine {
    pub(crate) fn arm_gate(&mut self, cx: &Cx) {
        self.gate = Gate { deadline: Some(cx.now.plus(GATE_LONGEST)), ..Gate::default() };
    }

    pub(crate) fn on_hello(
        &mut self,
        cx: &mut Cx,
        peer: NodeId,
        height: Height,
        last_signed_seen: Option<(Height, View)>,
    ) {
        let key = *peer.public_key();
        if let Some(signed) = last_signed_seen {
            self.on_signed_seen(cx, signed);
        }
        if !self.gate.open {
            self.gate.best_claim = self.gate.best_claim.max(height);
            if key != self.me && self.committee.set.contains(&key) {
                self.gate.heard.insert(key);
            }
        }
        self.on_peer_height(cx, peer, Some(height));
    }

    /// Opens the gate once enough is known, and does what waited for it.
    pub(crate) fn open_gate(&mut self, cx: &mut Cx) {
        if self.gate.open {
            return;
        }
        let needed = self.quorum().saturating_sub(1);
        let late = self.gate.deadline.is_some_and(|deadline| cx.now >= deadline);
        if self.gate.heard.len() >= needed || late || !self.is_validator() {
            self.gate.open = true;
            self.gate.heard.clear();
        }
    }

    /// Somebody has seen (height, view) signed with this node's key. If the own log does not know it, it is old.
    fn on_signed_seen(&mut self, cx: &mut Cx, (height, view): (Height, View)) {
        let logged = !self.votes.is_empty() || self.promise > View::ZERO;
        let known =
            height < self.height() || (height == self.height() && logged && view <= self.promise);
        if !known && self.mute == Mute::No {
            self.silence(cx, "a peer has seen later messages of this node than its log has");
        }
    }

    /// Remembers the newest promise or vote of each validator.
    pub(crate) fn note_signed(&mut self, message: &Message) {
        let signed = match message {
            Message::Vote(vote) => (vote.signer, vote.body.height, vote.body.view),
            Message::ViewChange(change) => {
                (change.signed.signer, change.signed.body.height, change.signed.body.view)
            }
            Message::Proposal(_)
            | Message::Commit(_)
            | Message::Nack(_)
            | Message::Heartbeat(_)
            | Message::Directive(_)
            | Message::Abort(_)
            | Message::Evidence(_) => return,
        };
        let (signer, height, view) = signed;
        if self.committee.set.contains(&signer) {
            let newest = self.signed_seen.entry(signer).or_insert((height, view));
            *newest = (*newest).max((height, view));
        }
    }

    /// The highest (height, view) of a vote or view change of that node that this one has seen: what a handshake
    /// tells it, so that a node with an old log notices. Proposals do not count; they are not logged.
    #[must_use]
    pub fn last_signed_by(&self, node: &PublicKey) -> Option<(Height, View)> {
        self.signed_seen.get(node).copied()
    }

    pub(crate) fn silence(&mut self, cx: &mut Cx, why: &'static str) {
        if self.config.allow_vote_without_log {
            return;
        }
        self.mute = Mute::Lost;
        cx.push(Effect::Notice(Notice::Muted { why }));
    }

    /// A height was committed here. `live` = by votes or a certificate at the tip, not by sync.
    pub(crate) fn note_certified(&mut self, committed: Height, live: bool) {
        if self.mute == Mute::Lost && live && committed > self.gate.best_claim {
            self.mute = Mute::Until(committed.next());
        }
    }

    /// A message of this height or a later one carries this node's own signature.
    pub(crate) fn on_own_message(&mut self, cx: &mut Cx, message: &Message) {
        if self.knows_own(message) {
            return;
        }
        let early = self.started.is_none_or(|start| cx.now < start.plus(ECHO_LONGEST));
        let heartbeat = matches!(message, Message::Heartbeat(_));
        match (early, heartbeat) {
            (true, true) => {}
            (true, false) => {
                if self.mute == Mute::No {
                    self.silence(cx, "a message of this node arrived that its log does not know");
                }
            }
            (false, _) => self.hold(cx, crate::held::HeldReason::KeyInUse),
        }
    }

    /// Whether this process, or an earlier one by its log, sent that message.
    fn knows_own(&self, message: &Message) -> bool {
        let here = message.height() == self.height();
        match message {
            Message::Vote(vote) => {
                self.solo() || (here && self.votes.iter().any(|own| own.vote == *vote))
            }
            Message::ViewChange(change) => here && change.signed.body.view <= self.promise,
            Message::Proposal(proposal) => {
                // Proposals are not logged: one of a view entered before the start may be ours.
                let body = &proposal.signed.body;
                let offered = self.offers.get(&body.view);
                here && body.view <= self.promise
                    && offered.is_none_or(|offer| offer.body.block_hash == body.block_hash)
            }
            Message::Heartbeat(beat) => beat.body.sequence <= self.sequence || beat.body.flags.held,
            Message::Nack(_)
            | Message::Directive(_)
            | Message::Abort(_)
            | Message::Commit(_)
            | Message::Evidence(_) => true,
        }
    }
}
