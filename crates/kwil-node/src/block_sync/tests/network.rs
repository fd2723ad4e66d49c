//! Whole syncs from peers of many kinds, in many orders of events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_crypto::NodeId;
use kwil_types::{Height, ValidatorSet};
use proptest::prelude::*;

use super::super::planner::{Planner, SyncLimits};
use super::super::step::{Action, Candidate, Input, RequestId};
use super::world::{
    Chain, block, certified, check_body, check_certificate, genesis, height_of, peer, set_of,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Honest,
    /// Cuts every answer after a block.
    Flaky,
    /// Claims heights that nobody has.
    Boaster,
    /// Never answers.
    Silent,
    /// Sends blocks with certificates of too few validators.
    Forger,
    /// Sends blocks that break a rule.
    Breaker,
}

/// Something that takes time.
enum Work {
    Answer { request: RequestId, kind: Kind, next: u64, end: u64 },
    Body { token: u64, candidate: Arc<Candidate> },
    Certificate { token: u64, candidate: Arc<Candidate>, set: &'static ValidatorSet },
    Append(u64),
    Execute(u64),
}

struct Run<'c> {
    chain: &'c Chain,
    kinds: BTreeMap<NodeId, Kind>,
    planner: Planner,
    work: Vec<Work>,
    cancelled: BTreeSet<RequestId>,
    appended: u64,
    logged: u64,
    executed: u64,
    punished: Vec<NodeId>,
    done: bool,
    now: Instant,
}

impl<'c> Run<'c> {
    fn new(chain: &'c Chain, kinds: &[Kind]) -> Self {
        let now = Instant::now();
        let len = chain.0.len() as u64;
        let kinds: BTreeMap<_, _> = (1..).map(peer).zip(kinds.iter().copied()).collect();
        let claims: Vec<_> = kinds
            .iter()
            .map(|(peer, kind)| {
                (*peer, Height(1), Height(if *kind == Kind::Boaster { len + 5_000 } else { len }))
            })
            .collect();
        let planner = Planner::new(SyncLimits::default(), genesis(), &claims, now);
        Self {
            chain,
            kinds,
            planner,
            work: Vec::new(),
            cancelled: BTreeSet::new(),
            appended: 0,
            logged: 0,
            executed: 0,
            punished: Vec::new(),
            done: false,
            now,
        }
    }

    fn feed(&mut self, input: Input) {
        for action in self.planner.step(input, self.now) {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Fetch { request, peer, from, count, .. } => {
                assert!((1..=16).contains(&count));
                assert!(from.get() > self.appended && from.get() <= self.executed + 64);
                let kind = self.kinds[&peer];
                assert!(!self.punished.contains(&peer), "a punished peer is not asked again");
                let end = from.get() + u64::from(count) - 1;
                self.work.push(Work::Answer { request, kind, next: from.get(), end });
            }
            Action::Cancel(request) => {
                self.cancelled.insert(request);
            }
            Action::CheckBody { token, candidate } => {
                self.work.push(Work::Body { token, candidate })
            }
            Action::CheckCertificate { token, candidate } => {
                let set = set_of(self.executed + 1);
                self.work.push(Work::Certificate { token, candidate, set });
            }
            Action::Append(batch) => {
                for candidate in &batch {
                    assert_eq!(height_of(candidate), self.appended + 1, "appended in order");
                    assert_eq!(
                        candidate.block.hash(),
                        self.chain.get(self.appended + 1).unwrap().block.hash()
                    );
                    self.appended += 1;
                }
                self.work.push(Work::Append(self.appended));
            }
            Action::Execute(candidate) => {
                assert_eq!(height_of(&candidate), self.executed + 1, "executed in order");
                assert!(self.executed < self.logged, "only what is on disk");
                self.work.push(Work::Execute(height_of(&candidate)));
            }
            Action::Punish { peer, .. } => {
                assert!(
                    matches!(self.kinds[&peer], Kind::Forger | Kind::Breaker),
                    "{:?}",
                    self.kinds[&peer]
                );
                self.punished.push(peer);
            }
            Action::Fork { .. } => panic!("there is one chain"),
            Action::Report(_) | Action::Stalled { .. } | Action::Refuted(_) => {}
            Action::Done => self.done = true,
        }
    }

