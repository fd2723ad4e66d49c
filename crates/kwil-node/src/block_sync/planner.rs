//! The decisions of block sync.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_crypto::{Hash, NodeId};
use kwil_types::Height;

use super::claims::Claims;
use super::pace::Pace;
use super::step::{Action, Candidate, Fault, Input, RequestId, Verdict};

/// Bounds of a sync.
#[derive(Clone, Debug)]
pub(crate) struct SyncLimits {
    /// Heights ahead of the executed one.
    pub(crate) window: u64,
    /// Bytes ahead of the executed block.
    pub(crate) window_bytes: usize,
    /// Open answers of one peer.
    pub(crate) per_peer: usize,
    /// Blocks of one answer.
    pub(crate) count: u32,
    /// Bytes of one answer.
    pub(crate) max_bytes: u32,
    /// Blocks under one fsync.
    pub(crate) append: usize,
    /// An answer without a block for this long is taken from its peer.
    pub(crate) idle: Duration,
}

impl Default for SyncLimits {
    fn default() -> Self {
        Self {
            window: 64,
            window_bytes: 32 * 1024 * 1024,
            per_peer: 4,
            count: 16,
            max_bytes: 8 * 1024 * 1024,
            append: 64,
            idle: Duration::from_secs(10),
        }
    }
}

/// Where the node stands: its newest executed block, which is also the newest in the block log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncTip {
    /// Height of that block.
    pub(crate) height: Height,
    /// Its hash; zero before the first block.
    pub(crate) hash: Hash,
    /// Hash of the validator set of the next height.
    pub(crate) next_validators: Hash,
}

#[derive(Clone, Debug)]
struct Answer {
    peer: NodeId,
    from: Height,
    next: Height,
    count: u32,
    reserved: usize,
    bytes: usize,
    asked: Instant,
    heard: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Not asked for yet.
    Open,
    Running(u64),
    Good,
}

#[derive(Clone, Debug)]
struct Held {
    candidate: Arc<Candidate>,
    from: NodeId,
    body: Check,
    certificate: Check,
}

/// The state of one sync. Pure: equal inputs at equal times give equal actions.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    limits: SyncLimits,
    executed: SyncTip,
    /// Newest block handed to the log, and its hash.
    appended: Height,
    appended_hash: Hash,
    /// Newest block known to be on disk.
    synced: Height,
    executing: bool,
    claims: Claims,
    answers: BTreeMap<RequestId, Answer>,
    /// Blocks that came and are not in the log.
    held: BTreeMap<Height, Held>,
    /// Blocks in the log that are not executed, or on their way there.
    logged: BTreeMap<Height, Arc<Candidate>>,
    /// Who delivered a height badly last time, to ask somebody else.
    avoid: BTreeMap<Height, NodeId>,
    next_request: u64,
    next_token: u64,
    block_bytes: usize,
    pace: Pace,
    over: bool,
}

impl Planner {
    /// A sync from `tip` on, with the claims of the peers that are connected now: base and height of each. It ends with
    /// [`Action::Done`] or [`Action::Fork`]; a later one is a new value. The first [`Input::Tick`] sets it going.
    pub(crate) fn new(
        limits: SyncLimits,
        tip: SyncTip,
        peers: &[(NodeId, Height, Height)],
        now: Instant,
    ) -> Self {
        let mut claims = Claims::default();
        for (peer, base, height) in peers {
            claims.set(*peer, *base, *height);
        }
        Self {
            limits,
            executed: tip,
            appended: tip.height,
            appended_hash: tip.hash,
            synced: tip.height,
            executing: false,
            claims,
            answers: BTreeMap::new(),
            held: BTreeMap::new(),
            logged: BTreeMap::new(),
            avoid: BTreeMap::new(),
            next_request: 0,
            next_token: 0,
            block_bytes: 1024,
            pace: Pace::new(tip.height, now),
            over: false,
        }
    }

