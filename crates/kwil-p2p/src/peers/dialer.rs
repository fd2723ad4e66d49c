//! Whom to dial next: a pure plan over the address book.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kwil_config::HostPort;
use kwil_crypto::NodeId;

use super::backoff::{Noise, pause};
use super::book::Book;
use super::scope::Scope;
use super::standing::Standing;

const MAX_DIALS: usize = 8;
const LONELY_PAUSE: Duration = Duration::from_secs(5);
/// A connection that lasted this long clears the failures before it.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(60);

/// Why a node is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To stay connected.
    Connect,
    /// To learn whether it is there.
    Probe,
}

/// A node to dial now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: NodeId,
    pub(crate) addresses: Vec<HostPort>,
    /// What names may resolve to; `None` for addresses from the configuration.
    pub(crate) distance: Option<Scope>,
    pub(crate) purpose: Purpose,
}

#[derive(Debug)]
struct Attempt {
    fails: u32,
    next: Instant,
    began: Option<Instant>,
    dialing: bool,
    problem: Option<String>,
}

/// What the plan depends on besides the dialer's own memory.
pub(crate) struct Situation<'a> {
    pub(crate) book: &'a Book,
    pub(crate) standing: &'a Standing,
    pub(crate) own: NodeId,
    pub(crate) connected: &'a BTreeSet<NodeId>,
    /// Connections to nodes without reserved status that this side dialled.
    pub(crate) outbound: usize,
    pub(crate) target: usize,
    pub(crate) private: bool,
    pub(crate) pex: bool,
    pub(crate) now: Instant,
    pub(crate) now_ms: u64,
}

/// Memory of attempts.
#[derive(Debug)]
pub(crate) struct Dialer {
    attempts: BTreeMap<NodeId, Attempt>,
    next_probe: Option<Instant>,
    probe_pause: Duration,
    noise: Noise,
}

impl Dialer {
    pub(crate) fn new(seed: u64, probe_pause: Duration) -> Self {
        Self { attempts: BTreeMap::new(), next_probe: None, probe_pause, noise: Noise::new(seed) }
    }

    /// Chooses the nodes to dial now and marks them as being dialled.
    pub(crate) fn plan(&mut self, at: &Situation<'_>) -> Vec<Target> {
        let mut free = MAX_DIALS
            .saturating_sub(self.attempts.values().filter(|attempt| attempt.dialing).count());
        let mut targets = Vec::new();
        let mut outbound = at.outbound;
        let mut candidates = self.candidates(at);
        candidates.sort_by_key(|candidate| (candidate.class, std::cmp::Reverse(candidate.last_ok)));
        for candidate in candidates {
            if free == 0 {
                break;
            }
            let purpose = match candidate.class {
                Class::Reserved => Purpose::Connect,
                Class::Neighbour => Purpose::Probe,
                Class::Verified if outbound < at.target => Purpose::Connect,
                Class::Verified => continue,
                Class::Unverified => {
                    if self.next_probe.is_some_and(|next| next > at.now) {
                        continue;
                    }
                    self.next_probe = at.now.checked_add(self.probe_pause);
                    if outbound < at.target { Purpose::Connect } else { Purpose::Probe }
                }
            };
            if purpose == Purpose::Connect && candidate.class != Class::Reserved {
                outbound = outbound.saturating_add(1);
            }
            free = free.saturating_sub(1);
            targets.extend(self.begin(&candidate.id, purpose, at));
        }
        targets
    }

    fn candidates(&self, at: &Situation<'_>) -> Vec<Candidate> {
        let lonely = at.connected.is_empty();
        at.book
            .iter()
            .filter(|(id, _)| **id != at.own && !at.book.is_blacklisted(id, at.now_ms))
            .filter(|(id, _)| at.standing.banned(id, at.now).is_none())
            .filter_map(|(id, known)| {
                let verified = at.book.is_verified(id, at.now_ms);
                let class = if at.connected.contains(id) {
                    Class::Neighbour
                } else if at.standing.is_reserved(id) {
                    Class::Reserved
                } else if verified {
                    Class::Verified
                } else {
                    Class::Unverified
                };
                let told = at.pex && known.record.is_some();
                let useful = match class {
                    Class::Reserved => true,
                    Class::Neighbour => told && !verified,
                    Class::Verified => !at.private,
                    Class::Unverified => told && !at.private,
                };
                let due = self.is_due(id, at.now, lonely && at.standing.bootnodes.contains(id));
                let dialable = useful && due && !known.addresses().is_empty();
                dialable.then_some(Candidate { id: *id, class, last_ok: known.last_ok })
            })
            .collect()
    }

    fn is_due(&self, id: &NodeId, now: Instant, hurry: bool) -> bool {
        self.attempts.get(id).is_none_or(|attempt| {
            let hurried =
                attempt.began.filter(|_| hurry).and_then(|began| began.checked_add(LONELY_PAUSE));
            let next = hurried.map_or(attempt.next, |hurried| hurried.min(attempt.next));
            !attempt.dialing && next <= now
        })
    }

