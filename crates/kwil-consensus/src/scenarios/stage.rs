//! A stage with machines on it: messages arrive at once unless they are cut, time passes when the test says so.

use std::collections::VecDeque;
use std::sync::Arc;

use kwil_crypto::{Hash, NodeId, PublicKey};
use kwil_types::{Block, Height, RawTx, View};

use crate::config::Config;
use crate::effect::{Effect, Notice};
use crate::event::{Command, Event, Pending};
use crate::height::Tip;
use crate::held::HeldReason;
use crate::machine::{Machine, Phase};
use crate::message::{CommitAnnounce, Message};
use crate::operator::OperatorError;
use crate::record::Record;
use crate::recovery::{LogState, Recovered};
use crate::sim::chain::{AppState, Instruction, Keys, transaction};
use crate::time::Millis;
use crate::verify::Verified;

/// Wall clock at stage time 0.
pub(crate) const EPOCH: u64 = 1_700_000_000_000;

/// One node on the stage.
pub(crate) struct Actor {
    pub(crate) machine: Option<Machine>,
    pub(crate) records: Vec<Record>,
    unsynced: Vec<Record>,
    pub(crate) chain: Vec<(Arc<Block>, Arc<CommitAnnounce>)>,
    pub(crate) app: AppState,
    open: Option<(u64, AppState)>,
    pub(crate) held: Option<HeldReason>,
    pub(crate) log_lost: bool,
    ran: bool,
    /// Answers with a wrong app hash of its own.
    pub(crate) diverged: bool,
    /// Executions do not end while this is set.
    pub(crate) stuck: bool,
    waiting: Option<Event>,
    pub(crate) skew_ms: i64,
    pub(crate) notices: Vec<Notice>,
    pub(crate) evidence: Vec<&'static str>,
    pub(crate) replies: Vec<Result<(), OperatorError>>,
    pub(crate) drained: bool,
    pub(crate) entered_sync: bool,
    pub(crate) fetched: usize,
    pub(crate) sent: Vec<Message>,
}

type Cut = Box<dyn Fn(usize, usize, &Message) -> bool>;

/// All actors.
pub(crate) struct Stage {
    pub(crate) keys: Keys,
    pub(crate) actors: Vec<Actor>,
    pub(crate) now: u64,
    pub(crate) chain: Hash,
    genesis: AppState,
    pub(crate) config: Config,
    pool: Vec<RawTx>,
    queue: VecDeque<(usize, Event)>,
    cut: Cut,
}

impl Stage {
    /// Validators 0 to n−1, of which 0 leads first, all started and acquainted.
    pub(crate) fn new(validators: usize) -> Self {
        Self::with_followers(validators, 0)
    }

    pub(crate) fn with_followers(validators: usize, followers: usize) -> Self {
        let config = Config { empty_block_timeout: std::time::Duration::ZERO, ..Config::default() };
        let mut stage = Self::closed(validators, followers, config);
        for node in 0..validators + followers {
            stage.start(node);
        }
        stage.wait(300);
        stage
    }

    /// Nobody has started yet.
    pub(crate) fn closed(validators: usize, followers: usize, config: Config) -> Self {
        let keys = Keys::new(validators + followers);
        let genesis = AppState::genesis(validators, &keys);
        let actors = (0..validators + followers).map(|_| Actor::new(genesis.clone())).collect();
        Self {
            chain: kwil_crypto::sha256(b"stage"),
            keys,
            actors,
            now: 0,
            genesis,
            config,
            pool: Vec::new(),
            queue: VecDeque::new(),
            cut: Box::new(|_, _, _| false),
        }
    }

    pub(crate) fn key(&self, node: usize) -> PublicKey {
        self.keys.public(node)
    }

    pub(crate) fn machine(&self, node: usize) -> &Machine {
        self.actors[node].machine.as_ref().expect("the node runs")
    }

    pub(crate) fn height(&self, node: usize) -> u64 {
        self.actors[node].chain.len() as u64
    }

    pub(crate) fn view(&self, node: usize) -> u64 {
        self.machine(node).view().0
    }

    pub(crate) fn block(&self, node: usize, height: u64) -> &Block {
        &self.actors[node].chain[height as usize - 1].0
    }

