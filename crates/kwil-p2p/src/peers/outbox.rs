//! What waits to be sent to one peer on the consensus stream. A slow peer loses superseded messages first, and
//! nobody waits for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kwil_consensus::MessageKind;
use kwil_crypto::PublicKey;
use kwil_types::{Height, View};

use crate::flood::Meta;

const MAX_FRAMES: usize = 1024;
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// A queue that is full for this long belongs to a peer that is too slow.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag {
    kind: MessageKind,
    signer: Option<PublicKey>,
    place: (Height, View),
    sequence: u64,
}

impl Tag {
    fn of(meta: &Meta) -> Self {
        Self {
            kind: meta.kind,
            signer: meta.signer,
            place: (meta.height, meta.view),
            sequence: meta.sequence,
        }
    }

    /// Whether `newer` says all that this message says.
    fn is_replaced_by(&self, newer: &Self) -> bool {
        if self.signer.is_none() || self.signer != newer.signer || self.kind != newer.kind {
            return false;
        }
        match self.kind {
            MessageKind::Heartbeat => self.sequence <= newer.sequence,
            MessageKind::ViewChange => self.place <= newer.place,
            MessageKind::Proposal
            | MessageKind::Vote
            | MessageKind::Commit
            | MessageKind::Nack
            | MessageKind::Directive
            | MessageKind::Abort
            | MessageKind::Evidence => false,
        }
    }

    /// Messages about a finished attempt. Certificates, directives and evidence keep their worth.
    fn is_outdated_by(&self, newer: &Self) -> bool {
        match self.kind {
            MessageKind::Heartbeat => true,
            MessageKind::Proposal
            | MessageKind::Vote
            | MessageKind::ViewChange
            | MessageKind::Nack
            | MessageKind::Abort => self.place < newer.place,
            MessageKind::Commit | MessageKind::Directive | MessageKind::Evidence => false,
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    /// There is no room.
    Dropped,
    /// There has been no room for [`STUCK_AFTER`].
    Stuck,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<(Tag, Bytes)>,
    bytes: usize,
    full_since: Option<Instant>,
}

impl Outbox {
    pub(crate) fn push(&mut self, meta: &Meta, frame: Bytes, now: Instant) -> Pushed {
        let tag = Tag::of(meta);
        self.drop_where(|queued| queued.is_replaced_by(&tag));
        if !self.has_room(frame.len()) {
            self.drop_where(|queued| queued.is_outdated_by(&tag));
        }
        if !self.has_room(frame.len()) {
            let since = *self.full_since.get_or_insert(now);
            let stuck = now.saturating_duration_since(since) >= STUCK_AFTER;
            return if stuck { Pushed::Stuck } else { Pushed::Dropped };
        }
        self.full_since = None;
        self.bytes = self.bytes.saturating_add(frame.len());
        self.frames.push_back((tag, frame));
        Pushed::Queued
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let (_, frame) = self.frames.pop_front()?;
        self.bytes = self.bytes.saturating_sub(frame.len());
        self.full_since = None;
        Some(frame)
    }

    /// Takes over what waits in the queue of an older connection to the same peer.
    pub(crate) fn inherit(&mut self, older: &mut Self) {
        older.frames.append(&mut self.frames);
        self.frames = std::mem::take(&mut older.frames);
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut older.bytes));
    }

    fn has_room(&self, more: usize) -> bool {
        let small = self.bytes.saturating_add(more) <= MAX_BYTES;
        self.frames.is_empty() || (self.frames.len() < MAX_FRAMES && small)
    }

    fn drop_where(&mut self, useless: impl Fn(&Tag) -> bool) {
        let mut freed = 0_usize;
        self.frames.retain(|(tag, frame)| {
            let keep = !useless(tag);
            if !keep {
                freed = freed.saturating_add(frame.len());
            }
            keep
        });
        self.bytes = self.bytes.saturating_sub(freed);
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{Hash, KeyType};

    use super::*;

    fn meta(kind: MessageKind, seed: u8, height: u64, view: u64) -> Meta {
        Meta {
            kind,
            signer: Some(kwil_quic::testing::node_key(KeyType::Ed25519, seed).public_key()),
            height: Height(height),
            view: View(view),
            sequence: view,
            digest: Hash([0; 32]),
            subject: Hash([0; 32]),
            resend: 0,
        }
    }

    fn frame(byte: u8) -> Bytes {
        Bytes::from(vec![byte])
    }

    fn drain(outbox: &mut Outbox) -> Vec<u8> {
        std::iter::from_fn(|| outbox.pop()).map(|frame| frame[0]).collect()
    }

    #[test]
    fn newer_heartbeat_and_view_change_replace_older_ones_of_the_signer() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.push(&meta(MessageKind::Heartbeat, 1, 1, 1), frame(1), now);
        outbox.push(&meta(MessageKind::Heartbeat, 2, 1, 1), frame(2), now);
        outbox.push(&meta(MessageKind::ViewChange, 1, 5, 1), frame(3), now);
        outbox.push(&meta(MessageKind::Vote, 1, 5, 1), frame(4), now);
        outbox.push(&meta(MessageKind::Heartbeat, 1, 1, 2), frame(5), now);
        outbox.push(&meta(MessageKind::ViewChange, 1, 5, 2), frame(6), now);
        assert_eq!(drain(&mut outbox), [2, 4, 5, 6]);
        assert_eq!(outbox.bytes, 0);
    }

    #[test]
    fn full_queue_gives_up_outdated_frames_first() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        for view in 0..1024 {
            assert_eq!(
                outbox.push(&meta(MessageKind::Vote, 1, 5, view), frame(1), now),
                Pushed::Queued
            );
        }
        assert_eq!(outbox.push(&meta(MessageKind::Vote, 1, 6, 0), frame(2), now), Pushed::Queued);
        assert_eq!(drain(&mut outbox), [2]);
    }

    #[test]
    fn queue_that_stays_full_is_stuck() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        for _ in 0..1024 {
            outbox.push(&meta(MessageKind::Commit, 1, 5, 0), frame(1), now);
        }
        let more = meta(MessageKind::Vote, 1, 6, 0);
        assert_eq!(outbox.push(&more, frame(2), now), Pushed::Dropped);
        assert_eq!(outbox.push(&more, frame(2), now + STUCK_AFTER), Pushed::Stuck);
        outbox.pop();
        assert_eq!(outbox.push(&more, frame(2), now + STUCK_AFTER), Pushed::Queued);
        assert_eq!(outbox.push(&more, frame(2), now + STUCK_AFTER), Pushed::Dropped);
    }

    #[test]
    fn bytes_are_bounded_but_one_frame_always_fits() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let large = Bytes::from(vec![0; MAX_BYTES + 1]);
        assert_eq!(
            outbox.push(&meta(MessageKind::Commit, 1, 5, 0), large.clone(), now),
            Pushed::Queued
        );
        assert_eq!(outbox.push(&meta(MessageKind::Commit, 1, 5, 0), large, now), Pushed::Dropped);
    }

    #[test]
    fn successor_sends_what_its_predecessor_had_queued_first() {
        let (mut old, mut new, now) = (Outbox::default(), Outbox::default(), Instant::now());
        old.push(&meta(MessageKind::Vote, 1, 5, 0), frame(1), now);
        new.push(&meta(MessageKind::Vote, 2, 5, 0), frame(2), now);
        new.inherit(&mut old);
        assert_eq!(new.bytes, 2);
        assert_eq!(drain(&mut new), [1, 2]);
    }
}
