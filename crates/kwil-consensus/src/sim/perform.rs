//! The simulated driver: performs effects, delivers messages, fetches, syncs, crashes.

use std::sync::Arc;

use kwil_crypto::{Hash, NodeId};
use kwil_types::{Block, CommitCertificate, Height};

use super::check::Invariant;
use super::liar;
use super::network::{Envelope, without_body};
use super::node::Running;
use super::script::{Deed, Liar};
use super::world::{Happening, World, describe_message};
use crate::effect::{Effect, Notice, Trigger};
use crate::event::{Event, ExecutionFailure};
use crate::flood::worth_forwarding;
use crate::held::HeldReason;
use crate::machine::{Machine, Phase};
use crate::message::{CommitAnnounce, Message};
use crate::time::Millis;

impl World {
    /// Counts down to a planned crash.
    pub(crate) fn dies_before_effect(&mut self, node: usize) -> bool {
        let Some((left, down_ms, kept)) = self.nodes[node].crash_after else { return false };
        if left > 0 {
            self.nodes[node].crash_after = Some((left - 1, down_ms, kept));
            return false;
        }
        self.crash(node, down_ms, kept);
        true
    }

    /// A planned crash after something was done.
    pub(crate) fn dies_after_deed(&mut self, node: usize, deed: Option<Deed>) {
        let planned = self.nodes[node].crash_deed;
        if let Some((last, down_ms)) = planned
            && Some(last) == deed
        {
            self.crash(node, down_ms, 0);
        }
    }

    pub(crate) fn crash(&mut self, node: usize, down_ms: u64, kept: usize) {
        self.note(|| format!("node {node}  dies for {down_ms} ms"));
        let state = &mut self.nodes[node];
        state.machine = None;
        state.running = None;
        state.crash_after = None;
        state.crash_deed = None;
        state.life += 1;
        state.disk.crash(kept);
        let key = self.keys.public(node);
        for other in 0..self.nodes.len() {
            if other != node && self.links.open(node, other) {
                self.later(other, Event::PeerHeight { peer: NodeId::new(key), height: None });
            }
        }
        self.at(down_ms, Happening::Start { node });
    }