    fn begin(&mut self, id: &NodeId, purpose: Purpose, at: &Situation<'_>) -> Option<Target> {
        let known = at.book.get(id)?;
        let attempt = self.attempt(id, at.now);
        attempt.dialing = true;
        attempt.began = Some(at.now);
        let distance = known.configured.is_none().then_some(known.distance);
        Some(Target { id: *id, addresses: known.addresses(), distance, purpose })
    }

    fn attempt(&mut self, id: &NodeId, now: Instant) -> &mut Attempt {
        self.attempts.entry(*id).or_insert(Attempt {
            fails: 0,
            next: now,
            began: None,
            dialing: false,
            problem: None,
        })
    }

    /// A dial led to a connection (or a probe found the node).
    pub(crate) fn reached(&mut self, id: &NodeId, now: Instant) {
        let attempt = self.attempt(id, now);
        attempt.dialing = false;
        attempt.problem = None;
    }

    /// A probe found the node; it is not needed now.
    pub(crate) fn probed(&mut self, id: &NodeId, now: Instant) {
        let attempt = self.attempt(id, now);
        attempt.dialing = false;
        attempt.fails = 0;
        attempt.problem = None;
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, id: &NodeId, reserved: bool, problem: String, now: Instant) {
        let noise = self.noise.next();
        let attempt = self.attempt(id, now);
        attempt.dialing = false;
        attempt.fails = attempt.fails.saturating_add(1);
        attempt.next = now.checked_add(pause(attempt.fails, reserved, noise)).unwrap_or(now);
        attempt.problem = Some(problem);
    }

    /// A connection, by whomever dialled, ended after `lasted`.
    pub(crate) fn lost(
        &mut self,
        id: &NodeId,
        lasted: Duration,
        reserved: bool,
        problem: String,
        now: Instant,
    ) {
        if lasted >= STABLE_AFTER {
            self.attempt(id, now).fails = 0;
        }
        self.failed(id, reserved, problem, now);
    }

    /// Something changed that makes waiting pointless (an operator's wish, a fresh address).
    pub(crate) fn hurry(&mut self, id: &NodeId, now: Instant) {
        let attempt = self.attempt(id, now);
        attempt.next = now;
        attempt.fails = 0;
    }

    /// Why a node is not connected, if a dial failed.
    pub(crate) fn problem(&self, id: &NodeId) -> Option<&str> {
        self.attempts.get(id).and_then(|attempt| attempt.problem.as_deref())
    }

    /// Forgets nodes that the book does not know any more.
    pub(crate) fn prune(&mut self, book: &Book) {
        self.attempts.retain(|id, attempt| attempt.dialing || book.get(id).is_some());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Reserved,
    /// Connected, but nobody here has tried its address yet: others ask for verified ones only. It proved who it is
    /// and gave the address itself, so a probe of it cannot be turned against a third party.
    Neighbour,
    Verified,
    Unverified,
}

struct Candidate {
    id: NodeId,
    class: Class,
    last_ok: Option<u64>,
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{KeyType, PrivateKey};
    use kwil_types::{PeerRecordBody, Signed};

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn key(seed: u8) -> PrivateKey {
        kwil_quic::testing::node_key(KeyType::Ed25519, seed)
    }

    fn id(seed: u8) -> NodeId {
        NodeId::new(key(seed).public_key())
    }

    struct World {
        book: Book,
        standing: Standing,
        connected: BTreeSet<NodeId>,
        outbound: usize,
        target: usize,
        private: bool,
        start: Instant,
    }

    impl World {
        fn new() -> Self {
            Self {
                book: Book::default(),
                standing: Standing::default(),
                connected: BTreeSet::new(),
                outbound: 0,
                target: 20,
                private: false,
                start: Instant::now(),
            }
        }

        fn bootnode(&mut self, seed: u8) {
            self.book.configure(id(seed), "8.8.8.8:6600".parse().unwrap());
            self.standing.bootnodes.insert(id(seed));
        }

        fn told(&mut self, seed: u8, verified: bool) {
            let body = PeerRecordBody {
                node: key(seed).public_key(),
                sequence: NOW_MS,
                addresses: vec![format!("8.8.8.8:{seed}")],
                flags: 0,
            };
            self.book.learn(Signed::sign(body, &key(seed)), Scope::Global, NOW_MS).unwrap();
            if verified {
                self.book.reached(&id(seed), NOW_MS);
            }
        }

        fn plan(&self, dialer: &mut Dialer, seconds: u64) -> Vec<(NodeId, Purpose)> {
            let situation = Situation {
                book: &self.book,
                standing: &self.standing,
                own: id(100),
                connected: &self.connected,
                outbound: self.outbound,
                target: self.target,
                private: self.private,
                pex: true,
                now: self.at(seconds),
                now_ms: NOW_MS,
            };
            dialer.plan(&situation).into_iter().map(|target| (target.id, target.purpose)).collect()
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }
    }