    /// Applies one input and returns what to do, in order.
    pub(crate) fn step(&mut self, input: Input, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.over {
            return actions;
        }
        match input {
            Input::Peer { peer, base, height } => self.claims.set(peer, base, height),
            Input::PeerGone(peer) => {
                self.drop_answers(&peer);
                self.claims.remove(&peer);
            }
            Input::Block { request, candidate } => {
                self.on_block(request, *candidate, now, &mut actions)
            }
            Input::Garbage { request, fault } => {
                if let Some(answer) = self.answers.get(&request) {
                    let peer = answer.peer;
                    self.blame(peer, fault, &mut actions);
                }
            }
            Input::Ended(request) => self.on_ended(request, now, &mut actions),
            Input::Failed(request) => self.on_failed(request, now),
            Input::Checked { token, verdict } => self.on_checked(token, verdict, &mut actions),
            Input::Appended(height) => self.on_appended(height),
            Input::Executed { height, next_validators } => {
                self.on_executed(height, next_validators, now)
            }
            Input::Tick => self.on_tick(now, &mut actions),
        }
        self.proceed(now, &mut actions);
        actions
    }

    /// Highest believed height, at least the executed one.
    pub(crate) fn target(&self, now: Instant) -> Height {
        self.claims.best(now).max(self.executed.height)
    }

    fn on_block(
        &mut self,
        request: RequestId,
        candidate: Candidate,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        // Cancelled or given to another peer in the meantime.
        let Some(answer) = self.answers.get_mut(&request) else { return };
        let (peer, want, got) = (answer.peer, answer.next, candidate.height());
        if got != want || want.since(answer.from) >= u64::from(answer.count) {
            self.blame(peer, Fault::Order { want, got }, actions);
            return;
        }
        answer.next = want.next();
        answer.heard = now;
        let bytes = candidate.bytes();
        answer.bytes = answer.bytes.saturating_add(bytes);
        answer.reserved = answer.reserved.saturating_sub(bytes);
        self.block_bytes = self.block_bytes.saturating_mul(7).saturating_add(bytes) / 8;
        let certificate = &candidate.certificate;
        if certificate.block_hash() != candidate.block.hash() || certificate.height() != got {
            self.blame(peer, Fault::Certificate("it is for another block".to_owned()), actions);
            return;
        }
        self.claims.backed(&peer);
        if got <= self.appended || self.held.contains_key(&got) || self.logged.contains_key(&got) {
            return;
        }
        let candidate = Arc::new(candidate);
        let token = self.token();
        actions.push(Action::CheckBody { token, candidate: Arc::clone(&candidate) });
        let held =
            Held { candidate, from: peer, body: Check::Running(token), certificate: Check::Open };
        self.held.insert(got, held);
    }

    fn on_ended(&mut self, request: RequestId, now: Instant, actions: &mut Vec<Action>) {
        let Some(answer) = self.close(request, now) else { return };
        // Fewer blocks than asked for is fine; none at all contradicts the claim.
        if answer.next == answer.from {
            self.claims.refute(&answer.peer, answer.from, now);
            actions.push(Action::Refuted(answer.peer));
        }
    }

    fn on_failed(&mut self, request: RequestId, now: Instant) {
        if let Some(answer) = self.close(request, now) {
            self.avoid.insert(answer.next, answer.peer);
            self.claims.pause(&answer.peer, now);
        }
    }

    fn close(&mut self, request: RequestId, now: Instant) -> Option<Answer> {
        let answer = self.answers.remove(&request)?;
        self.claims.answered(
            &answer.peer,
            answer.bytes,
            now.saturating_duration_since(answer.asked),
        );
        Some(answer)
    }

    fn on_checked(&mut self, token: u64, verdict: Verdict, actions: &mut Vec<Action>) {
        let found = self.held.values_mut().find_map(|held| {
            let from = held.from;
            [&mut held.body, &mut held.certificate]
                .into_iter()
                .find(|check| **check == Check::Running(token))
                .map(|check| (check, from))
        });
        // A block that was thrown away while it was checked.
        let Some((check, from)) = found else { return };
        match verdict {
            Verdict::Good => *check = Check::Good,
            Verdict::Bad(fault) => self.blame(from, fault, actions),
        }
    }

    fn on_appended(&mut self, height: Height) {
        if height <= self.appended {
            self.synced = self.synced.max(height);
        }
    }

