//! The run: a queue of happenings in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_crypto::{Hash, NodeId};
use kwil_types::{Height, RawTx, View};

use super::chain::{AppState, Instruction, Keys, transaction};
use super::check::{Invariant, Observer, Violation, step_is_sound};
use super::network::{Envelope, Links};
use super::node::{Node, config};
use super::rng::Rng;
use super::script::{Deed, FaultKind, Liar, Script};
use super::{Outcome, liar};
use crate::effect::Effect;
use crate::event::{Command, Event, Pending};
use crate::machine::{Machine, Phase};
use crate::message::Message;
use crate::mutation::Mutation;
use crate::time::Millis;

/// Wall clock at virtual time 0.
const EPOCH_MS: u64 = 1_700_000_000_000;
/// How long the network may take to make five more blocks once trouble is over.
const RECOVERY_MS: u64 = 30_000;
/// Blocks that everybody must make by then.
const RECOVERY_BLOCKS: u64 = 5;

/// Something that is due.
#[derive(Debug)]
pub(crate) enum Happening {
    Step { node: usize, life: u64, event: Box<Event> },
    Deliver { to: usize, from: usize, envelope: Arc<Envelope> },
    Tick { node: usize, life: u64 },
    Start { node: usize },
    Build { node: usize, life: u64, height: Height, view: View },
    Mempool { node: usize },
    Fetch { node: usize, life: u64, block: Hash, from: Vec<usize>, round: usize },
    SyncRound { node: usize, life: u64 },
    Fault(usize),
    Uncut { from: u32, to: u32 },
    Unslow { node: usize },
    DiskFree { node: usize },
    Transaction,
    Calm,
    Deadline,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) chain: Hash,
    pub(crate) keys: Keys,
    pub(crate) genesis: AppState,
    pub(crate) now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    order: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Links,
    pub(crate) rng: Rng,
    load: Rng,
    pub(crate) pool: Vec<RawTx>,
    pub(crate) observer: Observer,
    pub(crate) violation: Option<Violation>,
    calm_height: Option<u64>,
    done: bool,
    steps: u64,
    trace_hash: u64,
    traced: bool,
    trace: Vec<String>,
}

impl World {
    pub(crate) fn new(script: &Script, mutation: Option<Mutation>, traced: bool) -> Self {
        let nodes = script.nodes();
        let keys = Keys::new(nodes);
        let genesis = AppState::genesis(script.validators, &keys);
        let chain = kwil_crypto::sha256(b"simulated chain");
        let liar = script.liar.map(|(node, _)| keys.public(node));
        Self {
            chain,
            now: 0,
            queue: BTreeMap::new(),
            order: 0,
            nodes: (0..nodes).map(|_| Node::new(genesis.clone())).collect(),
            links: Links::new(nodes, script.network, script.slow_calm, Rng::new(script.seed, 2)),
            rng: Rng::new(script.seed, 3),
            load: Rng::new(script.seed, 4),
            pool: Vec::new(),
            observer: Observer::new(chain, genesis.clone(), liar),
            keys,
            genesis,
            violation: None,
            calm_height: None,
            done: false,
            steps: 0,
            trace_hash: 0xcbf2_9ce4_8422_2325,
            traced,
            trace: Vec::new(),
            script: script.clone(),
            mutation,
        }
    }