    fn dialer() -> Dialer {
        Dialer::new(1, Duration::from_secs(10))
    }

    #[test]
    fn bootnode_is_dialled_once_at_a_time_and_again_after_a_pause() {
        let (mut world, mut dialer) = (World::new(), dialer());
        world.bootnode(1);
        assert_eq!(world.plan(&mut dialer, 0), [(id(1), Purpose::Connect)]);
        assert_eq!(world.plan(&mut dialer, 0), []);
        dialer.failed(&id(1), true, "no answer".to_owned(), world.at(0));
        assert_eq!(dialer.problem(&id(1)), Some("no answer"));
        assert_eq!(world.plan(&mut dialer, 0), []);
        assert_eq!(world.plan(&mut dialer, 2), [(id(1), Purpose::Connect)]);
    }

    #[test]
    fn lonely_node_dials_its_bootnodes_every_five_seconds() {
        let (mut world, mut dialer) = (World::new(), dialer());
        world.bootnode(1);
        for _ in 0..10 {
            dialer.failed(&id(1), true, String::new(), world.at(0));
        }
        dialer.attempts.get_mut(&id(1)).unwrap().began = Some(world.at(0));
        assert_eq!(world.plan(&mut dialer, 4), []);
        assert_eq!(world.plan(&mut dialer, 5), [(id(1), Purpose::Connect)]);
    }

    #[test]
    fn self_connected_blacklisted_and_banned_nodes_are_not_dialled() {
        let (mut world, mut dialer) = (World::new(), dialer());
        for seed in [100, 1, 2, 3] {
            world.told(seed, true);
        }
        world.connected.insert(id(1));
        world.book.blacklist(super::super::book::BlacklistEntry {
            node: id(2),
            reason: String::new(),
            since_ms: NOW_MS,
            until_ms: None,
        });
        world.standing.count(id(3), super::super::standing::Conduct::InvalidBlock, world.start);
        assert_eq!(world.plan(&mut dialer, 0), []);
    }

    #[test]
    fn unverified_addresses_are_tried_one_per_ten_seconds() {
        let (mut world, mut dialer) = (World::new(), dialer());
        world.told(1, false);
        world.told(2, false);
        assert_eq!(world.plan(&mut dialer, 0).len(), 1);
        assert_eq!(world.plan(&mut dialer, 9), []);
        assert_eq!(world.plan(&mut dialer, 10).len(), 1);
    }

    #[test]
    fn unverified_addresses_are_only_probed_when_no_slot_is_needed() {
        let (mut world, mut dialer) = (World::new(), dialer());
        world.told(1, false);
        world.target = 0;
        assert_eq!(world.plan(&mut dialer, 0), [(id(1), Purpose::Probe)]);
    }

    #[test]
    fn addresses_of_connected_peers_are_verified_at_once() {
        let (mut world, mut dialer) = (World::new(), dialer());
        for seed in [1, 2] {
            world.told(seed, false);
            world.connected.insert(id(seed));
        }
        world.standing.validators.insert(id(1));
        let plan: BTreeMap<NodeId, Purpose> = world.plan(&mut dialer, 0).into_iter().collect();
        assert_eq!(plan, BTreeMap::from([(id(1), Purpose::Probe), (id(2), Purpose::Probe)]));
        for seed in [1, 2] {
            dialer.probed(&id(seed), world.at(0));
            world.book.reached(&id(seed), NOW_MS);
        }
        assert_eq!(world.plan(&mut dialer, 1), []);
    }

    #[test]
    fn verified_nodes_fill_free_slots_and_eight_dials_run_at_once() {
        let (mut world, mut dialer) = (World::new(), dialer());
        for seed in 1..=12 {
            world.told(seed, true);
        }
        world.outbound = 17;
        assert_eq!(world.plan(&mut dialer, 0).len(), 3);
        let mut dialer = self::dialer();
        world.outbound = 0;
        assert_eq!(world.plan(&mut dialer, 0).len(), 8);
        assert_eq!(world.plan(&mut dialer, 0), []);
    }

    #[test]
    fn private_mode_dials_reserved_nodes_only() {
        let (mut world, mut dialer) = (World::new(), dialer());
        world.private = true;
        world.bootnode(1);
        world.told(2, true);
        world.told(3, false);
        assert_eq!(world.plan(&mut dialer, 0), [(id(1), Purpose::Connect)]);
    }

    #[test]
    fn stable_connection_clears_failures() {
        let (world, mut dialer) = (World::new(), dialer());
        for _ in 0..5 {
            dialer.failed(&id(1), false, String::new(), world.at(0));
        }
        dialer.lost(&id(1), Duration::from_secs(59), false, String::new(), world.at(0));
        assert_eq!(dialer.attempts[&id(1)].fails, 6);
        dialer.lost(&id(1), STABLE_AFTER, false, String::new(), world.at(0));
        assert_eq!(dialer.attempts[&id(1)].fails, 1);
    }
}