    fn on_executed(&mut self, height: Height, next_validators: Hash, now: Instant) {
        if height != self.executed.height.next() {
            return;
        }
        let Some(done) = self.logged.remove(&height) else { return };
        self.executing = false;
        if next_validators != self.executed.next_validators {
            self.judge_again();
        }
        self.executed = SyncTip { height, hash: done.block.hash(), next_validators };
        self.pace.moved(now);
    }

    /// The validator set changed: verdicts under the old one do not count for later heights.
    fn judge_again(&mut self) {
        for held in self.held.values_mut() {
            held.certificate = Check::Open;
        }
    }

    fn on_tick(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let idle =
            |answer: &Answer| now.saturating_duration_since(answer.heard) >= self.limits.idle;
        let slow: Vec<RequestId> =
            self.answers.iter().filter(|(_, answer)| idle(answer)).map(|(id, _)| *id).collect();
        let silent = self.claims.refute_silent(self.executed.height.next(), now);
        actions.extend(silent.into_iter().map(Action::Refuted));
        for request in slow {
            actions.push(Action::Cancel(request));
            self.on_failed(request, now);
        }
        if self.pace.stalled(now) {
            let height = self.executed.height;
            let open = self.answers.values().map(|answer| (answer.peer, answer.next)).collect();
            actions.push(Action::Stalled {
                height,
                peers: self.claims.holders(height.next(), now),
                open,
            });
        }
    }

    /// Throws away what a peer sent and has open; others are asked again.
    fn blame(&mut self, peer: NodeId, fault: Fault, actions: &mut Vec<Action>) {
        actions.extend(self.drop_answers(&peer).into_iter().map(Action::Cancel));
        let wrong: Vec<Height> = self
            .held
            .iter()
            .filter(|(_, held)| held.from == peer)
            .map(|(height, _)| *height)
            .collect();
        for height in wrong {
            self.held.remove(&height);
        }
        self.claims.remove(&peer);
        actions.push(Action::Punish { peer, fault });
    }

    fn drop_answers(&mut self, peer: &NodeId) -> Vec<RequestId> {
        let open = self.answers.iter().filter(|(_, answer)| answer.peer == *peer);
        let open: Vec<RequestId> = open.map(|(request, _)| *request).collect();
        for request in &open {
            self.answers.remove(request);
        }
        open
    }

    fn token(&mut self) -> u64 {
        self.next_token = self.next_token.saturating_add(1);
        self.next_token
    }

    /// Everything that has become possible.
    fn proceed(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.check_certificates(actions);
        self.append(actions);
        if self.over {
            return;
        }
        self.execute(actions);
        self.fetch(now, actions);
        let (height, target) = (self.executed.height, self.claims.best(now));
        let peers = self.claims.count();
        actions
            .extend(self.pace.report(height, target.max(height), peers, now).map(Action::Report));
        if self.is_idle() && self.is_close(now) {
            self.over = true;
            actions.push(Action::Done);
        }
    }

    fn is_idle(&self) -> bool {
        self.answers.is_empty() && self.held.is_empty() && self.logged.is_empty()
    }

    /// At most one block is missing: a live node gets that one from consensus.
    fn is_close(&self, now: Instant) -> bool {
        self.claims.best(now) <= self.executed.height.next()
    }

    /// A certificate can be judged when the set of its height is known: that of the next height, as long as the header
    /// names the same.
    fn check_certificates(&mut self, actions: &mut Vec<Action>) {
        let (set, next) = (self.executed.next_validators, self.executed.height.next());
        let mut token = self.next_token;
        for (height, held) in &mut self.held {
            let known = held.candidate.block.header().validators_hash == set || *height == next;
            if held.certificate == Check::Open && known {
                token = token.saturating_add(1);
                held.certificate = Check::Running(token);
                actions.push(Action::CheckCertificate {
                    token,
                    candidate: Arc::clone(&held.candidate),
                });
            }
        }
        self.next_token = token;
    }

