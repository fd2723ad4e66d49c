//! Starting: from what is on disk to a machine, and from a machine at rest to one that takes part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kwil_crypto::{Hash, PrivateKey};
use kwil_types::{Block, Height, SignedProposal, ValidatorSet, View};

use crate::buffer::Buffer;
use crate::config::Config;
use crate::directive::{Directive, Directives};
use crate::effect::Effect;
use crate::height::{Committee, NextHeight, Tip};
use crate::held::HeldReason;
use crate::leader::Reliability;
use crate::machine::{Cx, Machine, OwnVote, Phase};
use crate::message::{Message, Proposal};
use crate::mutation::Mutation;
use crate::mute::{Gate, Mute};
use crate::record::Record;
use crate::signer::Signer;
use crate::sync::Lag;
use crate::tally::Tally;
use crate::time::Millis;

/// What the consensus log was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogState {
    /// Created by this start, and there are no blocks: a new node of a new network.
    Created,
    /// Found and read.
    Continued,
    /// Missing or of another chain although blocks exist: this node forgot what it signed.
    Lost,
}

/// Everything that outlives a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Genesis hash.
    pub chain_hash: Hash,
    /// Committed end of the chain, block log and database agreeing.
    pub tip: Tip,
    /// Validators of the tip's height, if there is a block.
    pub tip_set: Option<Arc<ValidatorSet>>,
    /// What is in force at the next height.
    pub next: NextHeight,
    /// Records of the consensus log in order; those of other heights are ignored.
    pub records: Vec<Record>,
    /// What the log was found to be.
    pub log: LogState,
    /// Content of `consensus/held.json`.
    pub held: Option<HeldReason>,
    /// Content of `leader-updates.json`.
    pub directive: Option<Directive>,
    /// Wall clock of the start, Unix milliseconds: the base of heartbeat sequences.
    pub wall_ms: u64,
}

/// Promise, votes and candidates of one height.
#[derive(Debug, Default)]
struct Replayed {
    promise: View,
    votes: Vec<OwnVote>,
    bodies: BTreeMap<Hash, Arc<Block>>,
    logged: BTreeSet<(View, Hash)>,
    offers: BTreeMap<View, SignedProposal>,
    /// No record of the height was found.
    unlogged: bool,
}

/// Repetitions of this process must differ from those of an earlier one, or relays drop them.
fn first_resend(wall_ms: u64) -> u32 {
    let seconds = wall_ms.checked_div(1000).unwrap_or(0) & 0x7fff_ffff;
    u32::try_from(seconds).unwrap_or(0)
}

fn replay(records: Vec<Record>, height: Height, config: &Config) -> Replayed {
    let mut found = Replayed { unlogged: true, ..Replayed::default() };
    let mut proposals: BTreeMap<(View, Hash), Arc<Proposal>> = BTreeMap::new();
    for record in records {
        found.unlogged &= record.height() != Some(height);
        match record {
            Record::Promise { height: at, view } if at == height => {
                found.promise = found.promise.max(view);
            }
            Record::Candidate(candidate) if candidate.proposal.signed.body.height == height => {
                let body = candidate.proposal.signed.body;
                if let Some(block) = candidate.block {
                    found.bodies.insert(body.block_hash, block);
                }
                found.logged.insert((body.view, body.block_hash));
                proposals.insert((body.view, body.block_hash), candidate.proposal);
            }
            Record::Vote(vote) if vote.body.height == height => {
                let key = (vote.body.view, vote.body.block_hash);
                if let Some(proposal) = proposals.get(&key).cloned() {
                    found.promise = found.promise.max(vote.body.view);
                    found.offers.insert(vote.body.view, proposal.signed.clone());
                    found.votes.push(OwnVote { vote, proposal });
                }
            }
            Record::Promise { .. }
            | Record::Candidate(_)
            | Record::Vote(_)
            | Record::HeightStart { .. }
            | Record::Incarnation(_) => {}
        }
    }
    if config.mutant(Mutation::ForgetPromise) {
        found.promise = View::ZERO;
    }
    if config.mutant(Mutation::ForgetVotes) {
        found.votes.clear();
        found.offers.clear();
    }
    found
}

/// A process that ran before may have sent a proposal in the view it wakes up in.
fn may_have_proposed(log: LogState, config: &Config) -> bool {
    log != LogState::Created && !config.mutant(Mutation::ProposeAfterRestart)
}

fn mute_at_start(log: LogState, config: &Config) -> Mute {
    if log == LogState::Lost && !config.allow_vote_without_log { Mute::Lost } else { Mute::No }
}

