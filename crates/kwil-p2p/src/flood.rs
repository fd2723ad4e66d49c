//! Which consensus messages are taken, and which travel on: each once, of members only, and never faster than an honest
//! member needs. Pure; signatures are checked between [`Flood::screen`] and [`Flood::pass`].

use std::collections::BTreeMap;
use std::time::Instant;

use kwil_consensus::MessageKind;
use kwil_crypto::{Hash, PublicKey};
use kwil_types::{Height, ValidatorSet, View};

use crate::LastSigned;
use crate::limit::Bucket;
use crate::ring::Ring;

/// Messages remembered as seen.
const SEEN: usize = 16_384;
/// Different votes, and different proposals, that one signer may give for one (height, view): two prove a lie.
const SUBJECTS: usize = 2;
/// (kind, height, view) remembered of one signer.
const PLACES: usize = 1024;
/// Repeats, heartbeats and view changes of a signer that travel on in a second, of each kind.
const REPEATS: (u32, u32) = (4, 8);
/// New votes and proposals of a signer in a second: far above what the fastest chain needs.
const FRESH: (u32, u32) = (200, 400);

/// What the filter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) kind: MessageKind,
    pub(crate) signer: Option<PublicKey>,
    pub(crate) height: Height,
    pub(crate) view: View,
    /// Rises with every heartbeat of a signer; 0 for other kinds.
    pub(crate) sequence: u64,
    /// Names the message without its `resend`.
    pub(crate) digest: Hash,
    /// What a vote or proposal is for.
    pub(crate) subject: Hash,
    pub(crate) resend: u32,
}

/// Where the node stands, as far as the filter cares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) validators: &'a ValidatorSet,
    /// Whether this message is about a height that matters to the others.
    pub(crate) worth_forwarding: bool,
    /// Heartbeats travel on only through nodes that do not vote, and through private validators.
    pub(crate) relays_heartbeats: bool,
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    Seen,
    NotMember,
    Stale,
    TooMany,
}

#[derive(Debug)]
struct Signer {
    subjects: BTreeMap<(MessageKind, Height, View), Vec<Hash>>,
    heartbeat: u64,
    view_change: (Height, View),
    last_signed: Option<LastSigned>,
    repeats: BTreeMap<MessageKind, Bucket>,
    fresh: Bucket,
}

impl Signer {
    fn new(now: Instant) -> Self {
        Self {
            subjects: BTreeMap::new(),
            heartbeat: 0,
            view_change: (Height::ZERO, View::ZERO),
            last_signed: None,
            repeats: BTreeMap::new(),
            fresh: Bucket::new(FRESH.0, FRESH.1, now),
        }
    }

    fn may_repeat(&mut self, kind: MessageKind, now: Instant) -> bool {
        self.repeats
            .entry(kind)
            .or_insert_with(|| Bucket::new(REPEATS.0, REPEATS.1, now))
            .try_take(now)
    }
}

/// Memory of the flood.
#[derive(Debug)]
pub(crate) struct Flood {
    seen: Ring<(Hash, u32)>,
    signers: BTreeMap<PublicKey, Signer>,
    commit: Height,
}

impl Flood {
    pub(crate) fn new() -> Self {
        Self { seen: Ring::new(SEEN), signers: BTreeMap::new(), commit: Height::ZERO }
    }