    pub(crate) fn at(&mut self, delay: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), happening);
    }

    pub(crate) fn run(mut self) -> Outcome {
        for node in 0..self.nodes.len() {
            let delay = self.rng.below(50);
            self.at(delay, Happening::Start { node });
        }
        for index in 0..self.script.faults.len() {
            self.at(self.script.faults[index].at, Happening::Fault(index));
        }
        self.at(100, Happening::Transaction);
        self.at(self.script.trouble_ms, Happening::Calm);
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            self.now = at;
            self.happen(happening);
            if self.violation.is_some() || self.done {
                break;
            }
        }
        if self.violation.is_none()
            && let Err((invariant, detail)) = self.observer.culprit_known()
        {
            self.fail(0, invariant, detail);
        }
        Outcome {
            violation: self.violation,
            trace_hash: self.trace_hash,
            steps: self.steps,
            virtual_ms: self.now,
            height: self.observer.committed.len() as u64,
            highest_view: self.observer.highest_view,
            trace: self.trace,
        }
    }

    pub(crate) fn fail(&mut self, node: usize, invariant: Invariant, detail: String) {
        let at = self.now;
        self.violation.get_or_insert(Violation { at, node, invariant, detail });
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.traced {
            let line = format!("{:>6} ms  {}", self.now, line());
            self.trace.push(line);
        }
    }

    fn mix(&mut self, value: u64) {
        self.trace_hash = (self.trace_hash ^ value).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn alive(&self, node: usize, life: u64) -> bool {
        self.nodes[node].life == life && self.nodes[node].machine.is_some()
    }

    fn happen(&mut self, happening: Happening) {
        if let Some(node) = happening.node()
            && self.nodes[node].paused_until > self.now
        {
            let wait = self.nodes[node].paused_until - self.now;
            return self.at(wait, happening);
        }
        match happening {
            Happening::Step { node, life, event } if self.alive(node, life) => {
                self.step(node, *event);
            }
            Happening::Deliver { to, from, envelope } => self.deliver(to, from, &envelope),
            Happening::Tick { node, life } if self.alive(node, life) => {
                self.nodes[node].tick_at = u64::MAX;
                self.step(node, Event::Tick);
            }
            Happening::Start { node } => self.start(node),
            Happening::Build { node, life, height, view } if self.alive(node, life) => {
                self.build(node, height, view);
            }
            Happening::Mempool { node } if self.nodes[node].machine.is_some() => {
                let pending = self.pending(node);
                self.step(node, Event::Pending(pending));
            }
            Happening::Fetch { node, life, block, from, round } if self.alive(node, life) => {
                self.fetch_round(node, block, from, round);
            }
            Happening::SyncRound { node, life } if self.alive(node, life) => self.sync_round(node),
            Happening::Fault(index) => self.fault(index),
            Happening::Uncut { from, to } => {
                if !self.links.calm {
                    self.links.cut(from, to, false);
                    self.greet_all();
                }
            }
            Happening::Unslow { node } => self.nodes[node].slow_ms = 0,
            Happening::DiskFree { node } if self.nodes[node].machine.is_some() => {
                self.step(node, Event::Disk { low: false });
            }
            Happening::Transaction => self.client(),
            Happening::Calm => self.calm(),
            Happening::Deadline => self.deadline(),
            Happening::Step { .. }
            | Happening::Tick { .. }
            | Happening::Build { .. }
            | Happening::Mempool { .. }
            | Happening::Fetch { .. }
            | Happening::SyncRound { .. }
            | Happening::DiskFree { .. } => {}
        }
    }

    /// One step of a machine, its effects, and what the observers say.
    pub(crate) fn step(&mut self, node: usize, event: Event) {
        let Some(mut machine) = self.nodes[node].machine.take() else { return };
        let before = (machine.height(), machine.view());
        let pending = event_code(&event);
        let executing = matches!(event, Event::Tick) && matches!(machine.phase(), Phase::Exec(_));
        self.note(|| format!("node {node}  {}", describe(&event)));
        let effects = machine.step(event, Millis(self.now));
        self.steps += 1;
        for value in [
            self.now,
            node as u64,
            pending,
            machine.height().0,
            machine.view().0,
            effects.len() as u64,
            machine.phase().name().len() as u64,
        ] {
            self.mix(value);
        }
        if let Err((invariant, detail)) = step_is_sound(before, &machine) {
            self.fail(node, invariant, detail);
        }
        let life = self.nodes[node].life;
        self.nodes[node].view_before = before.1.0;
        self.nodes[node].executing_before = executing;
        self.nodes[node].machine = Some(machine);
        for effect in effects {
            if self.violation.is_some() || !self.alive(node, life) {
                return;
            }
            if self.dies_before_effect(node) {
                return;
            }
            let deed = deed_of(&effect);
            self.perform(node, effect);
            self.dies_after_deed(node, deed);
        }
        self.schedule_tick(node);
        self.check_recovered();
    }

    fn schedule_tick(&mut self, node: usize) {
        let Some(machine) = &self.nodes[node].machine else { return };
        let Some(at) = machine.next_wakeup().map(|at| at.0.max(self.now + 1)) else { return };
        if at < self.nodes[node].tick_at {
            self.nodes[node].tick_at = at;
            let life = self.nodes[node].life;
            self.at(at - self.now, Happening::Tick { node, life });
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        let wall_ms = self.wall(node);
        let mut config = config(self.script.hasty);
        config.mutation = self.mutation;
        let recovered = self.nodes[node].recover(self.chain, &self.genesis, &self.keys, wall_ms);
        self.note(|| {
            format!("node {node}  starts at height {} ({:?})", recovered.tip.height, recovered.log)
        });
        let key = Arc::clone(self.keys.private(node));
        self.nodes[node].machine = Some(Machine::new(config, key, recovered));
        self.nodes[node].tick_at = u64::MAX;
        self.step(node, Event::Start);
        for other in 0..self.nodes.len() {
            self.greet(node, other);
        }
        self.at(1, Happening::Mempool { node });
    }

    /// Two nodes that can reach each other say hello.
    fn greet(&mut self, a: usize, b: usize) {
        let up = |world: &Self, node: usize| world.nodes[node].machine.is_some();
        if a == b || !up(self, a) || !up(self, b) || !self.links.both_ways(a, b) {
            return;
        }
        for (to, from) in [(a, b), (b, a)] {
            let own = self.keys.public(to);
            let Some(machine) = &self.nodes[from].machine else { continue };
            let last_signed_seen = machine.last_signed_by(&own);
            let peer = NodeId::new(self.keys.public(from));
            let height = self.nodes[from].height();
            let event = Event::Hello { peer, height, last_signed_seen };
            self.later(to, event);
        }
    }

    pub(crate) fn greet_all(&mut self) {
        for a in 0..self.nodes.len() {
            for b in 0..a {
                self.greet(a, b);
            }
        }
    }

    /// An event for a node after one network delay, never lost.
    pub(crate) fn later(&mut self, node: usize, event: Event) {
        let delay = self.links.delay();
        let life = self.nodes[node].life;
        self.at(delay, Happening::Step { node, life, event: Box::new(event) });
    }

    pub(crate) fn wall(&self, node: usize) -> u64 {
        (EPOCH_MS + self.now).saturating_add_signed(self.nodes[node].skew_ms)
    }

    fn pending(&self, node: usize) -> Pending {
        let applied = &self.nodes[node].app.applied;
        let open = |(number, tx): (usize, &RawTx)| {
            (!applied.contains(&tx.id())).then_some((number, tx.len()))
        };
        let mut pending = Pending::default();
        for (number, len) in self.pool.iter().enumerate().filter_map(open) {
            pending.txs += 1;
            pending.bytes += len as u64;
            pending.newest = number as u64 + 1;
        }
        pending
    }

    fn build(&mut self, node: usize, height: Height, view: View) {
        let applied = Arc::clone(&self.nodes[node].app.applied);
        let open = self.pool.iter().filter(|tx| !applied.contains(&tx.id()));
        let txs = open.take(20).cloned().collect();
        let wall_ms = self.wall(node);
        self.step(node, Event::Built { height, view, wall_ms, txs });
    }

    fn client(&mut self) {
        self.submit(Instruction::Nothing);
        if let Some((liar, Liar::Forges)) = self.script.liar {
            self.forge(liar);
        }
        let pause = self.load.within(150, 900);
        self.at(pause, Happening::Transaction);
    }

    fn submit(&mut self, instruction: Instruction) {
        self.pool.push(transaction(self.pool.len() as u64, instruction));
        for node in 0..self.nodes.len() {
            let delay = self.load.within(1, 10);
            self.at(delay, Happening::Mempool { node });
        }
    }

    /// Sends what a liar has to say beside its machine's messages.
    pub(crate) fn forge(&mut self, node: usize) {
        let key = Arc::clone(self.keys.private(node));
        let Some(machine) = &self.nodes[node].machine else { return };
        let forged = liar::forged_commit(machine, &key);
        let claim = Height(machine.height().0 + 1_000_000);
        if let Some(message) = forged {
            self.send_all(node, message, 0);
        }
        for to in 0..self.nodes.len() {
            if to != node && self.links.open(node, to) {
                let peer = NodeId::new(self.keys.public(node));
                self.later(to, Event::PeerHeight { peer, height: Some(claim) });
            }
        }
    }

    fn fault(&mut self, index: usize) {
        if self.links.calm {
            return;
        }
        let kind = self.script.faults[index].kind.clone();
        self.note(|| format!("fault  {kind:?}"));
        match kind {
            FaultKind::Crash { node, effects, down_ms, kept } => {
                self.nodes[node].crash_after = Some((effects, down_ms, kept));
            }
            FaultKind::CrashAfter { nodes, deed, down_ms } => {
                for (node, state) in self.nodes.iter_mut().enumerate() {
                    if nodes & (1 << node) != 0 {
                        state.crash_deed = Some((deed, down_ms));
                    }
                }
            }
            FaultKind::Pause { node, ms } => self.nodes[node].paused_until = self.now + ms,
            FaultKind::Cut { from, to, ms } => {
                self.links.cut(from, to, true);
                self.at(ms, Happening::Uncut { from, to });
            }
            FaultKind::Partition { group, ms } => {
                for (from, to) in [(group, !group), (!group, group)] {
                    self.links.cut(from, to, true);
                    self.at(ms, Happening::Uncut { from, to });
                }
            }
            FaultKind::SlowExecution { node, by_ms, ms } => {
                self.nodes[node].slow_ms = by_ms;
                self.at(ms, Happening::Unslow { node });
            }
            FaultKind::Clock { node, skew_ms } => self.nodes[node].skew_ms = skew_ms,
            FaultKind::Diverge { node } => self.nodes[node].diverged = true,
            FaultKind::Database { node, failures } => {
                self.nodes[node].database_failures = failures;
            }
            FaultKind::Disk { node, ms } => {
                self.step(node, Event::Disk { low: true });
                self.at(ms, Happening::DiskFree { node });
            }
            FaultKind::LogLost { node, down_ms } => {
                self.nodes[node].log_was_lost = true;
                self.crash(node, down_ms, 0);
                self.nodes[node].disk.lose_log();
            }
            FaultKind::ReplaceLeader { nodes, candidate, ahead } => {
                self.order_replacement(nodes, candidate, ahead);
            }
            FaultKind::Join { node } => self.submit(Instruction::Join(node)),
            FaultKind::Leave { node } => self.submit(Instruction::Leave(node)),
            FaultKind::Abort => {
                for node in 0..self.nodes.len() {
                    self.command(node, Command::Abort { drop: Vec::new() });
                }
            }
            FaultKind::Drain { node, down_ms } => {
                self.nodes[node].drain_down_ms = down_ms;
                self.command(node, Command::Drain);
            }
        }
    }

    fn command(&mut self, node: usize, command: Command) {
        self.step(node, Event::Operator { request: self.now, command });
    }

    fn order_replacement(&mut self, nodes: u32, candidate: usize, ahead: u64) {
        let height = self.nodes.iter().map(Node::height).max().unwrap_or_default();
        let candidate = self.keys.public(candidate);
        let from_height = Height(height.0 + ahead);
        for node in 0..self.nodes.len() {
            if nodes & (1 << node) != 0 && self.nodes[node].machine.is_some() {
                self.observer.ordered.insert((self.keys.public(node), candidate));
                self.command(node, Command::ReplaceLeader { candidate, from_height });
            }
        }
    }

    /// The end of all trouble: from here on the network has to recover.
    fn calm(&mut self) {
        self.note(|| "trouble is over".to_owned());
        self.links.heal();
        for node in 0..self.nodes.len() {
            let now = self.now;
            let state = &mut self.nodes[node];
            state.paused_until = now;
            state.skew_ms = 0;
            state.slow_ms = 0;
            state.database_failures = 0;
            state.crash_after = None;
            state.crash_deed = None;
            self.at(0, Happening::DiskFree { node });
            self.step(node, Event::Database { usable: true });
            self.at(1, Happening::Start { node });
        }
        self.greet_all();
        self.calm_height = Some(self.observer.committed.len() as u64);
        self.at(RECOVERY_MS, Happening::Deadline);
    }

    /// Nodes that must recover: running and not stopped for good.
    fn able(&self) -> Vec<usize> {
        let liar = self.script.liar.map(|(node, _)| node);
        let held =
            |node: &Node| matches!(node.machine.as_ref().map(Machine::phase), Some(Phase::Held(_)));
        let able = self.nodes.iter().enumerate().filter(|(_, node)| !held(node));
        able.map(|(index, _)| index).filter(|index| Some(*index) != liar).collect()
    }

    fn check_recovered(&mut self) {
        let Some(base) = self.calm_height else { return };
        let target = base + RECOVERY_BLOCKS;
        if self.able().iter().all(|node| self.nodes[*node].disk.height() >= target) {
            self.done = true;
        }
    }

    fn deadline(&mut self) {
        self.done = true;
        let able = self.able();
        let state = self.observer.committed.last().map_or(&self.genesis, |(_, state)| state);
        let voters = able.iter().filter(|node| {
            state.members.contains(node)
                && self.nodes[**node].machine.as_ref().is_some_and(Machine::ready)
        });
        let enough = voters.count() > state.members.len() / 2;
        // A lying validator may stop the network for good; it may not fork it unproven.
        let may_stall = self.script.liar.is_some_and(|(_, liar)| liar != Liar::Forges);
        if !enough || may_stall || self.observer.forked() {
            return;
        }
        let heights: Vec<_> = able.iter().map(|node| self.nodes[*node].disk.height()).collect();
        let base = self.calm_height.unwrap_or(0);
        let phases: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.machine.as_ref().map(|m| (m.phase().name(), m.view().0)))
            .collect();
        let detail =
            format!("heights {heights:?} {RECOVERY_MS} ms after height {base}, {phases:?}");
        self.fail(able.first().copied().unwrap_or(0), Invariant::Liveness, detail);
    }
}

