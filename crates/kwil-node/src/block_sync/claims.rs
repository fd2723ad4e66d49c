//! What peers say they have, and whether they are believed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kwil_crypto::NodeId;
use kwil_types::Height;

/// A claim that was not backed for this long is refuted.
const BACKED_WITHIN: Duration = Duration::from_secs(30);
/// How long a refuted claim is not believed.
const IGNORED_FOR: Duration = Duration::from_secs(600);

/// Pause after a failed answer, and the longest one.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
struct Claim {
    base: Height,
    height: Height,
    /// Asked for a block that it claims, and none came since.
    unbacked_since: Option<Instant>,
    /// Until when heights from here on are not believed.
    refuted: Option<(Height, Instant)>,
    open: usize,
    /// Not asked before this time, because answers failed; how many in a row.
    paused_until: Option<Instant>,
    failures: u32,
    /// Bytes a second, a moving average; 0 before the first answer.
    rate: u64,
}

impl Claim {
    fn height(&self, now: Instant) -> Height {
        match self.refuted {
            Some((from, until)) if now < until => {
                self.height.min(from.prev().unwrap_or(Height::ZERO))
            }
            Some(_) | None => self.height,
        }
    }

    fn has(&self, height: Height, now: Instant) -> bool {
        self.base <= height && height <= self.height(now)
    }
}

/// All claims of connected peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(BTreeMap<NodeId, Claim>);

impl Claims {
    pub(crate) fn set(&mut self, peer: NodeId, base: Height, height: Height) {
        let claim = self.0.entry(peer).or_insert(Claim {
            base,
            height,
            unbacked_since: None,
            refuted: None,
            open: 0,
            paused_until: None,
            failures: 0,
            rate: 0,
        });
        (claim.base, claim.height) = (base, height);
    }

    pub(crate) fn remove(&mut self, peer: &NodeId) {
        self.0.remove(peer);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Highest believed height.
    pub(crate) fn best(&self, now: Instant) -> Height {
        self.0.values().map(|claim| claim.height(now)).max().unwrap_or(Height::ZERO)
    }

    /// Peers that say they have a block.
    pub(crate) fn holders(&self, height: Height, now: Instant) -> Vec<NodeId> {
        self.0.iter().filter(|(_, claim)| claim.has(height, now)).map(|(peer, _)| *peer).collect()
    }

    /// Whom to ask for a block: of those with a free place the fastest, an untried one before a slow one.
    pub(crate) fn choose(
        &self,
        height: Height,
        max_open: usize,
        avoid: Option<NodeId>,
        now: Instant,
    ) -> Option<NodeId> {
        let free = |claim: &Claim| {
            let paused = claim.paused_until.is_some_and(|until| now < until);
            claim.has(height, now) && claim.open < max_open && !paused
        };
        let candidates = || self.0.iter().filter(|(_, claim)| free(claim));
        let speed = |claim: &Claim| {
            let rate = if claim.rate == 0 { u64::MAX } else { claim.rate };
            rate.checked_div(claim.open.saturating_add(1) as u64).unwrap_or(0)
        };
        let others = candidates().filter(|(peer, _)| Some(**peer) != avoid);
        let best = others.max_by_key(|(peer, claim)| (speed(claim), std::cmp::Reverse(**peer)));
        best.or_else(|| candidates().next()).map(|(peer, _)| *peer)
    }

    /// How far a peer's blocks reach, counted from `from`, at most `max`.
    pub(crate) fn reach(&self, peer: &NodeId, from: Height, max: u32, now: Instant) -> u32 {
        let Some(claim) = self.0.get(peer) else { return 0 };
        let count = claim.height(now).since(from).saturating_add(1);
        u32::try_from(count).unwrap_or(u32::MAX).min(max)
    }

    pub(crate) fn asked(&mut self, peer: &NodeId, now: Instant) {
        if let Some(claim) = self.0.get_mut(peer) {
            claim.open = claim.open.saturating_add(1);
            claim.unbacked_since.get_or_insert(now);
        }
    }

    /// A block came that was asked for.
    pub(crate) fn backed(&mut self, peer: &NodeId) {
        if let Some(claim) = self.0.get_mut(peer) {
            claim.unbacked_since = None;
            claim.failures = 0;
        }
    }

    /// An answer failed: the peer is asked again later, each time in a row later.
    pub(crate) fn pause(&mut self, peer: &NodeId, now: Instant) {
        if let Some(claim) = self.0.get_mut(peer) {
            let pause = PAUSE.saturating_mul(1 << claim.failures.min(5)).min(PAUSE_MAX);
            claim.paused_until = now.checked_add(pause);
            claim.failures = claim.failures.saturating_add(1);
        }
    }

    /// An answer is over: `bytes` came in `took`.
    pub(crate) fn answered(&mut self, peer: &NodeId, bytes: usize, took: Duration) {
        let Some(claim) = self.0.get_mut(peer) else { return };
        claim.open = claim.open.saturating_sub(1);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = (bytes as u64).saturating_mul(1000).checked_div(millis).unwrap_or(0).max(1);
        claim.rate = if claim.rate == 0 {
            rate
        } else {
            claim.rate.saturating_mul(3).saturating_add(rate) / 4
        };
    }

    /// The peer does not have a block that it claimed.
    pub(crate) fn refute(&mut self, peer: &NodeId, from: Height, now: Instant) {
        if let Some(claim) = self.0.get_mut(peer)
            && let Some(until) = now.checked_add(IGNORED_FOR)
        {
            let lowest = claim
                .refuted
                .filter(|(_, until)| now < *until)
                .map_or(from, |(known, _)| known.min(from));
            claim.refuted = Some((lowest, until));
        }
    }

    /// Refutes the claims of peers that were asked long ago and sent nothing since; returns those peers.
    pub(crate) fn refute_silent(&mut self, next: Height, now: Instant) -> Vec<NodeId> {
        let silent = |claim: &Claim| {
            let since = claim.unbacked_since;
            since.is_some_and(|since| now.saturating_duration_since(since) >= BACKED_WITHIN)
        };
        let peers: Vec<NodeId> =
            self.0.iter().filter(|(_, claim)| silent(claim)).map(|(peer, _)| *peer).collect();
        for peer in &peers {
            self.refute(peer, next, now);
            if let Some(claim) = self.0.get_mut(peer) {
                claim.unbacked_since = None;
            }
        }
        peers
    }
}