    /// Cheap checks before the signature is looked at.
    pub(crate) fn screen(&self, meta: &Meta, around: &Around<'_>) -> Result<(), Dropped> {
        if self.seen.contains(&(meta.digest, meta.resend)) {
            return Err(Dropped::Seen);
        }
        let Some(signer) = &meta.signer else { return Ok(()) };
        if !around.validators.contains(signer) {
            return Err(Dropped::NotMember);
        }
        let Some(known) = self.signers.get(signer) else { return Ok(()) };
        if meta.kind == MessageKind::Heartbeat && meta.sequence <= known.heartbeat {
            return Err(Dropped::Stale);
        }
        match known.subjects.get(&(meta.kind, meta.height, meta.view)) {
            Some(subjects) if !subjects.contains(&meta.subject) && subjects.len() >= SUBJECTS => {
                Err(Dropped::TooMany)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a message whose signature is valid. `Ok(true)`: it travels on.
    pub(crate) fn pass(
        &mut self,
        meta: &Meta,
        around: &Around<'_>,
        now: Instant,
    ) -> Result<bool, Dropped> {
        // Another peer may have delivered it while the signature was checked.
        self.screen(meta, around)?;
        let travels = self.travels(meta, around, now)?;
        self.seen.insert((meta.digest, meta.resend));
        Ok(travels)
    }

    fn travels(&mut self, meta: &Meta, around: &Around<'_>, now: Instant) -> Result<bool, Dropped> {
        let (kind, height) = (meta.kind, meta.height);
        let place = (height, meta.view);
        let Some(key) = meta.signer else { return Ok(self.unsigned_travels(meta, around)) };
        let signer = self.signers.entry(key).or_insert_with(|| Signer::new(now));
        let near = around.worth_forwarding;
        match kind {
            MessageKind::Heartbeat => {
                signer.heartbeat = meta.sequence;
                return Ok(around.relays_heartbeats && signer.may_repeat(kind, now));
            }
            MessageKind::Vote | MessageKind::Proposal => {
                let subjects = signer.subjects.entry((kind, height, meta.view)).or_default();
                let fresh = !subjects.contains(&meta.subject);
                if fresh {
                    subjects.push(meta.subject);
                }
                let allowed = if fresh && meta.resend == 0 {
                    signer.fresh.try_take(now)
                } else {
                    signer.may_repeat(kind, now)
                };
                if signer.subjects.len() > PLACES {
                    signer.subjects.pop_first();
                }
                // A proposal promises nothing: a leader may have crashed between it and its vote.
                if meta.kind == MessageKind::Vote {
                    note_signed(signer, meta);
                }
                if fresh && !allowed {
                    return Err(Dropped::TooMany);
                }
                return Ok(near && allowed);
            }
            MessageKind::ViewChange => {
                note_signed(signer, meta);
                if place < signer.view_change {
                    return Ok(false);
                }
                if near {
                    signer.view_change = place;
                }
            }
            MessageKind::Directive => return Ok(signer.may_repeat(kind, now)),
            MessageKind::Nack
            | MessageKind::Abort
            | MessageKind::Commit
            | MessageKind::Evidence => {}
        }
        Ok(near && signer.may_repeat(kind, now))
    }

    /// Certificates and evidence have several signers.
    fn unsigned_travels(&mut self, meta: &Meta, around: &Around<'_>) -> bool {
        if meta.kind != MessageKind::Commit {
            return around.worth_forwarding;
        }
        let news = meta.height > self.commit || (meta.height == self.commit && meta.resend > 0);
        if news && around.worth_forwarding {
            self.commit = meta.height;
        }
        news && around.worth_forwarding
    }

    /// A message of this node leaves: its echo is not news.
    pub(crate) fn sent(&mut self, meta: &Meta) {
        self.seen.insert((meta.digest, meta.resend));
        if meta.kind == MessageKind::Commit {
            self.commit = self.commit.max(meta.height);
        }
    }

    /// Forgets what the new tip makes useless, and who is no member any more.
    pub(crate) fn advance(&mut self, tip: Height, validators: &ValidatorSet) {
        self.signers.retain(|key, _| validators.contains(key));
        for signer in self.signers.values_mut() {
            signer.subjects.retain(|(_, height, _), _| *height > tip);
        }
    }

    /// The highest signed message of a member that was seen here.
    pub(crate) fn last_signed(&self, key: &PublicKey) -> Option<LastSigned> {
        self.signers.get(key).and_then(|signer| signer.last_signed)
    }
}

fn note_signed(signer: &mut Signer, meta: &Meta) {
    let this = LastSigned { height: meta.height, view: meta.view };
    signer.last_signed = signer.last_signed.max(Some(this));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kwil_crypto::KeyType;
    use kwil_types::Validator;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        kwil_quic::testing::node_key(KeyType::Ed25519, seed).public_key()
    }

    fn set() -> ValidatorSet {
        ValidatorSet::new((1..=3).map(|seed| Validator { key: key(seed), power: 1 })).unwrap()
    }

    fn around(validators: &ValidatorSet) -> Around<'_> {
        Around { validators, worth_forwarding: true, relays_heartbeats: true }
    }

    fn message(kind: MessageKind, seed: u8, height: u64, view: u64, subject: u8) -> Meta {
        let mut digest = [subject; 32];
        digest[0] = seed;
        digest[1] = kind as u8;
        digest[2..10].copy_from_slice(&height.to_be_bytes());
        digest[10..18].copy_from_slice(&view.to_be_bytes());
        Meta {
            kind,
            signer: Some(key(seed)),
            height: Height(height),
            view: View(view),
            sequence: if kind == MessageKind::Heartbeat { view } else { 0 },
            digest: Hash(digest),
            subject: Hash([subject; 32]),
            resend: 0,
        }
    }

    fn vote(seed: u8, height: u64, view: u64, subject: u8) -> Meta {
        message(MessageKind::Vote, seed, height, view, subject)
    }

    #[test]
    fn a_message_passes_once_and_its_repeat_once_more() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        let mut vote = vote(1, 11, 0, 1);
        assert_eq!(flood.pass(&vote, &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&vote, &around(&set), now), Err(Dropped::Seen));
        vote.resend = 1;
        assert_eq!(flood.pass(&vote, &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&vote, &around(&set), now), Err(Dropped::Seen));
    }