impl Happening {
    /// The node that has to be running for it.
    const fn node(&self) -> Option<usize> {
        match self {
            Self::Step { node, .. }
            | Self::Tick { node, .. }
            | Self::Build { node, .. }
            | Self::Mempool { node }
            | Self::Fetch { node, .. }
            | Self::SyncRound { node, .. } => Some(*node),
            Self::Deliver { to, .. } => Some(*to),
            Self::Start { .. }
            | Self::Fault(_)
            | Self::Uncut { .. }
            | Self::Unslow { .. }
            | Self::DiskFree { .. }
            | Self::Transaction
            | Self::Calm
            | Self::Deadline => None,
        }
    }
}

/// One line about an event.
pub(crate) fn describe(event: &Event) -> String {
    match event {
        Event::Message { message, .. } => describe_message(message.message()),
        Event::Body(block) => format!("body of {}", block.hash().short()),
        Event::Built { height, view, txs, .. } => {
            format!("built {} txs for height {height} view {view}", txs.len())
        }
        Event::Executed { token, result } => {
            format!(
                "executed {token}: {}",
                result.as_ref().map_or("failed".to_owned(), Hash::short)
            )
        }
        Event::Committed { height, .. } => format!("committed {height}"),
        Event::Synced { announce, .. } => format!("synced {}", announce.certificate.height()),
        Event::Hello { height, last_signed_seen, .. } => {
            format!("hello at {height}, {last_signed_seen:?}")
        }
        Event::PeerHeight { height, .. } => format!("peer at {height:?}"),
        Event::Pending(pending) => format!("mempool {} txs", pending.txs),
        other => format!("{other:?}"),
    }
}

