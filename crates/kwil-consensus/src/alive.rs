//! Who is there: heartbeats and what they tell.

use kwil_crypto::{NodeId, PublicKey};
use kwil_types::{Heartbeat, HeartbeatBody, HeartbeatFlags, Height};

use crate::effect::{Effect, Notice};
use crate::machine::{Cx, Machine, Phase};
use crate::message::Message;
use crate::time::{Millis, millis};

/// What is known of another validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// When it became a member here; a newcomer has a grace of one leader timeout.
    pub(crate) since: Millis,
    /// Last new authentic message.
    pub(crate) last: Option<Millis>,
    /// What its last heartbeat said.
    pub(crate) ready: bool,
    /// Its committed height.
    pub(crate) height: Height,
    /// Sequence of its last heartbeat.
    pub(crate) sequence: u64,
}

/// What the node knows of one validator, for status pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidatorView {
    /// The validator.
    pub key: PublicKey,
    /// Seen and ready within the leader timeout (always true for this node itself).
    pub alive: bool,
    /// Committed height it last told.
    pub height: Height,
    /// Time of its last message.
    pub last_seen: Option<Millis>,
}

impl Machine {
    /// Gives every member of the set a seat; forgets the others.
    pub(crate) fn seat_members(&mut self, now: Millis) {
        let set = std::sync::Arc::clone(&self.committee.set);
        self.alive.retain(|key, _| set.contains(key));
        self.signed_seen.retain(|key, _| set.contains(key));
        for member in set.iter().filter(|member| member.key != self.me) {
            self.alive.entry(member.key).or_insert(Seen {
                since: now,
                last: None,
                ready: true,
                height: Height::ZERO,
                sequence: 0,
            });
        }
    }

    /// A message of a validator arrived that was not known before.
    pub(crate) fn mark_seen(&mut self, key: &PublicKey, now: Millis) {
        if let Some(seen) = self.alive.get_mut(key) {
            seen.last = Some(now);
        }
    }

    pub(crate) fn is_alive(&self, key: &PublicKey, now: Millis) -> bool {
        if *key == self.me {
            return true;
        }
        self.alive.get(key).is_some_and(|seen| {
            let recent = seen.last.is_some_and(|last| now < last.plus(self.config.leader_timeout));
            recent && seen.ready
        })
    }

    /// Moment from which a validator counts as gone; now at once when it said that it is not ready.
    pub(crate) fn gone_at(&self, key: &PublicKey) -> Option<Millis> {
        if *key == self.me {
            return None;
        }
        let Some(seen) = self.alive.get(key) else { return Some(Millis(0)) };
        if !seen.ready {
            return Some(Millis(0));
        }
        Some(seen.last.unwrap_or(seen.since).plus(self.config.leader_timeout))
    }

    pub(crate) fn is_gone(&self, key: &PublicKey, now: Millis) -> bool {
        self.gone_at(key).is_some_and(|gone| now >= gone)
    }

    /// Validators alive, this node included when it is one.
    #[must_use]
    pub fn alive_count(&self, now: Millis) -> usize {
        self.committee.set.iter().filter(|member| self.is_alive(&member.key, now)).count()
    }

    /// Every validator of the current height as this node sees it.
    #[must_use]
    pub fn validators(&self, now: Millis) -> Vec<ValidatorView> {
        let row = |key: PublicKey| {
            let seen = self.alive.get(&key);
            let own = key == self.me;
            ValidatorView {
                key,
                alive: self.is_alive(&key, now),
                height: if own { self.tip.height } else { seen.map_or(Height::ZERO, |s| s.height) },
                last_seen: if own { Some(now) } else { seen.and_then(|seen| seen.last) },
            }
        };
        self.committee.set.iter().map(|member| row(member.key)).collect()
    }

    pub(crate) fn on_heartbeat(&mut self, cx: &mut Cx, from: NodeId, beat: &Heartbeat) {
        let Some(seen) = self.alive.get_mut(&beat.signer) else { return };
        if beat.body.sequence <= seen.sequence {
            return;
        }
        seen.sequence = beat.body.sequence;
        seen.last = Some(cx.now);
        seen.ready = beat.body.flags.ready;
        seen.height = beat.body.committed;
        let direct = *from.public_key() == beat.signer;
        let peer = if direct { from } else { NodeId::new(beat.signer) };
        self.note_height(cx, peer, beat.body.committed);
    }

    /// Whether this node may be relied on as a voter or leader.
    pub(crate) fn ready(&self) -> bool {
        self.is_validator()
            && !self.held()
            && self.phase != Phase::Sync
            && !self.mute.silences(self.height())
    }

    pub(crate) fn heartbeat_soon(&mut self) {
        self.beat_at = Millis(0);
    }

    /// Sends a heartbeat when one is due, and notices when a quorum comes or goes.
    pub(crate) fn beat(&mut self, cx: &mut Cx) {
        self.watch_quorum(cx);
        if cx.now < self.beat_at {
            return;
        }
        self.beat_at = cx.now.plus(self.config.heartbeat_interval);
        if !self.is_validator() || self.solo() {
            return;
        }
        let elapsed = self.started.map_or(0, |start| millis(cx.now.since(start)));
        let clock = self.start_wall_ms.saturating_add(elapsed);
        self.sequence = clock.max(self.sequence.saturating_add(1));
        let body = HeartbeatBody {
            chain_hash: self.chain,
            committed: self.tip.height,
            view: self.view,
            sequence: self.sequence,
            flags: HeartbeatFlags {
                ready: self.ready(),
                syncing: self.phase == Phase::Sync,
                held: self.held(),
            },
        };
        let beat = Heartbeat::sign(body, &self.signer.0);
        self.broadcast(cx, Message::Heartbeat(beat));
    }

    fn watch_quorum(&mut self, cx: &mut Cx) {
        if self.solo() || !self.is_validator() {
            return;
        }
        let (alive, needed) = (self.alive_count(cx.now), self.quorum());
        let has = alive >= needed;
        if self.had_quorum == Some(has) {
            return;
        }
        if has {
            self.k = 0;
        }
        if self.had_quorum.is_some() || has {
            cx.push(Effect::Notice(Notice::Quorum { restored: has, alive, needed }));
        }
        self.had_quorum = Some(has);
    }
}
