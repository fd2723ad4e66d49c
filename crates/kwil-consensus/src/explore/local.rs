//! One node: its machine, its disk, and what an event makes of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::{Hash, NodeId, sha256};
use kwil_types::{Block, Height};

use super::Bounds;
use super::timeless::FAR;
use crate::config::Config;
use crate::effect::Effect;
use crate::event::{Event, Pending};
use crate::height::Tip;
use crate::held::HeldReason;
use crate::machine::{Machine, Phase};
use crate::message::{CommitAnnounce, Message};
use crate::mutation::Mutation;
use crate::record::Record;
use crate::recovery::{LogState, Recovered};
use crate::sim::chain::{AppState, Keys, transaction};
use crate::time::Millis;
use crate::verify::Verified;

/// A node between two events. `machine` is `None` while it is down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Local {
    pub(crate) machine: Option<Machine>,
    pub(crate) records: Vec<Record>,
    unsynced: Vec<Record>,
    pub(crate) chain: Vec<(Arc<Block>, Arc<CommitAnnounce>)>,
    held: Option<HeldReason>,
    /// Decided every height; takes no more events.
    pub(crate) done: bool,
    /// Its log was lost with the last crash.
    lost: bool,
    /// It ran before.
    ran: bool,
    /// It runs for the second time at least (noted only where it matters).
    restarted: bool,
    /// Which node it is, so that a number names a node and its state.
    node: u8,
}

impl Local {
    pub(crate) const fn new(node: u8) -> Self {
        Self {
            node,
            machine: None,
            records: Vec::new(),
            unsynced: Vec::new(),
            chain: Vec::new(),
            held: None,
            done: false,
            lost: false,
            ran: false,
            restarted: false,
        }
    }

    /// The height being decided.
    pub(crate) fn height(&self) -> u64 {
        self.chain.len() as u64 + 1
    }

    /// The form in which it is compared: without time, and without what matters to nobody once it has decided.
    pub(crate) fn settled(mut self, heights: u64) -> Self {
        if self.chain.len() as u64 >= heights {
            // What it sent stays; nothing that it does from here on matters.
            self.done = true;
            self.machine = None;
            self.records.clear();
            self.unsynced.clear();
            self.held = None;
            self.lost = false;
            self.ran = true;
            self.restarted = false;
        }
        if let Some(machine) = self.machine.as_mut() {
            machine.forget_time();
            machine.forget_past();
        }
        self
    }
}

/// What may happen to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stimulus {
    /// It starts (again).
    Start,
    /// A message arrives.
    Deliver(u16),
    /// A message arrives while the leader counts as gone.
    DeliverLeaderless(u16),
    /// All time has passed, everybody is alive.
    Timeout,
    /// All time has passed, the leader is gone.
    TimeoutLeaderless,
}

impl Stimulus {
    /// A small number for each.
    pub(crate) fn code(self) -> usize {
        match self {
            Self::Start => 0,
            Self::Timeout => 1,
            Self::TimeoutLeaderless => 2,
            Self::Deliver(number) => 3 + 2 * usize::from(number),
            Self::DeliverLeaderless(number) => 4 + 2 * usize::from(number),
        }
    }

    /// The same with a leader, for those without.
    pub(crate) const fn with_leader(self) -> Option<Self> {
        match self {
            Self::TimeoutLeaderless => Some(Self::Timeout),
            Self::DeliverLeaderless(number) => Some(Self::Deliver(number)),
            Self::Start | Self::Timeout | Self::Deliver(_) => None,
        }
    }
}

/// What is durable and sent between two effects: where a crash may cut.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    records: usize,
    chain: usize,
    held: Option<HeldReason>,
    sent: usize,
}

/// The result of one event.
#[derive(Debug)]
pub(crate) struct Reaction {
    pub(crate) local: Local,
    pub(crate) sent: Vec<Message>,
    pub(crate) built: bool,
    pub(crate) broken: Option<String>,
    marks: Vec<Mark>,
}