    pub(crate) fn certificate_view(&self, node: usize, height: u64) -> View {
        self.actors[node].chain[height as usize - 1].1.certificate.view()
    }

    /// Messages for which this holds are lost from now on.
    pub(crate) fn lose(&mut self, cut: impl Fn(usize, usize, &Message) -> bool + 'static) {
        self.cut = Box::new(cut);
    }

    pub(crate) fn lose_nothing(&mut self) {
        self.lose(|_, _, _| false);
        self.greet();
    }

    pub(crate) fn start(&mut self, node: usize) {
        let recovered = self.recovered(node);
        let key = Arc::clone(self.keys.private(node));
        self.actors[node].ran = true;
        self.actors[node].machine = Some(Machine::new(self.config.clone(), key, recovered));
        self.tell(node, Event::Start);
        self.greet();
        self.announce_work();
        self.settle();
    }

    fn recovered(&self, node: usize) -> Recovered {
        let actor = &self.actors[node];
        let tip = actor.chain.last().map_or_else(
            || Tip {
                height: Height::ZERO,
                block_hash: Hash::ZERO,
                app_hash: self.genesis.app_hash,
                time_ms: 0,
                announce: None,
            },
            |(_, announce)| Tip::of(Arc::clone(announce)),
        );
        let log = match (actor.log_lost, actor.ran) {
            (true, _) => LogState::Lost,
            (false, false) => LogState::Created,
            (false, true) => LogState::Continued,
        };
        Recovered {
            chain_hash: self.chain,
            tip,
            tip_set: None,
            next: actor.app.next(),
            records: actor.records.clone(),
            log,
            held: actor.held.clone().filter(HeldReason::is_durable),
            directive: None,
            wall_ms: EPOCH + self.now,
        }
    }

    fn greet(&mut self) {
        for to in 0..self.actors.len() {
            for from in 0..self.actors.len() {
                let Some(machine) = &self.actors[from].machine else { continue };
                if to != from && self.actors[to].machine.is_some() {
                    let last_signed_seen = machine.last_signed_by(&self.key(to));
                    let peer = NodeId::new(self.key(from));
                    let height = Height(self.height(from));
                    self.queue.push_back((to, Event::Hello { peer, height, last_signed_seen }));
                }
            }
        }
    }

    /// Like kill -9: what was not fsynced is gone.
    pub(crate) fn kill(&mut self, node: usize) {
        let actor = &mut self.actors[node];
        actor.machine = None;
        actor.unsynced.clear();
        actor.open = None;
        actor.waiting = None;
        self.queue.retain(|(to, _)| *to != node);
    }

    /// A transaction reaches every mempool.
    pub(crate) fn submit(&mut self) {
        self.submit_instruction(Instruction::Nothing);
    }

    pub(crate) fn submit_instruction(&mut self, instruction: Instruction) {
        self.pool.push(transaction(self.pool.len() as u64, instruction));
        self.announce_work();
        self.settle();
    }

    fn open_txs(&self, node: usize) -> Vec<RawTx> {
        let applied = &self.actors[node].app.applied;
        self.pool.iter().filter(|tx| !applied.contains(&tx.id())).cloned().collect()
    }

    fn announce_work(&mut self) {
        for node in 0..self.actors.len() {
            let txs = self.open_txs(node);
            let bytes = txs.iter().map(|tx| tx.len() as u64).sum();
            let newest = self.pool.len() as u64;
            let pending = Pending { txs: txs.len() as u64, bytes, newest };
            self.queue.push_back((node, Event::Pending(pending)));
        }
    }

    pub(crate) fn tell(&mut self, node: usize, event: Event) {
        self.queue.push_back((node, event));
        self.settle();
    }

    pub(crate) fn order(&mut self, node: usize, command: Command) -> Result<(), OperatorError> {
        self.tell(node, Event::Operator { request: 1, command });
        self.actors[node].replies.pop().expect("every command is answered")
    }

    /// A message from outside of the stage.
    pub(crate) fn deliver(&mut self, to: usize, from: usize, message: Message) {
        let set = self.machine(to).next().validators.clone();
        let message = Verified::check(message, self.chain, &set).expect("the message verifies");
        let peer = NodeId::new(self.key(from));
        self.tell(to, Event::Message { from: peer, message, wall_ms: self.wall(to) });
    }