    /// Lets one piece of work make one step.
    fn advance(&mut self, pick: usize) {
        if self.work.is_empty() {
            self.now += Duration::from_secs(1);
            self.feed(Input::Tick);
            return;
        }
        let index = pick % self.work.len();
        match self.work.swap_remove(index) {
            Work::Answer { request, .. } if self.cancelled.contains(&request) => {}
            Work::Answer { kind: Kind::Silent, .. } => {}
            Work::Answer { request, kind, next, end } => self.answer(request, kind, next, end),
            Work::Body { token, candidate } => {
                self.feed(Input::Checked { token, verdict: check_body(&candidate) })
            }
            Work::Certificate { token, candidate, set } => {
                self.feed(Input::Checked { token, verdict: check_certificate(&candidate, set) });
            }
            Work::Append(height) => {
                self.logged = height;
                self.feed(Input::Appended(Height(height)));
            }
            Work::Execute(height) => {
                self.executed = height;
                let next_validators = set_of(height + 1).hash();
                self.feed(Input::Executed { height: Height(height), next_validators });
            }
        }
    }

    fn answer(&mut self, request: RequestId, kind: Kind, next: u64, end: u64) {
        let Some(good) = self.chain.get(next).filter(|_| next <= end) else {
            self.feed(Input::Ended(request));
            return;
        };
        let candidate = match kind {
            Kind::Forger => {
                // A block of its own with the certificate of another height's validators would be found at once; this
                // one names its own block and carries the true votes for another.
                let own = block(next, kwil_crypto::Hash([1; 32]));
                let mut forged = certified(own, next);
                let body = forged.raw_certificate.to_vec();
                forged.certificate = tampered(&body);
                forged
            }
            Kind::Breaker => {
                let mut header = good.block.header().clone();
                header.tx_count = 7;
                let wrong = kwil_types::Block::propose(header, Vec::new(), &super::world::key(1));
                certified(wrong, next)
            }
            Kind::Honest | Kind::Flaky | Kind::Boaster | Kind::Silent => good.clone(),
        };
        self.feed(Input::Block { request, candidate: Box::new(candidate) });
        if kind == Kind::Flaky {
            self.feed(Input::Failed(request));
        } else {
            self.work.push(Work::Answer { request, kind, next: next + 1, end });
        }
    }
}

/// The certificate with a signature that no validator made.
fn tampered(certificate: &[u8]) -> kwil_types::CommitCertificate {
    let mut bytes = certificate.to_vec();
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    kwil_types::CommitCertificate::decode(&bytes).unwrap()
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Honest),
        Just(Kind::Flaky),
        Just(Kind::Boaster),
        Just(Kind::Silent),
        Just(Kind::Forger),
        Just(Kind::Breaker),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn one_honest_peer_is_enough_and_no_liar_stops_or_misleads(
        others in prop::collection::vec(kind(), 0..4),
        at in 0..4usize,
        picks in prop::collection::vec(any::<usize>(), 50..51),
    ) {
        static CHAIN: std::sync::LazyLock<Chain> = std::sync::LazyLock::new(|| Chain::new(60));
        let mut kinds = others;
        kinds.insert(at.min(kinds.len()), Kind::Honest);
        let mut run = Run::new(&CHAIN, &kinds);
        run.feed(Input::Tick);
        let mut turns = 0;
        while !run.done {
            run.advance(picks[turns % picks.len()].wrapping_add(turns));
            turns += 1;
            prop_assert!(turns < 20_000, "executed {} of 60 with {kinds:?}", run.executed);
        }
        prop_assert!(run.executed >= 59, "left at {} of 60", run.executed);
        prop_assert_eq!(run.executed, run.appended);
    }
}