    fn append(&mut self, actions: &mut Vec<Action>) {
        if self.synced < self.appended {
            return;
        }
        let mut batch = Vec::new();
        while batch.len() < self.limits.append {
            let next = self.appended.next();
            let ready = |held: &Held| held.body == Check::Good && held.certificate == Check::Good;
            if !self.held.get(&next).is_some_and(ready) {
                break;
            }
            let Some(held) = self.held.remove(&next) else { break };
            let theirs = held.candidate.block.header().prev_hash;
            if theirs != self.appended_hash {
                self.over = true;
                actions.push(Action::Fork { height: next, ours: self.appended_hash, theirs });
                return;
            }
            self.appended = next;
            self.appended_hash = held.candidate.block.hash();
            self.avoid.remove(&next);
            self.logged.insert(next, Arc::clone(&held.candidate));
            batch.push(held.candidate);
        }
        if !batch.is_empty() {
            actions.push(Action::Append(batch));
        }
    }

    fn execute(&mut self, actions: &mut Vec<Action>) {
        let next = self.executed.height.next();
        if self.executing || next > self.synced {
            return;
        }
        if let Some(candidate) = self.logged.get(&next) {
            self.executing = true;
            actions.push(Action::Execute(Arc::clone(candidate)));
        }
    }

    fn fetch(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.is_close(now) {
            return;
        }
        while let Some(from) = self.first_missing(now) {
            let Some(max_bytes) = self.budget() else { return };
            let avoid = self.avoid.get(&from).copied();
            let Some(peer) = self.claims.choose(from, self.limits.per_peer, avoid, now) else {
                return;
            };
            let count = self.run_of_missing(from, now).min(self.claims.reach(
                &peer,
                from,
                self.limits.count,
                now,
            ));
            if count == 0 {
                return;
            }
            let request = RequestId(self.next_request);
            self.next_request = self.next_request.saturating_add(1);
            let reserved = usize::try_from(max_bytes).unwrap_or(usize::MAX);
            let answer = Answer {
                peer,
                from,
                next: from,
                count,
                reserved,
                bytes: 0,
                asked: now,
                heard: now,
            };
            self.answers.insert(request, answer);
            self.claims.asked(&peer, now);
            actions.push(Action::Fetch { request, peer, from, count, max_bytes });
        }
    }

    fn window_end(&self, now: Instant) -> Height {
        self.executed.height.saturating_add(self.limits.window).min(self.claims.best(now))
    }

    fn is_wanted(&self, height: Height) -> bool {
        let asked = |answer: &Answer| {
            answer.next <= height
                && height.since(answer.from) < u64::from(answer.count)
                && answer.from <= height
        };
        height > self.appended
            && !self.held.contains_key(&height)
            && !self.answers.values().any(asked)
    }

    fn first_missing(&self, now: Instant) -> Option<Height> {
        let end = self.window_end(now);
        let mut height = self.appended.next();
        while height <= end {
            if self.is_wanted(height) && !self.claims.holders(height, now).is_empty() {
                return Some(height);
            }
            height = height.next();
        }
        None
    }

    fn run_of_missing(&self, from: Height, now: Instant) -> u32 {
        let end = self.window_end(now);
        let mut count = 0u32;
        let mut height = from;
        while height <= end && count < self.limits.count && self.is_wanted(height) {
            count = count.saturating_add(1);
            height = height.next();
        }
        count
    }

    /// Bytes that the next answer may have; `None` when blocks wait that must be worked off first.
    fn budget(&self) -> Option<u32> {
        let held: usize = self.held.values().map(|held| held.candidate.bytes()).sum();
        let logged: usize = self.logged.values().map(|candidate| candidate.bytes()).sum();
        let reserved: usize = self.answers.values().map(|answer| answer.reserved).sum();
        let used = held.saturating_add(logged).saturating_add(reserved);
        let free = self.limits.window_bytes.saturating_sub(used);
        let usual = self.block_bytes.saturating_mul(self.limits.count as usize).saturating_mul(2);
        let wish = usual.clamp(256 * 1024, self.limits.max_bytes as usize);
        // With nothing under way one answer is always allowed: a single block may be larger than the window.
        let allowed = if used == 0 { wish } else { wish.min(free) };
        let enough = used == 0 || allowed >= self.block_bytes;
        u32::try_from(allowed).ok().filter(|allowed| enough && *allowed > 0)
    }
}
