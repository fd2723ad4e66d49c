//! The address book: which nodes exist, where they are, and what operators decided about them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kwil_config::HostPort;
use kwil_crypto::{NodeId, SignatureError};
use kwil_types::PeerRecord;

use super::scope::{Scope, may_pass};

/// Most nodes in the book.
pub(crate) const MAX_KNOWN: usize = 1000;
/// Most records in one answer to a `Peers` request.
pub(crate) const MAX_ANSWER: usize = 64;
const DAY_MS: u64 = 24 * 3600 * 1000;
const RECORD_AGE_MS: u64 = 7 * DAY_MS;
/// Clocks differ; a record further ahead than this is not believed.
const RECORD_AHEAD_MS: u64 = 3600 * 1000;
const VERIFIED_MS: u64 = DAY_MS;
const FORGET_FAILS: u32 = 10;

/// A node that an operator, or this node itself, refuses to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlacklistEntry {
    /// The node.
    pub node: NodeId,
    /// `manual`, `connection_exhaustion`, or an operator's words.
    pub reason: String,
    /// Since when, Unix milliseconds.
    pub since_ms: u64,
    /// Until when, Unix milliseconds; `None` is for ever.
    pub until_ms: Option<u64>,
}

/// What is known of one node.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Address from the configuration.
    pub(crate) configured: Option<HostPort>,
    /// Its own word.
    pub(crate) record: Option<PeerRecord>,
    /// How far away the teller of the record was.
    pub(crate) distance: Scope,
    /// Whitelisted at run time, as opposed to by configuration.
    pub(crate) whitelisted: bool,
    pub(crate) blacklisted: Option<BlacklistEntry>,
    /// Unix milliseconds of the last handshake that this node dialled.
    pub(crate) last_ok: Option<u64>,
    pub(crate) last_try: Option<u64>,
    pub(crate) fails: u32,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            configured: None,
            record: None,
            distance: Scope::Global,
            whitelisted: false,
            blacklisted: None,
            last_ok: None,
            last_try: None,
            fails: 0,
        }
    }
}

impl Known {
    /// Where to dial, best first.
    pub(crate) fn addresses(&self) -> Vec<HostPort> {
        let told = self.record.iter().flat_map(|record| usable(record, self.distance));
        let mut all: Vec<HostPort> = self.configured.iter().cloned().chain(told).collect();
        let mut seen = BTreeSet::new();
        all.retain(|address| seen.insert(address.clone()));
        all
    }

    fn is_pinned(&self) -> bool {
        self.configured.is_some() || self.whitelisted || self.blacklisted.is_some()
    }

    fn is_verified(&self, now_ms: u64) -> bool {
        self.last_ok.is_some_and(|ok| now_ms.saturating_sub(ok) <= VERIFIED_MS)
    }
}

fn usable(record: &PeerRecord, distance: Scope) -> impl Iterator<Item = HostPort> {
    record
        .body
        .addresses
        .iter()
        .filter_map(|text| text.parse::<HostPort>().ok())
        .filter(move |address| may_pass(address, distance))
}

/// Why a record was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RecordError {
    #[error("peer record of {node} is {days} days old")]
    TooOld { node: NodeId, days: u64 },
    #[error("peer record of {node} is from the future")]
    Future { node: NodeId },
    #[error("peer record of {node} holds no address that can be reached from here")]
    Unreachable { node: NodeId },
    #[error("signature of the peer record of {node}")]
    Signature {
        node: NodeId,
        #[source]
        source: SignatureError,
    },
    #[error("address book is full")]
    Full,
}

/// All known nodes. Pure: wall time comes in as an argument.
#[derive(Debug, Default)]
pub(crate) struct Book {
    known: BTreeMap<NodeId, Known>,
    changed: bool,
}

impl Book {
    pub(crate) fn from_known(known: BTreeMap<NodeId, Known>) -> Self {
        Self { known, changed: false }
    }

    pub(crate) fn get(&self, id: &NodeId) -> Option<&Known> {
        self.known.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Known)> {
        self.known.iter()
    }