pub(crate) fn describe_message(message: &Message) -> String {
    let view = message.view().map_or(String::new(), |view| format!(" view {view}"));
    let block = match message {
        Message::Proposal(proposal) => {
            format!(" block {}", proposal.signed.body.block_hash.short())
        }
        Message::Vote(vote) => {
            format!(" block {} app {}", vote.body.block_hash.short(), vote.body.app_hash.short())
        }
        Message::ViewChange(change) => match change.signed.body.vote {
            Some(vote) => format!(" voted {} in {}", vote.block_hash.short(), vote.view),
            None => " no vote".to_owned(),
        },
        Message::Nack(nack) => format!(" {:?}", nack.reason),
        _ => String::new(),
    };
    let signer =
        message.signer().map_or(String::new(), |key| format!(" of {}", NodeId::new(key).short()));
    format!("{:?} height {}{view}{block}{signer}", message.kind(), message.height())
}

fn deed_of(effect: &Effect) -> Option<Deed> {
    match effect {
        Effect::Persist(_) => Some(Deed::Persist),
        Effect::Commit { .. } => Some(Deed::Commit),
        Effect::Broadcast { message: Message::Proposal(_), .. } => Some(Deed::Proposal),
        Effect::Broadcast { message: Message::Vote(_), .. } => Some(Deed::Vote),
        Effect::Broadcast { message: Message::ViewChange(_), .. } => Some(Deed::ViewChange),
        _ => None,
    }
}

fn event_code(event: &Event) -> u64 {
    match event {
        Event::Message { message, .. } => 100 + message.message().kind() as u64,
        Event::Start => 1,
        Event::Tick => 2,
        Event::Hello { .. } => 3,
        Event::PeerHeight { .. } => 4,
        Event::Pending(pending) => 1000 + pending.txs,
        Event::Built { .. } => 6,
        Event::Body(_) => 7,
        Event::BodyInvalid { .. } => 8,
        Event::Executed { token, .. } => 10_000 + token,
        Event::Committed { .. } => 10,
        Event::StartSync => 11,
        Event::Synced { .. } => 12,
        Event::Diverged { .. } => 13,
        Event::SyncDone => 14,
        Event::ClaimRefuted { .. } => 15,
        Event::ForkFound(_) => 16,
        Event::Database { .. } => 17,
        Event::Disk { .. } => 18,
        Event::Operator { .. } => 19,
        Event::Slow { token } => 20_000 + token,
    }
}