    #[test]
    fn strangers_are_dropped() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        assert_eq!(flood.pass(&vote(9, 11, 0, 1), &around(&set), now), Err(Dropped::NotMember));
    }

    #[test]
    fn far_heights_are_taken_but_do_not_travel() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        let far = Around { worth_forwarding: false, ..around(&set) };
        for kind in
            [MessageKind::Vote, MessageKind::Proposal, MessageKind::ViewChange, MessageKind::Nack]
        {
            assert_eq!(flood.pass(&message(kind, 1, 40, 0, 1), &far, now), Ok(false), "{kind:?}");
        }
    }

    #[test]
    fn third_different_vote_of_a_place_is_dropped() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        assert_eq!(flood.pass(&vote(1, 11, 0, 1), &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&vote(1, 11, 0, 2), &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&vote(1, 11, 0, 3), &around(&set), now), Err(Dropped::TooMany));
        assert_eq!(flood.pass(&vote(1, 11, 1, 3), &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&vote(2, 11, 0, 3), &around(&set), now), Ok(true));
    }

    #[test]
    fn a_stolen_seat_cannot_flood() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        let taken = (0..10_000)
            .filter(|view| flood.pass(&vote(1, 11, *view, 1), &around(&set), now).is_ok())
            .count();
        assert_eq!(taken, 400);
        assert!(flood.signers[&key(1)].subjects.len() <= PLACES);
        let repeats = (1..10_000).filter(|resend| {
            let repeat = Meta { resend: *resend, ..vote(1, 11, 0, 1) };
            flood.pass(&repeat, &around(&set), now) == Ok(true)
        });
        assert_eq!(repeats.count(), 8);
    }

    #[test]
    fn heartbeats_travel_when_newer_and_only_through_relays() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        let beat = |sequence| message(MessageKind::Heartbeat, 1, 3, sequence, 0);
        assert_eq!(flood.pass(&beat(5), &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&beat(4), &around(&set), now), Err(Dropped::Stale));
        let validator = Around { relays_heartbeats: false, ..around(&set) };
        assert_eq!(flood.pass(&beat(6), &validator, now), Ok(false));
    }

    #[test]
    fn older_view_changes_do_not_travel() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        let change = |view| message(MessageKind::ViewChange, 1, 11, view, 0);
        assert_eq!(flood.pass(&change(3), &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&change(2), &around(&set), now), Ok(false));
        assert_eq!(flood.pass(&change(4), &around(&set), now), Ok(true));
    }

    #[test]
    fn one_certificate_of_a_height_travels() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        let commit = |height, subject| Meta {
            signer: None,
            ..message(MessageKind::Commit, 0, height, 0, subject)
        };
        assert_eq!(flood.pass(&commit(11, 1), &around(&set), now), Ok(true));
        assert_eq!(flood.pass(&commit(11, 2), &around(&set), now), Ok(false));
        assert_eq!(flood.pass(&commit(9, 1), &around(&set), now), Ok(false));
        assert_eq!(flood.pass(&commit(12, 1), &around(&set), now), Ok(true));
        let far = Around { worth_forwarding: false, ..around(&set) };
        assert_eq!(flood.pass(&commit(40, 1), &far, now), Ok(false));
        assert_eq!(flood.pass(&commit(13, 1), &around(&set), now), Ok(true));
    }

    #[test]
    fn own_messages_do_not_come_back() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        flood.sent(&vote(1, 11, 0, 1));
        assert_eq!(flood.pass(&vote(1, 11, 0, 1), &around(&set), now), Err(Dropped::Seen));
    }

    #[test]
    fn highest_signed_message_is_remembered() {
        let (set, mut flood, now) = (set(), Flood::new(), Instant::now());
        flood.pass(&vote(1, 11, 2, 1), &around(&set), now).unwrap();
        flood.pass(&vote(1, 11, 1, 1), &around(&set), now + Duration::from_secs(1)).unwrap();
        assert_eq!(
            flood.last_signed(&key(1)),
            Some(LastSigned { height: Height(11), view: View(2) })
        );
        assert_eq!(flood.last_signed(&key(2)), None);
    }
}