    /// Whether something changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The entry of a node, made when there is none. `None` when the book is full of nodes worth more.
    fn entry(&mut self, id: NodeId) -> Option<&mut Known> {
        if !self.known.contains_key(&id) && self.known.len() >= MAX_KNOWN {
            let worst = self
                .known
                .iter()
                .filter(|(_, known)| !known.is_pinned())
                .max_by_key(|(_, known)| (known.fails, std::cmp::Reverse(known.last_ok)))
                .map(|(id, _)| *id)?;
            self.known.remove(&worst);
        }
        self.changed = true;
        Some(self.known.entry(id).or_default())
    }

    /// An address from the configuration.
    pub(crate) fn configure(&mut self, id: NodeId, address: HostPort) {
        if let Some(known) = self.entry(id) {
            known.configured = Some(address);
        }
    }

    /// Takes a record that a node at `distance` gave. The highest sequence wins. True when it is news.
    pub(crate) fn learn(
        &mut self,
        record: PeerRecord,
        distance: Scope,
        now_ms: u64,
    ) -> Result<bool, RecordError> {
        let node = NodeId::new(record.body.node);
        let age = now_ms.saturating_sub(record.body.sequence);
        if age > RECORD_AGE_MS {
            return Err(RecordError::TooOld { node, days: age / DAY_MS });
        }
        if record.body.sequence > now_ms.saturating_add(RECORD_AHEAD_MS) {
            return Err(RecordError::Future { node });
        }
        let held = self.known.get(&node).and_then(|known| known.record.as_ref());
        if held.is_some_and(|held| held.body.sequence >= record.body.sequence) {
            return Ok(false);
        }
        if usable(&record, distance).next().is_none() {
            return Err(RecordError::Unreachable { node });
        }
        record.verify().map_err(|source| RecordError::Signature { node, source })?;
        let known = self.entry(node).ok_or(RecordError::Full)?;
        known.record = Some(record);
        known.distance = distance;
        Ok(true)
    }

    /// A dial began.
    pub(crate) fn tried(&mut self, id: &NodeId, now_ms: u64) {
        if let Some(known) = self.known.get_mut(id) {
            known.last_try = Some(now_ms);
            self.changed = true;
        }
    }

    /// A handshake that this node dialled succeeded.
    pub(crate) fn reached(&mut self, id: &NodeId, now_ms: u64) {
        if let Some(known) = self.known.get_mut(id) {
            known.last_ok = Some(now_ms);
            known.fails = 0;
            self.changed = true;
        }
    }

    /// A dial failed. Returns the failures in a row.
    pub(crate) fn failed(&mut self, id: &NodeId) -> u32 {
        let Some(known) = self.known.get_mut(id) else { return 0 };
        known.fails = known.fails.saturating_add(1);
        self.changed = true;
        known.fails
    }

    pub(crate) fn is_verified(&self, id: &NodeId, now_ms: u64) -> bool {
        self.known.get(id).is_some_and(|known| known.is_verified(now_ms))
    }

    /// Records to give to a node at `distance`: verified ones, not hidden, whose every address it may know.
    pub(crate) fn answer(
        &self,
        distance: Scope,
        hidden: &BTreeSet<NodeId>,
        now_ms: u64,
    ) -> Vec<Bytes> {
        let mut verified: Vec<(&NodeId, &Known)> = self
            .known
            .iter()
            .filter(|(id, known)| {
                !hidden.contains(*id) && known.blacklisted.is_none() && known.is_verified(now_ms)
            })
            .collect();
        verified.sort_by_key(|(_, known)| std::cmp::Reverse(known.last_ok));
        let fresh =
            |record: &&PeerRecord| now_ms.saturating_sub(record.body.sequence) <= RECORD_AGE_MS;
        let tellable = |record: &&PeerRecord| {
            let mut addresses = record.body.addresses.iter();
            addresses.all(|text| text.parse().is_ok_and(|address| may_pass(&address, distance)))
        };
        verified
            .into_iter()
            .filter_map(|(_, known)| known.record.as_ref())
            .filter(fresh)
            .filter(tellable)
            .take(MAX_ANSWER)
            .map(|record| Bytes::from(record.encode()))
            .collect()
    }