impl Reaction {
    /// The node and what it has sent, for each point at which it may die. `lost`: its consensus log goes too.
    pub(crate) fn crashes(&self, before: &Local, lost: bool) -> Vec<(Local, Vec<Message>)> {
        let cut = |mark: &Mark| {
            let records =
                if lost { Vec::new() } else { self.local.records[..mark.records].to_vec() };
            let dead = Local {
                machine: None,
                records,
                unsynced: Vec::new(),
                chain: self.local.chain[..mark.chain].to_vec(),
                held: mark.held.clone(),
                done: false,
                lost: before.lost || lost,
                ran: true,
                restarted: before.restarted,
                node: before.node,
            };
            (dead, self.sent[..mark.sent].to_vec())
        };
        self.marks.iter().map(cut).collect()
    }
}

/// Blocks and states that all nodes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bounds: Bounds,
    pub(crate) keys: Keys,
    pub(crate) chain: Hash,
    pub(crate) genesis: AppState,
    mutation: Option<Mutation>,
    blocks: BTreeMap<Hash, Arc<Block>>,
    states: BTreeMap<Hash, AppState>,
}

impl Shared {
    pub(crate) fn new(bounds: &Bounds, mutation: Option<Mutation>) -> Self {
        let keys = Keys::new(bounds.validators + bounds.followers);
        Self {
            genesis: AppState::genesis(bounds.validators, &keys),
            chain: sha256(b"explored chain"),
            bounds: bounds.clone(),
            keys,
            mutation,
            blocks: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    /// State after a block; the genesis state for the zero hash.
    pub(crate) fn state(&self, block: &Hash) -> &AppState {
        self.states.get(block).unwrap_or(&self.genesis)
    }

    fn learn(&mut self, block: &Arc<Block>) {
        if !self.states.contains_key(&block.hash()) {
            let before = self.state(&block.header().prev_hash).clone();
            let after = before.execute(block, &self.keys);
            self.states.insert(block.hash(), after);
            self.blocks.insert(block.hash(), Arc::clone(block));
        }
    }

    pub(crate) fn block(&self, hash: &Hash) -> Option<&Arc<Block>> {
        self.blocks.get(hash)
    }

    /// Validators of the second height, once a first block is known.
    pub(crate) fn any_second_set(&self) -> Option<Arc<kwil_types::ValidatorSet>> {
        let first = self.blocks.values().find(|block| block.header().height == Height(1))?;
        Some(self.state(&first.hash()).next().validators)
    }

    fn result(&self, node: usize, restarted: bool, block: &Hash) -> Hash {
        let app = self.state(block).app_hash;
        let wrong =
            self.bounds.diverged == Some(node) || (restarted && self.bounds.flaky == Some(node));
        if wrong { sha256(&app.0) } else { app }
    }

    fn config(&self) -> Config {
        Config {
            batch_delay: Duration::ZERO,
            min_block_interval: Duration::ZERO,
            empty_block_timeout: Duration::ZERO,
            leader_return: false,
            mutation: self.mutation,
            ..Config::default()
        }
    }

    fn recovered(&self, local: &Local) -> Recovered {
        let tip = match local.chain.last() {
            Some((_, announce)) => Tip::of(Arc::clone(announce)),
            None => Tip {
                height: Height::ZERO,
                block_hash: Hash::ZERO,
                app_hash: self.genesis.app_hash,
                time_ms: 0,
                announce: None,
            },
        };
        let next = self.state(&tip.block_hash).next();
        let parent = local.chain.last().map(|(block, _)| block.header().prev_hash);
        Recovered {
            chain_hash: self.chain,
            tip_set: parent.map(|parent| self.state(&parent).next().validators),
            tip,
            next,
            records: local.records.clone(),
            log: match (local.lost, local.ran) {
                (true, _) => LogState::Lost,
                (false, true) => LogState::Continued,
                (false, false) => LogState::Created,
            },
            held: local.held.clone(),
            directive: None,
            wall_ms: 1_000_000,
        }
    }

    /// Applies one event to a copy of a node.
    pub(crate) fn react(
        &mut self,
        node: usize,
        local: &Local,
        stimulus: (Stimulus, Option<&Verified>),
        choice: u8,
    ) -> Reaction {
        let reaction = Reaction {
            local: local.clone(),
            sent: Vec::new(),
            built: false,
            broken: None,
            marks: Vec::new(),
        };
        let mut run = Run { node, shared: self, reaction, choice, queue: VecDeque::new() };
        run.mark();
        run.stimulate(stimulus);
        run.reaction
    }
}

/// One event in progress.
struct Run<'a> {
    node: usize,
    shared: &'a mut Shared,
    reaction: Reaction,
    choice: u8,
    /// What the driver answers at once.
    queue: VecDeque<Event>,
}

impl Run<'_> {
    fn stimulate(&mut self, (stimulus, message): (Stimulus, Option<&Verified>)) {
        let mut now = Millis(0);
        match stimulus {
            Stimulus::Start => return self.start(),
            Stimulus::Deliver(_) | Stimulus::DeliverLeaderless(_) => {
                let Some(message) = message else { return };
                let signer = message.message().signer();
                let from =
                    NodeId::new(signer.unwrap_or_else(|| self.shared.keys.public(self.node)));
                let message = message.clone();
                self.queue.push_back(Event::Message { from, message, wall_ms: 1_000_000 });
            }
            Stimulus::Timeout | Stimulus::TimeoutLeaderless => {
                now = FAR;
                self.queue.push_back(Event::Tick);
            }
        }
        let Some(machine) = self.reaction.local.machine.as_mut() else { return };
        machine.see_everybody(now);
        if matches!(stimulus, Stimulus::DeliverLeaderless(_) | Stimulus::TimeoutLeaderless) {
            machine.miss_leader();
        }
        self.drain(now);
    }

