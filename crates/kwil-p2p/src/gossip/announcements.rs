//! What waits to be told to one peer about transactions.

use std::collections::VecDeque;

use bytes::Bytes;
use kwil_proto::p2p::v1 as proto;
use kwil_types::TxId;
use proto::gossip_frame::Message;

use super::MAX_IDS;
use crate::ring::Ring;
use crate::wire;
use crate::wire::frame::frame;

/// Ids that this peer is known to have.
const KNOWN: usize = 16_384;
/// Announcements that wait; the oldest go first, because unconfirmed transactions are announced again.
const MAX_WAITING: usize = 20_000;
/// Bytes of pushed transactions that wait.
const MAX_PUSHED: usize = 8 * 1024 * 1024;

/// The queue, and the memory of what the peer has.
#[derive(Debug)]
pub(crate) struct Announcements {
    known: Ring<TxId>,
    waiting: VecDeque<TxId>,
    pushed: VecDeque<Bytes>,
    pushed_bytes: usize,
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            known: Ring::new(KNOWN),
            waiting: VecDeque::new(),
            pushed: VecDeque::new(),
            pushed_bytes: 0,
        }
    }
}

impl Announcements {
    /// The peer has shown that it has a transaction.
    pub(crate) fn mark_known(&mut self, id: TxId) {
        self.known.insert(id);
    }

    /// Announces a transaction unless the peer has it. True when something waits.
    pub(crate) fn announce(&mut self, id: TxId) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(id);
        true
    }

    /// Sends a transaction unasked. Falls back to an announcement when too much waits already.
    pub(crate) fn push(&mut self, id: TxId, bytes: &Bytes) -> bool {
        if self.known.contains(&id) {
            return false;
        }
        if self.pushed_bytes.saturating_add(bytes.len()) > MAX_PUSHED {
            return self.announce(id);
        }
        self.known.insert(id);
        self.pushed_bytes = self.pushed_bytes.saturating_add(bytes.len());
        self.pushed.push_back(bytes.clone());
        true
    }

    /// Whether a whole announcement waits, or a push, which waits for nothing.
    pub(crate) fn is_urgent(&self) -> bool {
        !self.pushed.is_empty() || self.waiting.len() >= MAX_IDS
    }

    /// The next frame to write.
    pub(crate) fn next_frame(&mut self) -> Option<Bytes> {
        let message = if let Some(transaction) = self.pushed.pop_front() {
            self.pushed_bytes = self.pushed_bytes.saturating_sub(transaction.len());
            Message::TxPush(proto::TxPush { transaction })
        } else {
            let count = self.waiting.len().min(MAX_IDS);
            if count == 0 {
                return None;
            }
            let ids: Vec<TxId> = self.waiting.drain(..count).collect();
            Message::TxAnnounce(proto::TxAnnounce { tx_ids: wire::join_tx_ids(&ids) })
        };
        Some(frame(&proto::GossipFrame { message: Some(message) }))
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::Hash;
    use prost::Message as _;

    use super::*;

    fn id(number: u32) -> TxId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Hash(bytes)
    }

    fn next(queue: &mut Announcements) -> Option<Message> {
        let frame = queue.next_frame()?;
        proto::GossipFrame::decode_length_delimited(frame).unwrap().message
    }

    #[test]
    fn nothing_is_told_twice_or_back() {
        let mut queue = Announcements::default();
        queue.mark_known(id(1));
        assert!(!queue.announce(id(1)));
        assert!(queue.announce(id(2)));
        assert!(!queue.announce(id(2)));
        assert!(!queue.push(id(2), &Bytes::from_static(b"tx")));
        let want = Message::TxAnnounce(proto::TxAnnounce { tx_ids: wire::join_tx_ids(&[id(2)]) });
        assert_eq!(next(&mut queue), Some(want));
        assert_eq!(next(&mut queue), None);
    }

    #[test]
    fn announcements_are_batched_and_pushes_come_first() {
        let mut queue = Announcements::default();
        for number in 0..300 {
            queue.announce(id(number));
        }
        queue.push(id(1000), &Bytes::from_static(b"tx"));
        assert!(matches!(next(&mut queue), Some(Message::TxPush(_))));
        for want in [256, 44] {
            let Some(Message::TxAnnounce(batch)) = next(&mut queue) else {
                panic!("no announcement")
            };
            assert_eq!(batch.tx_ids.len(), want * 32);
        }
        assert_eq!(next(&mut queue), None);
    }

    #[test]
    fn slow_peer_costs_bounded_memory() {
        let mut queue = Announcements::default();
        let large = Bytes::from(vec![0; 1024 * 1024]);
        for number in 0..30_000 {
            if number < 20 {
                queue.push(id(number), &large);
            } else {
                queue.announce(id(number));
            }
        }
        assert_eq!(queue.pushed.len(), 8);
        assert_eq!(queue.waiting.len(), MAX_WAITING);
    }
}