    /// Drops nodes that nobody reaches any more.
    pub(crate) fn forget(&mut self, reserved: impl Fn(&NodeId) -> bool, now_ms: u64) {
        let before = self.known.len();
        self.known.retain(|id, known| {
            let silent = known.last_ok.is_none_or(|ok| now_ms.saturating_sub(ok) > RECORD_AGE_MS);
            known.is_pinned() || reserved(id) || known.fails < FORGET_FAILS || !silent
        });
        self.changed |= self.known.len() != before;
    }

    pub(crate) fn set_whitelisted(&mut self, id: NodeId, listed: bool) {
        let matters = listed || self.known.contains_key(&id);
        if let Some(known) = matters.then(|| self.entry(id)).flatten() {
            known.whitelisted = listed;
        }
    }

    pub(crate) fn whitelisted(&self) -> impl Iterator<Item = NodeId> {
        self.known.iter().filter(|(_, known)| known.whitelisted).map(|(id, _)| *id)
    }

    pub(crate) fn blacklist(&mut self, entry: BlacklistEntry) {
        if let Some(known) = self.entry(entry.node) {
            known.blacklisted = Some(entry);
        }
    }

    /// False when it was not listed.
    pub(crate) fn unblacklist(&mut self, id: &NodeId) -> bool {
        let taken = self.known.get_mut(id).and_then(|known| known.blacklisted.take());
        self.changed |= taken.is_some();
        taken.is_some()
    }

    pub(crate) fn is_blacklisted(&self, id: &NodeId, now_ms: u64) -> bool {
        let entry = self.known.get(id).and_then(|known| known.blacklisted.as_ref());
        entry.is_some_and(|entry| entry.until_ms.is_none_or(|until| until > now_ms))
    }