    fn start(&mut self) {
        let local = &mut self.reaction.local;
        let recovered = self.shared.recovered(local);
        let key = Arc::clone(self.shared.keys.private(self.node));
        local.machine = Some(Machine::new(self.shared.config(), key, recovered));
        local.restarted = local.ran && self.shared.bounds.flaky == Some(self.node);
        local.ran = true;
        let pending = Pending { txs: 1, bytes: 100, newest: 1 };
        self.queue.push_back(Event::Start);
        for other in 0..self.shared.bounds.validators + self.shared.bounds.followers {
            if other != self.node {
                let peer = NodeId::new(self.shared.keys.public(other));
                let height = Height::ZERO;
                self.queue.push_back(Event::Hello { peer, height, last_signed_seen: None });
            }
        }
        self.queue.push_back(Event::Pending(pending));
        self.drain(Millis(0));
    }

    /// Runs the event and everything that the driver answers to it.
    fn drain(&mut self, now: Millis) {
        while let Some(event) = self.queue.pop_front() {
            let Some(machine) = self.reaction.local.machine.as_mut() else { return };
            let before = (machine.height(), machine.view());
            let effects = machine.step(event, now);
            let after = (machine.height(), machine.view());
            let broken = machine.over_bound();
            if after < before {
                self.break_rule(format!("{before:?} became {after:?}"));
            }
            if let Some(what) = broken {
                self.break_rule(what);
            }
            for effect in effects {
                self.perform(effect);
                self.mark();
            }
        }
    }

    /// A crash may happen here.
    fn mark(&mut self) {
        let local = &self.reaction.local;
        let mark = Mark {
            records: local.records.len(),
            chain: local.chain.len(),
            held: local.held.clone(),
            sent: self.reaction.sent.len(),
        };
        if self.reaction.marks.last() != Some(&mark) {
            self.reaction.marks.push(mark);
        }
    }

    fn break_rule(&mut self, what: String) {
        self.reaction.broken.get_or_insert(what);
    }