    pub(crate) fn perform(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Persist(records) => self.nodes[node].disk.persist(records),
            Effect::Append(records) => self.nodes[node].disk.append(records),
            Effect::Broadcast { message, resend } => self.speak(node, None, message, resend),
            Effect::Send { to, message, resend } => {
                if let Some(to) = self.keys.index(to.public_key()) {
                    self.speak(node, Some(to), message, resend);
                }
            }
            Effect::Announce(announce) => self.announce(node, &announce),
            Effect::SendCommit { to, height } => {
                if let Some(to) = self.keys.index(to.public_key()) {
                    self.serve_commit(node, to, height);
                }
            }
            Effect::RequestCertificate { height, peer } => self.ask_commit(node, peer, height),
            Effect::BuildBlock { height, view, .. } => {
                let life = self.nodes[node].life;
                let delay = self.rng.within(1, 3);
                self.at(delay, Happening::Build { node, life, height, view });
            }
            Effect::FetchBody { block, from, .. } => {
                let from = from.iter().filter_map(|id| self.keys.index(id.public_key())).collect();
                let life = self.nodes[node].life;
                self.at(0, Happening::Fetch { node, life, block, from, round: 0 });
            }
            Effect::Execute { token, block } => self.execute(node, token, &block),
            Effect::Cancel { token } => {
                let running = &mut self.nodes[node].running;
                if running.as_ref().is_some_and(|running| running.token == token) {
                    *running = None;
                }
            }
            Effect::Commit { token, block, certificate } => {
                self.commit(node, token, &block, certificate);
            }
            Effect::EnterSync { .. } => {
                let life = self.nodes[node].life;
                self.at(5, Happening::SyncRound { node, life });
            }
            Effect::StoreEvidence(evidence) => {
                if self.script.liar.map(|(liar, _)| liar) != Some(node) {
                    self.observer.accused.push(evidence.accused());
                }
            }
            Effect::StoreDirective(directive) => self.nodes[node].disk.directive = directive,
            Effect::Hold(reason) => self.held(node, reason),
            Effect::Unhold => self.nodes[node].disk.held = None,
            Effect::Drained => {
                let down_ms = self.nodes[node].drain_down_ms;
                self.crash(node, down_ms, usize::MAX);
            }
            Effect::Notice(notice) => self.notice(node, &notice),
            Effect::NoteBest(_) | Effect::DropTransactions { .. } | Effect::Reply { .. } => {}
        }
    }

    fn notice(&mut self, node: usize, notice: &Notice) {
        self.note(|| format!("node {node}    {notice:?}"));
        let Notice::NewView { view, trigger, .. } = notice else { return };
        let timed = matches!(
            trigger,
            Trigger::LeaderSilent
                | Trigger::NoProposal
                | Trigger::NoQuorum
                | Trigger::ViewTimeout
                | Trigger::BadProposal
        );
        let Some(machine) = &self.nodes[node].machine else { return };
        let (alive, quorum) = (machine.alive_count(Millis(self.now)), machine.quorum());
        if timed && alive < quorum {
            let detail = format!("view {view} entered with {alive} of {quorum} alive");
            self.fail(node, Invariant::QuietMinority, detail);
        }
        if timed && self.nodes[node].executing_before {
            let detail = format!("view {view} entered by a timer while a block was executing");
            self.fail(node, Invariant::PatientExecution, detail);
        }
        let jump = view.0.saturating_sub(self.nodes[node].view_before);
        self.nodes[node].view_before = view.0;
        if jump > (1 << 20) + 1000 {
            let detail =
                format!("view {view} entered, {jump} views on, because one validator named it");
            self.fail(node, Invariant::Bounded, detail);
        }
    }

    /// Held without a cause is as bad as a crash.
    fn held(&mut self, node: usize, reason: HeldReason) {
        self.note(|| format!("node {node}    held: {reason}"));
        let cause = match &reason {
            HeldReason::Database { .. } | HeldReason::Disk => true,
            HeldReason::Diverged { .. } => self.nodes[node].diverged,
            HeldReason::Nondeterminism { .. } => self.nodes[node].diverged,
            HeldReason::NoAppHashMajority { .. } => self.nodes.iter().any(|node| node.diverged),
            HeldReason::Fork { .. } | HeldReason::Equivocation { .. } | HeldReason::KeyInUse => {
                false
            }
        };
        let excuse = self.script.liar.is_some_and(|(_, liar)| liar != Liar::Forges);
        if !cause && !excuse {
            self.fail(node, Invariant::Contract, format!("held without a cause: {reason}"));
        }
        if reason.is_durable() {
            self.nodes[node].disk.held = Some(reason);
        }
    }

    /// A machine says something; liars say something else.
    fn speak(&mut self, node: usize, to: Option<usize>, message: Message, resend: u32) {
        let state = &self.nodes[node];
        if let Some(machine) = &state.machine
            && let Err((invariant, detail)) = self.observer.sent(machine, &state.disk, &message)
        {
            return self.fail(node, invariant, detail);
        }
        match self.script.liar {
            Some((liar, kind)) if liar == node && !self.links.calm => {
                let key = Arc::clone(self.keys.private(node));
                let Some(machine) = &self.nodes[node].machine else { return };
                for (lie, parity) in liar::falsify(kind, &message, machine, &key) {
                    self.transmit(node, to, parity, lie, resend);
                }
            }
            Some(_) | None => self.transmit(node, to, None, message, resend),
        }
    }

    pub(crate) fn send_all(&mut self, node: usize, message: Message, resend: u32) {
        self.transmit(node, None, None, message, resend);
    }

    fn transmit(
        &mut self,
        node: usize,
        to: Option<usize>,
        parity: Option<usize>,
        mut message: Message,
        resend: u32,
    ) {
        if let Message::Proposal(proposal) = &message
            && self.links.loses_body()
        {
            message = Message::Proposal(without_body(proposal));
        }
        self.note(|| format!("node {node}    sends {} to {to:?}", describe_message(&message)));
        let set = Arc::clone(&self.nodes[node].app.next().validators);
        let Some(envelope) = Envelope::seal(message, resend, self.chain, &set) else { return };
        self.nodes[node].relayed.insert(envelope.key);
        for receiver in 0..self.nodes.len() {
            let meant = to.is_none_or(|to| to == receiver)
                && parity.is_none_or(|parity| receiver % 2 == parity);
            if receiver != node && meant {
                self.carry(node, receiver, &envelope);
            }
        }
    }

    fn carry(&mut self, from: usize, to: usize, envelope: &Arc<Envelope>) {
        if !self.links.open(from, to) {
            return;
        }
        for delay in self.links.arrivals() {
            self.at(delay, Happening::Deliver { to, from, envelope: Arc::clone(envelope) });
        }
    }

    /// Hands a message to a machine and passes it on once.
    pub(crate) fn deliver(&mut self, to: usize, from: usize, envelope: &Arc<Envelope>) {
        let Some(machine) = &self.nodes[to].machine else { return };
        let message = envelope.message();
        let tip = machine.tip().height;
        let worth = worth_forwarding(message, tip, &machine.next().validators);
        let hop = !matches!(message, Message::Heartbeat(_)) || !machine.is_validator();
        let own = envelope.signer == Some(self.keys.public(to));
        if worth && hop && !own && self.nodes[to].relayed.insert(envelope.key) {
            for next in 0..self.nodes.len() {
                if next != to && next != from {
                    self.carry(to, next, envelope);
                }
            }
        }
        if self.nodes[to].relayed.len() > 16_384 {
            self.nodes[to].relayed.pop_first();
        }
        let wall_ms = self.wall(to);
        let peer = NodeId::new(self.keys.public(from));
        let message = envelope.verified.clone();
        self.step(to, Event::Message { from: peer, message, wall_ms });
    }

    fn announce(&mut self, node: usize, announce: &Arc<CommitAnnounce>) {
        let height = announce.certificate.height();
        for other in 0..self.nodes.len() {
            if other != node && self.nodes[other].height() < height {
                let message = Message::Commit(Arc::clone(announce));
                self.transmit(node, Some(other), None, message, 0);
            }
        }
    }

    fn serve_commit(&mut self, node: usize, to: usize, height: Height) {
        let index = (height.0 as usize).wrapping_sub(1);
        if let Some((_, announce)) = self.nodes[node].disk.blocks.get(index) {
            let message = Message::Commit(Arc::clone(announce));
            self.transmit(node, Some(to), None, message, 0);
        }
    }

    fn ask_commit(&mut self, node: usize, peer: NodeId, height: Height) {
        let Some(peer) = self.keys.index(peer.public_key()) else { return };
        let up = self.nodes[peer].machine.is_some();
        if peer != node && up && self.links.both_ways(node, peer) {
            self.serve_commit(peer, node, height);
        }
    }

    fn execute(&mut self, node: usize, token: u64, block: &Arc<Block>) {
        let state = &self.nodes[node];
        let after = state.app.execute(block, &self.keys);
        let quick = self.rng.within(1, self.links.network.execution_ms);
        let delay = quick + self.nodes[node].slow_ms;
        let result = if self.nodes[node].database_failures > 0 {
            self.nodes[node].database_failures -= 1;
            Err(ExecutionFailure::Database("connection lost".to_owned()))
        } else {
            Ok(self.nodes[node].result(&after))
        };
        let finished = result.is_ok();
        self.nodes[node].running = Some(Running { token, after, finished });
        let life = self.nodes[node].life;
        let event = Box::new(Event::Executed { token, result });
        self.at(delay, Happening::Step { node, life, event });
    }

    /// Block log, then database; the process may die between any two effects but not within one.
    fn commit(
        &mut self,
        node: usize,
        token: u64,
        block: &Arc<Block>,
        certificate: CommitCertificate,
    ) {
        let running = self.nodes[node].running.take();
        let Some(running) = running.filter(|running| running.token == token && running.finished)
        else {
            let detail = "commit of a block that is not executed".to_owned();
            return self.fail(node, Invariant::Contract, detail);
        };
        let height = certificate.height();
        if height.0 != self.nodes[node].disk.height() + 1 {
            return self.fail(node, Invariant::Monotone, format!("commit of height {height}"));
        }
        if let Err((invariant, detail)) = self.observer.commits(block, &certificate, &self.keys) {
            return self.fail(node, invariant, detail);
        }
        let announce = Arc::new(CommitAnnounce {
            header: block.header().clone(),
            block_signature: *block.signature(),
            certificate,
        });
        self.nodes[node].disk.blocks.push((Arc::clone(block), announce));
        self.nodes[node].app = running.after;
        let next = self.nodes[node].app.next();
        let life = self.nodes[node].life;
        let delay = self.rng.within(1, 3);
        let event = Box::new(Event::Committed { height, next });
        self.at(delay, Happening::Step { node, life, event });
        self.at(delay + 1, Happening::Mempool { node });
        self.tell_height(node);
    }

    fn tell_height(&mut self, node: usize) {
        let peer = NodeId::new(self.keys.public(node));
        let height = Some(self.nodes[node].height());
        for other in 0..self.nodes.len() {
            if other != node && self.links.open(node, other) {
                self.later(other, Event::PeerHeight { peer, height });
            }
        }
    }

    pub(crate) fn fetch_round(&mut self, node: usize, block: Hash, from: Vec<usize>, round: usize) {
        let Some(machine) = &self.nodes[node].machine else { return };
        if *machine.phase() != Phase::Fetch(block) {
            return;
        }
        let mut order = from.clone();
        order.extend((0..self.nodes.len()).filter(|other| !from.contains(other)));
        let peer = order[round % order.len()];
        let up = peer != node && self.links.both_ways(node, peer);
        if up && let Some(body) = self.nodes[peer].has_body(&block) {
            self.later(node, Event::Body(body));
        }
        let life = self.nodes[node].life;
        self.at(200, Happening::Fetch { node, life, block, from, round: round + 1 });
    }

    pub(crate) fn sync_round(&mut self, node: usize) {
        let syncing = |machine: &Machine| *machine.phase() == Phase::Sync;
        if !self.nodes[node].machine.as_ref().is_some_and(syncing) {
            return;
        }
        let own = self.nodes[node].disk.height();
        let peers = (0..self.nodes.len()).filter(|peer| {
            *peer != node
                && self.nodes[*peer].machine.is_some()
                && self.links.both_ways(node, *peer)
        });
        let ahead = peers.max_by_key(|peer| self.nodes[*peer].disk.height());
        let source = ahead.filter(|peer| self.nodes[*peer].disk.height() > own);
        let life = self.nodes[node].life;
        let Some(source) = source else {
            if let Some((liar, Liar::Forges)) = self.script.liar
                && liar != node
            {
                let peer = NodeId::new(self.keys.public(liar));
                self.step(node, Event::ClaimRefuted { peer });
            }
            return self.at(0, Happening::Step { node, life, event: Box::new(Event::SyncDone) });
        };
        let (block, announce) = self.nodes[source].disk.blocks[own as usize].clone();
        self.sync_block(node, &block, announce);
        self.at(3, Happening::SyncRound { node, life });
    }

    fn sync_block(&mut self, node: usize, block: &Arc<Block>, announce: Arc<CommitAnnounce>) {
        let certificate = announce.certificate.clone();
        let set = self.nodes[node].app.next().validators;
        if certificate.verify(self.chain, &set).is_err() {
            return;
        }
        let after = self.nodes[node].app.execute(block, &self.keys);
        let own = self.nodes[node].result(&after);
        if own != certificate.app_hash() {
            let (height, block) = (certificate.height(), block.hash());
            let certified = certificate.app_hash();
            return self.step(node, Event::Diverged { height, block, certified, own });
        }
        if let Err((invariant, detail)) = self.observer.commits(block, &certificate, &self.keys) {
            return self.fail(node, invariant, detail);
        }
        self.nodes[node].disk.blocks.push((Arc::clone(block), Arc::clone(&announce)));
        self.nodes[node].app = after;
        self.tell_height(node);
        let next = self.nodes[node].app.next();
        self.step(node, Event::Synced { announce, next });
        self.at(1, Happening::Mempool { node });
    }
}