    /// Entries in force, newest first.
    pub(crate) fn blacklisted(&self, now_ms: u64) -> Vec<BlacklistEntry> {
        let mut all: Vec<BlacklistEntry> = self
            .known
            .iter()
            .filter(|(id, _)| self.is_blacklisted(id, now_ms))
            .filter_map(|(_, known)| known.blacklisted.clone())
            .collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.since_ms));
        all
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{KeyType, PrivateKey};
    use kwil_types::{PeerRecordBody, Signed};

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn key(seed: u8) -> PrivateKey {
        kwil_quic::testing::node_key(KeyType::Ed25519, seed)
    }

    fn id(seed: u8) -> NodeId {
        NodeId::new(key(seed).public_key())
    }

    fn record(seed: u8, sequence: u64, addresses: &[&str]) -> PeerRecord {
        let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
        let body = PeerRecordBody { node: key(seed).public_key(), sequence, addresses, flags: 0 };
        Signed::sign(body, &key(seed))
    }

    #[test]
    fn highest_sequence_wins() {
        let mut book = Book::default();
        assert_eq!(book.learn(record(1, NOW - 5, &["8.8.8.8:1"]), Scope::Global, NOW), Ok(true));
        assert_eq!(book.learn(record(1, NOW - 9, &["8.8.8.8:2"]), Scope::Global, NOW), Ok(false));
        assert_eq!(book.learn(record(1, NOW - 1, &["8.8.8.8:3"]), Scope::Global, NOW), Ok(true));
        let addresses = book.get(&id(1)).unwrap().addresses();
        assert_eq!(addresses, ["8.8.8.8:3".parse().unwrap()]);
    }

    #[test]
    fn old_future_unreachable_and_forged_records_are_not_kept() {
        let mut book = Book::default();
        let old = record(1, NOW - 8 * DAY_MS, &["8.8.8.8:1"]);
        assert!(matches!(
            book.learn(old, Scope::Global, NOW),
            Err(RecordError::TooOld { days: 8, .. })
        ));
        let future = record(1, NOW + 2 * 3600 * 1000, &["8.8.8.8:1"]);
        assert!(matches!(book.learn(future, Scope::Global, NOW), Err(RecordError::Future { .. })));
        for (addresses, distance) in [
            (vec!["127.0.0.1:6600"], Scope::Global),
            (vec!["127.0.0.1:6600", "10.0.0.1:6600"], Scope::Global),
            (vec!["127.0.0.1:6600"], Scope::Private),
            (vec!["0.0.0.0:6600", "224.0.0.1:1", "8.8.8.8:0", "not an address"], Scope::Loopback),
            (vec![], Scope::Loopback),
        ] {
            let got = book.learn(record(1, NOW, &addresses), distance, NOW);
            assert!(
                matches!(got, Err(RecordError::Unreachable { .. })),
                "{addresses:?} {distance:?}"
            );
        }
        let mut forged = record(1, NOW, &["8.8.8.8:1"]);
        forged.body.addresses = vec!["9.9.9.9:1".to_owned()];
        assert!(matches!(
            book.learn(forged, Scope::Global, NOW),
            Err(RecordError::Signature { .. })
        ));
        assert!(book.get(&id(1)).is_none());
    }

    #[test]
    fn addresses_out_of_reach_are_left_out() {
        let mut book = Book::default();
        let mixed = record(1, NOW, &["127.0.0.1:1", "10.0.0.1:2", "8.8.8.8:3"]);
        book.learn(mixed, Scope::Private, NOW).unwrap();
        let shown: Vec<String> =
            book.get(&id(1)).unwrap().addresses().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.1:2", "8.8.8.8:3"]);
    }

    #[test]
    fn only_verified_visible_and_tellable_records_are_told() {
        let mut book = Book::default();
        for seed in 1..=5 {
            let address = if seed == 4 { "10.0.0.4:1" } else { "8.8.8.8:1" };
            book.learn(record(seed, NOW, &[address]), Scope::Loopback, NOW).unwrap();
        }
        for seed in [1, 2, 4, 5] {
            book.reached(&id(seed), if seed == 5 { NOW - 25 * 3600 * 1000 } else { NOW });
        }
        let hidden = BTreeSet::from([id(2)]);
        let told = |distance| {
            let records = book.answer(distance, &hidden, NOW);
            let ids =
                records.iter().map(|raw| NodeId::new(PeerRecord::decode(raw).unwrap().signer));
            ids.collect::<BTreeSet<_>>()
        };
        assert_eq!(told(Scope::Global), BTreeSet::from([id(1)]));
        assert_eq!(told(Scope::Private), BTreeSet::from([id(1), id(4)]));
    }

    #[test]
    fn nodes_that_nobody_reaches_are_forgotten() {
        let mut book = Book::default();
        book.learn(record(1, NOW, &["8.8.8.8:1"]), Scope::Global, NOW).unwrap();
        book.configure(id(2), "8.8.4.4:1".parse().unwrap());
        for _ in 0..10 {
            book.failed(&id(1));
            book.failed(&id(2));
        }
        book.forget(|_| false, NOW);
        assert!(book.get(&id(1)).is_none());
        assert!(book.get(&id(2)).is_some());
    }

    #[test]
    fn blacklisting_ends_by_itself_or_by_hand() {
        let mut book = Book::default();
        let entry = |seed, until_ms| BlacklistEntry {
            node: id(seed),
            reason: "manual".to_owned(),
            since_ms: NOW,
            until_ms,
        };
        book.blacklist(entry(1, Some(NOW + 10)));
        book.blacklist(entry(2, None));
        assert!(book.is_blacklisted(&id(1), NOW + 9));
        assert!(!book.is_blacklisted(&id(1), NOW + 10));
        assert_eq!(book.blacklisted(NOW + 10).len(), 1);
        assert!(book.unblacklist(&id(2)));
        assert!(!book.unblacklist(&id(2)));
        assert!(!book.is_blacklisted(&id(2), NOW));
    }

    #[test]
    fn full_book_gives_up_its_worst_entry_and_keeps_pinned_ones() {
        let mut known = BTreeMap::new();
        for seed in 0..1000_u32 {
            let key = PrivateKey::generate(KeyType::Ed25519, |bytes| {
                bytes.fill(7);
                bytes[..4].copy_from_slice(&seed.to_be_bytes());
                Ok::<(), std::convert::Infallible>(())
            });
            let entry = Known { fails: seed, whitelisted: seed == 999, ..Known::default() };
            known.insert(NodeId::new(key.unwrap().public_key()), entry);
        }
        let mut book = Book::from_known(known);
        book.learn(record(1, NOW, &["8.8.8.8:1"]), Scope::Global, NOW).unwrap();
        assert_eq!(book.iter().count(), 1000);
        assert!(book.iter().any(|(_, known)| known.fails == 999));
        assert!(!book.iter().any(|(_, known)| known.fails == 998));
    }
}
