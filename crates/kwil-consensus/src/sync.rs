//! When to stop agreeing and start fetching, and how to come back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::NodeId;
use kwil_types::Height;

use crate::effect::Effect;
use crate::height::NextHeight;
use crate::machine::{Cx, Machine, Phase};
use crate::message::CommitAnnounce;
use crate::time::Millis;

/// Behind by this much is out of step; one less is the ordinary end of a round.
const BEHIND: u64 = 2;
/// Behind by this much, going on with every block does not help: many are fetched faster at once.
const FAR_BEHIND: u64 = 16;
/// How long validators must show a gap.
const TRUSTED_GAP: Duration = Duration::from_millis(500);
/// How long a gap must be claimed without a commit before the word of any peer counts.
const UNTRUSTED_GAP: Duration = Duration::from_secs(5);
/// How long the body of a certified block may take.
const BODY_GAP: Duration = Duration::from_secs(1);
/// For how long a refuted peer is not believed.
const REFUTED_FOR: Duration = Duration::from_secs(600);
/// Pause between two requests for one missing certificate.
const ASK_PAUSE: Duration = Duration::from_millis(200);
/// Peers whose claims are remembered.
const CLAIMS_MAX: usize = 256;

/// What is known about heights beyond the own one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Lag {
    claims: BTreeMap<NodeId, Height>,
    refuted: BTreeMap<NodeId, Millis>,
    /// Highest height that a member's heartbeat or a valid certificate showed.
    trusted: Height,
    trusted_since: Option<Millis>,
    /// Since when somebody claims a gap, trusted or not.
    claimed_since: Option<Millis>,
    noted: Height,
    asked: Option<(Height, Millis)>,
}

impl Lag {
    pub(crate) fn best_claim(&self) -> Height {
        self.claims.values().copied().max().unwrap_or_default().max(self.trusted)
    }
}

impl Machine {
    /// Highest height that a peer claims to have.
    #[must_use]
    pub fn best_height(&self) -> Height {
        self.lag.best_claim().max(self.tip.height)
    }

    pub(crate) fn on_peer_height(&mut self, cx: &mut Cx, peer: NodeId, height: Option<Height>) {
        let Some(height) = height else {
            self.lag.claims.remove(&peer);
            return;
        };
        self.lag.refuted.retain(|_, until| cx.now < *until);
        let believed = !self.lag.refuted.contains_key(&peer);
        let known = self.lag.claims.contains_key(&peer);
        if believed && (known || self.lag.claims.len() < CLAIMS_MAX) {
            self.lag.claims.insert(peer, height);
            self.ask_certificate(cx, peer, height);
        }
    }

    pub(crate) fn on_claim_refuted(&mut self, cx: &mut Cx, peer: NodeId) {
        self.lag.claims.remove(&peer);
        if self.lag.refuted.len() < CLAIMS_MAX {
            self.lag.refuted.insert(peer, cx.now.plus(REFUTED_FOR));
        }
    }

    /// A validator of the current set told its committed height.
    pub(crate) fn note_height(&mut self, cx: &mut Cx, peer: NodeId, height: Height) {
        self.trust_height(height);
        self.ask_certificate(cx, peer, height);
        if height > self.height() {
            self.note_best(cx, height);
        }
    }

    pub(crate) fn trust_height(&mut self, height: Height) {
        self.lag.trusted = self.lag.trusted.max(height);
    }

    pub(crate) fn note_best(&mut self, cx: &mut Cx, height: Height) {
        if height > self.lag.noted {
            self.lag.noted = height;
            cx.push(Effect::NoteBest(height));
        }
    }

    /// Somebody has committed the height that is being decided here.
    fn ask_certificate(&mut self, cx: &mut Cx, peer: NodeId, height: Height) {
        let here = self.height();
        if height < here || self.decided() || self.phase == Phase::Sync {
            return;
        }
        let asked = self.lag.asked;
        let due = asked.is_none_or(|(at, when)| at != here || cx.now >= when.plus(ASK_PAUSE));
        if due {
            self.lag.asked = Some((here, cx.now));
            cx.push(Effect::RequestCertificate { height: here, peer });
        }
    }