impl Machine {
    /// A machine at rest, with what was on disk. Send [`Event::Start`](crate::Event::Start) first.
    #[must_use]
    pub fn new(config: Config, key: Arc<PrivateKey>, recovered: Recovered) -> Self {
        let proposer = recovered.tip.announce.as_ref().map(|announce| announce.header.proposer);
        let committee = Committee::new(&recovered.next, proposer.as_ref());
        let height = recovered.tip.height.next();
        let replayed = replay(recovered.records, height, &config);
        let me = key.public_key();
        Self {
            buffer: Buffer::unbounded(config.mutant(Mutation::BufferUnbounded)),
            signer: Signer(key),
            me,
            chain: recovered.chain_hash,
            tip: recovered.tip,
            tip_set: recovered.tip_set,
            next: recovered.next,
            committee,
            promise: replayed.promise,
            votes: replayed.votes,
            directives: Directives::recovered(recovered.directive),
            view: replayed.promise,
            phase: Phase::Await,
            view_entered: Millis(0),
            k: 0,
            proposed: may_have_proposed(recovered.log, &config),
            proposal: None,
            lead_set: Vec::new(),
            own_change: None,
            nacked: false,
            voted_at: Millis(0),
            fetch_started: Millis(0),
            exec: None,
            bodies: replayed.bodies,
            logged: replayed.logged,
            tally: Tally::default(),
            changes: BTreeMap::new(),
            offers: replayed.offers,
            nacks: BTreeSet::new(),
            pending: None,
            committing: None,
            accused: BTreeSet::new(),
            restart_view: false,
            unlogged: replayed.unlogged,
            started: None,
            clock: Millis(0),
            start_wall_ms: recovered.wall_ms,
            next_token: 0,
            alive: BTreeMap::new(),
            had_quorum: None,
            signed_seen: BTreeMap::new(),
            gate: Gate::default(),
            mute: mute_at_start(recovered.log, &config),
            lag: Lag::default(),
            mempool: crate::event::Pending::default(),
            work_since: None,
            work_done: 0,
            batch_since: None,
            last_commit: Millis(0),
            last_proposal: None,
            not_before: None,
            beat_at: Millis(0),
            sequence: 0,
            retransmit_at: Millis(0),
            announce_at: Millis(0),
            resend: first_resend(recovered.wall_ms),
            helped: BTreeMap::new(),
            reliability: Reliability::default(),
            drain: None,
            held_at_start: recovered.held,
            config,
        }
    }

    /// S1: takes up the height where the log left it.
    pub(crate) fn start(&mut self, cx: &mut Cx) {
        if self.started.is_some() {
            return;
        }
        self.started = Some(cx.now);
        self.last_commit = cx.now;
        self.retransmit_at = cx.now.plus(self.config.retransmit_interval);
        self.announce_at = cx.now.plus(self.config.announce_interval);
        self.arm_gate(cx);
        self.seat_members(cx.now);
        if self.mute != Mute::No {
            self.silence(cx, "the consensus log is missing or belongs to another chain");
        }
        if let Some(reason) = self.held_at_start.take() {
            self.hold(cx, reason);
            return;
        }
        // Older records die at a height start, so it must not follow records of its own height.
        if self.unlogged {
            let (height, chain_hash) = (self.height(), self.chain);
            cx.push(Effect::Append(vec![Record::HeightStart { height, chain_hash }]));
        }
        self.resume_height(cx);
    }

    /// S2 to S4, after a start, a held state or sync: the own vote of this view is repeated and its block executed
    /// again; a view this node led before is not led again; else it waits.
    pub(crate) fn resume_height(&mut self, cx: &mut Cx) {
        let proposed = self.proposed;
        self.move_to(cx.now, self.promise.max(self.view));
        self.proposed = proposed;
        self.sign_own_directive();
        for own in &self.votes {
            self.tally.add(own.vote.clone());
        }
        if self.pending.is_some() {
            return self.pursue_certificate(cx);
        }
        if !self.is_validator() {
            return;
        }
        let own = self.votes.iter().find(|own| own.vote.body.view == self.view).cloned();
        match own {
            Some(own) => self.resume_vote(cx, &own),
            None if self.leads(self.view) && self.proposed => self.restart_view = true,
            None => self.resume_promise(cx),
        }
    }

    fn resume_vote(&mut self, cx: &mut Cx, own: &OwnVote) {
        let block = own.vote.body.block_hash;
        let Some(body) = self.bodies.get(&block).cloned() else { return };
        let whole = Self::compose(
            own.proposal.signed.clone(),
            &body,
            own.proposal.directives.clone(),
            own.proposal.justification.clone(),
        );
        let proposal = Arc::new(whole);
        self.proposal = Some(Arc::clone(&proposal));
        self.broadcast_again(cx, Message::Vote(own.vote.clone()));
        if self.leads(self.view) {
            self.broadcast_again(cx, Message::Proposal(proposal));
        }
        self.execute(cx, &body);
    }

    /// A promise above view 0 was durable, so its view change may have been sent and is sent again.
    fn resume_promise(&mut self, cx: &mut Cx) {
        if self.promise > View::ZERO && self.promise == self.view && !self.solo() {
            let change = Arc::new(self.sign_view_change(self.view));
            self.broadcast_again(cx, Message::ViewChange(Arc::clone(&change)));
            self.own_change = Some(Arc::clone(&change));
            self.changes.entry(self.me).or_default().insert(self.view, change);
        }
    }
}