    fn perform(&mut self, effect: Effect) {
        let restarted = self.reaction.local.restarted;
        let local = &mut self.reaction.local;
        match effect {
            Effect::Persist(records) => {
                local.records.append(&mut local.unsynced);
                local.records.extend(records);
            }
            Effect::Append(records) => local.unsynced.extend(records),
            Effect::Broadcast { message, .. } | Effect::Send { message, .. } => self.send(message),
            Effect::Announce(announce) => self.send(Message::Commit(announce)),
            Effect::BuildBlock { height, view, .. } => {
                if local.chain.len() as u64 >= self.shared.bounds.heights {
                    return;
                }
                self.reaction.built = true;
                let instruction = self.shared.bounds.instruction();
                let number = u64::from(self.choice) + height.0 * 10;
                let txs = vec![transaction(number, instruction)];
                let wall_ms = 1_000_000 + u64::from(self.choice);
                self.queue.push_back(Event::Built { height, view, wall_ms, txs });
            }
            Effect::FetchBody { block, .. } => {
                if let Some(body) = self.shared.blocks.get(&block) {
                    self.queue.push_back(Event::Body(Arc::clone(body)));
                }
            }
            Effect::Execute { token, block } => {
                self.shared.learn(&block);
                let result = Ok(self.shared.result(self.node, restarted, &block.hash()));
                self.queue.push_back(Event::Executed { token, result });
            }
            Effect::Commit { block, certificate, .. } => self.commit(block, certificate),
            Effect::Hold(reason) => {
                let bounds = &self.shared.bounds;
                let expected = bounds.diverged.is_some() || bounds.flaky.is_some();
                if reason.is_durable() {
                    local.held = Some(reason.clone());
                }
                if !expected {
                    self.break_rule(format!("held: {reason}"));
                }
            }
            Effect::Unhold => local.held = None,
            Effect::EnterSync { .. } => self.break_rule("sync entered".to_owned()),
            Effect::Cancel { .. }
            | Effect::SendCommit { .. }
            | Effect::RequestCertificate { .. }
            | Effect::NoteBest(_)
            | Effect::StoreEvidence(_)
            | Effect::StoreDirective(_)
            | Effect::DropTransactions { .. }
            | Effect::Reply { .. }
            | Effect::Drained
            | Effect::Notice(_) => {}
        }
    }

    fn commit(&mut self, block: Arc<Block>, certificate: kwil_types::CommitCertificate) {
        let height = certificate.height();
        let restarted = self.reaction.local.restarted;
        let announce = Arc::new(CommitAnnounce {
            header: block.header().clone(),
            block_signature: *block.signature(),
            certificate,
        });
        let local = &mut self.reaction.local;
        let prev_hash = block.header().prev_hash;
        let parent = local.chain.last().map_or(Hash::ZERO, |(block, _)| block.hash());
        let app = self.shared.result(self.node, restarted, &block.hash());
        let fits = parent == prev_hash && announce.certificate.app_hash() == app;
        local.chain.push((Arc::clone(&block), announce));
        let next = self.shared.state(&block.hash()).next();
        self.queue.push_back(Event::Committed { height, next });
        if !fits {
            self.break_rule(format!("commit of height {height} does not continue the chain"));
        }
    }

    fn send(&mut self, message: Message) {
        let local = &self.reaction.local;
        let held = matches!(local.machine.as_ref().map(Machine::phase), Some(Phase::Held(_)));
        let record = match &message {
            Message::Vote(vote) => Some(Record::Vote(vote.clone())),
            Message::ViewChange(change) => {
                let body = change.signed.body;
                Some(Record::Promise { height: body.height, view: body.view })
            }
            Message::Heartbeat(_) | Message::Evidence(_) => return,
            Message::Proposal(_)
            | Message::Commit(_)
            | Message::Nack(_)
            | Message::Directive(_)
            | Message::Abort(_) => None,
        };
        if let Some(record) = record {
            if !local.records.contains(&record) {
                self.break_rule(format!("{:?} sent before it was durable", message.kind()));
            }
            if held {
                self.break_rule(format!("a held node sent {:?}", message.kind()));
            }
        }
        self.reaction.sent.push(message);
    }
}