    /// Asks again for a certificate that somebody must have.
    pub(crate) fn ask_again(&mut self, cx: &mut Cx) {
        let here = self.height();
        let claimed = self.lag.claims.iter().find(|(_, height)| **height >= here);
        let member = self.alive.iter().find(|(_, seen)| seen.height >= here);
        let peer = member.map(|(key, _)| NodeId::new(*key)).or(claimed.map(|(peer, _)| *peer));
        if let Some(peer) = peer {
            self.ask_certificate(cx, peer, here);
        }
    }

    fn gap(&self, height: Height) -> bool {
        height.since(self.tip.height) >= BEHIND
    }

    /// Moment at which this node gives up agreeing, as far as is known now.
    pub(crate) fn sync_deadline(&self) -> Option<Millis> {
        if self.held() || matches!(self.phase, Phase::Sync | Phase::Commit(_)) {
            return None;
        }
        // Whoever commits a block again and again keeps pace: one that is a few heights behind gains nothing by fetching.
        let paced = |since: Millis| since.max(self.last_commit);
        let is_far = self.lag.trusted.since(self.tip.height) >= FAR_BEHIND;
        let trusted = self.lag.trusted_since;
        let trusted = trusted.map(|since| if is_far { since } else { paced(since) });
        let trusted = trusted.map(|since| since.plus(TRUSTED_GAP));
        let just_started = self.started.filter(|start| self.clock < start.plus(UNTRUSTED_GAP));
        let claimed = self.lag.claimed_since.filter(|_| self.gap(self.lag.best_claim()));
        let claimed = claimed.map(|since| just_started.unwrap_or(paced(since).plus(UNTRUSTED_GAP)));
        let fetching = matches!(self.phase, Phase::Fetch(_));
        let body = self.pending.as_ref().filter(|_| fetching).map(|p| p.since.plus(BODY_GAP));
        [trusted, claimed, body].into_iter().flatten().min()
    }

    pub(crate) fn watch_lag(&mut self, cx: &mut Cx) {
        let (trusted, claimed) = (self.gap(self.lag.trusted), self.gap(self.lag.best_claim()));
        let since = |known: Option<Millis>, gap: bool| gap.then(|| known.unwrap_or(cx.now));
        self.lag.trusted_since = since(self.lag.trusted_since, trusted);
        self.lag.claimed_since = since(self.lag.claimed_since, claimed);
        if self.sync_deadline().is_some_and(|deadline| cx.now >= deadline) {
            self.enter_sync(cx);
        }
    }

    /// Stops taking part. Promise, votes and candidates stay.
    pub(crate) fn enter_sync(&mut self, cx: &mut Cx) {
        if self.held() || matches!(self.phase, Phase::Sync | Phase::Commit(_)) {
            return;
        }
        self.cancel_execution(cx);
        self.pending = None;
        self.proposal = None;
        self.phase = Phase::Sync;
        self.lag.trusted_since = None;
        self.lag.claimed_since = None;
        self.heartbeat_soon();
        self.finish_drain(cx);
        cx.push(Effect::EnterSync { target: self.best_height().max(self.height()) });
    }

    pub(crate) fn on_synced(
        &mut self,
        cx: &mut Cx,
        announce: &Arc<CommitAnnounce>,
        next: NextHeight,
    ) {
        if self.phase == Phase::Sync && announce.certificate.height() == self.height() {
            self.advance(cx, announce, next, false);
            self.phase = Phase::Sync;
        }
    }

    pub(crate) fn on_sync_done(&mut self, cx: &mut Cx) {
        if self.phase != Phase::Sync {
            return;
        }
        self.phase = Phase::Await;
        self.lag.trusted = self.tip.height;
        self.last_commit = cx.now;
        self.heartbeat_soon();
        self.resume_height(cx);
        self.replay_buffer(cx);
    }
}