    pub(crate) fn wall(&self, node: usize) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.actors[node].skew_ms)
    }

    /// Lets milliseconds pass, one by one.
    pub(crate) fn wait(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += 1;
            for node in 0..self.actors.len() {
                let due = self.actors[node].machine.as_ref().and_then(Machine::next_wakeup);
                if due.is_some_and(|due| due.0 <= self.now) {
                    self.queue.push_back((node, Event::Tick));
                }
            }
            self.settle();
        }
    }

    /// Lets time pass until it holds; fails after a virtual minute.
    pub(crate) fn wait_until(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..60_000 {
            if holds(self) {
                return;
            }
            self.wait(1);
        }
        panic!("nothing happened for a minute");
    }

    /// Ends executions that were stuck.
    pub(crate) fn unstick(&mut self, node: usize) {
        self.actors[node].stuck = false;
        if let Some(event) = self.actors[node].waiting.take() {
            self.tell(node, event);
        }
    }

    /// Ends the execution that waits; the next one is stuck again.
    pub(crate) fn end_one(&mut self, node: usize) {
        if let Some(event) = self.actors[node].waiting.take() {
            self.tell(node, event);
        }
    }

    fn settle(&mut self) {
        while let Some((node, event)) = self.queue.pop_front() {
            let now = Millis(self.now);
            let Some(machine) = self.actors[node].machine.as_mut() else { continue };
            for effect in machine.step(event, now) {
                self.perform(node, effect);
            }
        }
    }

    fn perform(&mut self, node: usize, effect: Effect) {
        let actor = &mut self.actors[node];
        match effect {
            Effect::Persist(records) => {
                actor.records.append(&mut actor.unsynced);
                actor.records.extend(records);
            }
            Effect::Append(records) => actor.unsynced.extend(records),
            Effect::Broadcast { message, .. } => {
                for to in 0..self.actors.len() {
                    self.carry(node, to, &message);
                }
                self.actors[node].sent.push(message);
            }
            Effect::Send { to, message, .. } => {
                if let Some(to) = self.keys.index(to.public_key()) {
                    self.carry(node, to, &message);
                }
            }
            Effect::Announce(announce) => {
                for to in 0..self.actors.len() {
                    if Height(self.height(to)) < announce.certificate.height() {
                        self.carry(node, to, &Message::Commit(Arc::clone(&announce)));
                    }
                }
            }
            Effect::SendCommit { to, height } => {
                let to = self.keys.index(to.public_key());
                self.serve_commit(node, to, height);
            }
            Effect::RequestCertificate { height, peer } => {
                let peer = self
                    .keys
                    .index(peer.public_key())
                    .filter(|peer| self.actors[*peer].machine.is_some());
                if let Some(peer) = peer {
                    self.serve_commit(peer, Some(node), height);
                }
            }
            Effect::BuildBlock { height, view, .. } => {
                let (txs, wall_ms) = (self.open_txs(node), self.wall(node));
                self.queue.push_back((node, Event::Built { height, view, wall_ms, txs }));
            }
            Effect::FetchBody { block, .. } => self.fetch(node, block),
            Effect::Execute { token, block } => self.execute(node, token, &block),
            Effect::Cancel { .. } => {
                actor.open = None;
                actor.waiting = None;
            }
            Effect::Commit { block, certificate, .. } => self.commit(node, block, certificate),
            Effect::EnterSync { .. } => {
                actor.entered_sync = true;
                self.sync(node);
            }
            Effect::StoreEvidence(evidence) => actor.evidence.push(evidence.name()),
            Effect::Hold(reason) => actor.held = Some(reason),
            Effect::Unhold => actor.held = None,
            Effect::Reply { result, .. } => actor.replies.push(result),
            Effect::Drained => actor.drained = true,
            Effect::Notice(notice) => actor.notices.push(notice),
            Effect::NoteBest(_) | Effect::StoreDirective(_) | Effect::DropTransactions { .. } => {}
        }
    }

    fn carry(&mut self, from: usize, to: usize, message: &Message) {
        if from == to || self.actors[to].machine.is_none() || (self.cut)(from, to, message) {
            return;
        }
        let set = self.actors[to].app.next().validators;
        let verified = Verified::check(message.clone(), self.chain, &set);
        let message = verified.expect("machines send what verifies");
        let peer = NodeId::new(self.key(from));
        let wall_ms = self.wall(to);
        self.queue.push_back((to, Event::Message { from: peer, message, wall_ms }));
    }

    fn serve_commit(&mut self, from: usize, to: Option<usize>, height: Height) {
        let stored = self.actors[from].chain.get(height.0 as usize - 1);
        if let (Some(to), Some((_, announce))) = (to, stored) {
            let message = Message::Commit(Arc::clone(announce));
            self.carry(from, to, &message);
        }
    }

    fn fetch(&mut self, node: usize, block: Hash) {
        let has = |actor: &Actor| {
            let open = actor.machine.as_ref().and_then(|machine| machine.body(&block).cloned());
            let stored = actor.chain.iter().find(|(stored, _)| stored.hash() == block);
            open.or_else(|| stored.map(|(stored, _)| Arc::clone(stored)))
        };
        let running = self.actors.iter().filter(|actor| actor.machine.is_some());
        if let Some(body) = running.filter_map(has).next() {
            self.actors[node].fetched += 1;
            self.queue.push_back((node, Event::Body(body)));
        }
    }

    fn execute(&mut self, node: usize, token: u64, block: &Block) {
        let actor = &mut self.actors[node];
        let after = actor.app.execute(block, &self.keys);
        let mut own = after.app_hash.0.to_vec();
        own.push(node as u8);
        let app = if actor.diverged { kwil_crypto::sha256(&own) } else { after.app_hash };
        actor.open = Some((token, after));
        let event = Event::Executed { token, result: Ok(app) };
        if actor.stuck {
            actor.waiting = Some(event);
        } else {
            self.queue.push_back((node, event));
        }
    }

    fn commit(
        &mut self,
        node: usize,
        block: Arc<Block>,
        certificate: kwil_types::CommitCertificate,
    ) {
        let actor = &mut self.actors[node];
        let (_, after) = actor.open.take().expect("a block is executed before it is committed");
        let height = certificate.height();
        let announce = Arc::new(CommitAnnounce {
            header: block.header().clone(),
            block_signature: *block.signature(),
            certificate,
        });
        actor.chain.push((block, announce));
        actor.app = after;
        let next = actor.app.next();
        self.queue.push_back((node, Event::Committed { height, next }));
        self.announce_work();
    }

    fn sync(&mut self, node: usize) {
        let best = (0..self.actors.len()).max_by_key(|other| self.height(*other));
        let Some(best) = best else { return };
        while self.height(node) < self.height(best) {
            let (block, announce) = self.actors[best].chain[self.height(node) as usize].clone();
            let actor = &mut self.actors[node];
            actor.app = actor.app.execute(&block, &self.keys);
            actor.chain.push((block, Arc::clone(&announce)));
            let next = actor.app.next();
            self.queue.push_back((node, Event::Synced { announce, next }));
        }
        self.queue.push_back((node, Event::SyncDone));
    }

    pub(crate) fn phase(&self, node: usize) -> &Phase {
        self.machine(node).phase()
    }

    /// Every node that runs has the same chain, up to the shortest one.
    pub(crate) fn assert_agreement(&self) {
        for actor in &self.actors {
            for (own, first) in actor.chain.iter().zip(&self.actors[0].chain) {
                assert_eq!(own.0.hash(), first.0.hash());
            }
        }
    }
}

impl Actor {
    fn new(app: AppState) -> Self {
        Self {
            machine: None,
            records: Vec::new(),
            unsynced: Vec::new(),
            chain: Vec::new(),
            app,
            open: None,
            held: None,
            log_lost: false,
            ran: false,
            diverged: false,
            stuck: false,
            waiting: None,
            skew_ms: 0,
            notices: Vec::new(),
            evidence: Vec::new(),
            replies: Vec::new(),
            drained: false,
            entered_sync: false,
            fetched: 0,
            sent: Vec::new(),
        }
    }

    pub(crate) fn votes_sent(&self) -> usize {
        self.sent.iter().filter(|message| matches!(message, Message::Vote(_))).count()
    }
}
