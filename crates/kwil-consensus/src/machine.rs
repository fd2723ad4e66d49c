//! The state of one node and the one function that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::{Block, CommitCertificate, Height, SignedProposal, ValidatorSet, View, Vote};

use crate::alive::Seen;
use crate::buffer::Buffer;
use crate::config::Config;
use crate::directive::Directives;
use crate::effect::Effect;
use crate::event::{Event, Pending};
use crate::height::{Committee, NextHeight, Tip};
use crate::held::HeldReason;
use crate::leader::Reliability;
use crate::message::{Proposal, ViewChangeMessage};
use crate::mutation::Mutation;
use crate::mute::{Gate, Mute};
use crate::signer::Signer;
use crate::sync::Lag;
use crate::tally::Tally;
use crate::time::Millis;

/// One step: the time it happens at, and the effects so far.
#[derive(Debug)]
pub(crate) struct Cx {
    pub(crate) now: Millis,
    pub(crate) out: Vec<Effect>,
}

impl Cx {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.out.push(effect);
    }
}

/// What the node is doing at its height.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for a proposal (or, as leader, for a reason or the right to make one).
    Await,
    /// The driver is choosing transactions.
    Build,
    /// Waiting for the body of this block.
    Fetch(Hash),
    /// This block is executing, or executed and not voted for yet.
    Exec(Hash),
    /// Voted for this block.
    Voted(Hash),
    /// This block is being made durable.
    Commit(Hash),
    /// Blocks are fetched instead of agreed on.
    Sync,
    /// Nothing is signed any more.
    Held(HeldReason),
}

impl Phase {
    /// Name for status and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Await => "await",
            Self::Build => "build",
            Self::Fetch(_) => "fetch",
            Self::Exec(_) => "exec",
            Self::Voted(_) => "voted",
            Self::Commit(_) => "commit",
            Self::Sync => "sync",
            Self::Held(_) => "held",
        }
    }
}

/// An own vote of this height and the proposal it was for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OwnVote {
    pub(crate) vote: Vote,
    pub(crate) proposal: Arc<Proposal>,
}

/// The one block that is executing or executed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Execution {
    pub(crate) token: u64,
    pub(crate) block: Arc<Block>,
    pub(crate) started: Millis,
    pub(crate) took: Duration,
    pub(crate) result: Option<Hash>,
    pub(crate) failures: u32,
    /// When to try again after a database failure.
    pub(crate) retry_at: Option<Millis>,
}

/// A certificate of this height whose block is not executed here yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PendingCertificate {
    pub(crate) certificate: CommitCertificate,
    pub(crate) since: Millis,
}

/// Orderly stop in progress.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Drain {
    pub(crate) deadline: Millis,
    /// Height and view handed to the successor.
    pub(crate) resigned: Option<(Height, View)>,
    pub(crate) done: bool,
}

impl Drain {
    pub(crate) const LONGEST: Duration = Duration::from_secs(5);
}

/// The consensus state machine of one node. See the crate's front page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Machine {
    pub(crate) config: Config,
    pub(crate) signer: Signer,
    pub(crate) me: PublicKey,
    pub(crate) chain: Hash,

    // Committed.
    pub(crate) tip: Tip,
    /// Validators of the tip's height.
    pub(crate) tip_set: Option<Arc<ValidatorSet>>,
    pub(crate) next: NextHeight,
    pub(crate) committee: Committee,

    // Durable at this height.
    pub(crate) promise: View,
    pub(crate) votes: Vec<OwnVote>,
    pub(crate) directives: Directives,

    // Volatile at this height.
    pub(crate) view: View,
    pub(crate) phase: Phase,
    pub(crate) view_entered: Millis,
    pub(crate) k: u32,
    pub(crate) proposed: bool,
    pub(crate) proposal: Option<Arc<Proposal>>,
    /// View changes on which this leader's proposal of the view will rest.
    pub(crate) lead_set: Vec<Arc<ViewChangeMessage>>,
    pub(crate) own_change: Option<Arc<ViewChangeMessage>>,
    /// The proposal of this view was rejected here.
    pub(crate) nacked: bool,
    pub(crate) voted_at: Millis,
    pub(crate) fetch_started: Millis,
    pub(crate) exec: Option<Execution>,
    pub(crate) bodies: BTreeMap<Hash, Arc<Block>>,
    /// Candidates that were appended to the log.
    pub(crate) logged: BTreeSet<(View, Hash)>,
    pub(crate) tally: Tally,
    pub(crate) changes: BTreeMap<PublicKey, BTreeMap<View, Arc<ViewChangeMessage>>>,
    /// First proposal seen of each view, to notice a second one.
    pub(crate) offers: BTreeMap<View, SignedProposal>,
    pub(crate) nacks: BTreeSet<PublicKey>,
    pub(crate) pending: Option<PendingCertificate>,
    pub(crate) committing: Option<(Arc<Block>, CommitCertificate)>,
    pub(crate) accused: BTreeSet<(&'static str, Option<PublicKey>, Height)>,
    pub(crate) restart_view: bool,
    /// The log has no record of this height yet.
    pub(crate) unlogged: bool,

    // Volatile across heights.
    pub(crate) started: Option<Millis>,
    pub(crate) clock: Millis,
    pub(crate) start_wall_ms: u64,
    pub(crate) next_token: u64,
    pub(crate) alive: BTreeMap<PublicKey, Seen>,
    pub(crate) had_quorum: Option<bool>,
    pub(crate) buffer: Buffer,
    pub(crate) signed_seen: BTreeMap<PublicKey, (Height, View)>,
    pub(crate) gate: Gate,
    pub(crate) mute: Mute,
    pub(crate) lag: Lag,
    pub(crate) mempool: Pending,
    /// First moment since which work waits that has not yet caused a T2.
    pub(crate) work_since: Option<Millis>,
    pub(crate) work_done: u64,
    /// First moment since which transactions wait for the next block.
    pub(crate) batch_since: Option<Millis>,
    pub(crate) last_commit: Millis,
    pub(crate) last_proposal: Option<Millis>,
    pub(crate) not_before: Option<Millis>,
    pub(crate) beat_at: Millis,
    pub(crate) sequence: u64,
    pub(crate) retransmit_at: Millis,
    pub(crate) announce_at: Millis,
    pub(crate) resend: u32,
    pub(crate) helped: BTreeMap<PublicKey, Millis>,
    pub(crate) reliability: Reliability,
    pub(crate) drain: Option<Drain>,
    pub(crate) held_at_start: Option<HeldReason>,
}

impl Machine {
    /// Applies one event. Reads no clock and sends nothing: equal machines give equal effects.
    ///
    /// `now` may not go back; an earlier value counts as the latest one seen.
    pub fn step(&mut self, event: Event, now: Millis) -> Vec<Effect> {
        let now = now.max(self.clock);
        self.clock = now;
        let mut cx = Cx { now, out: Vec::new() };
        self.dispatch(&mut cx, event);
        if self.started.is_some() {
            self.settle(&mut cx);
        }
        cx.out
    }

    fn dispatch(&mut self, cx: &mut Cx, event: Event) {
        match event {
            Event::Start => self.start(cx),
            Event::Tick => {}
            Event::Message { from, message, wall_ms } => {
                self.on_message(cx, from, message.message(), wall_ms);
            }
            Event::Hello { peer, height, last_signed_seen } => {
                self.on_hello(cx, peer, height, last_signed_seen);
            }
            Event::PeerHeight { peer, height } => self.on_peer_height(cx, peer, height),
            Event::Pending(pending) => self.on_pending(cx, pending),
            Event::Built { height, view, wall_ms, txs } => {
                self.on_built(cx, (height, view), wall_ms, &txs);
            }
            Event::Body(block) => self.on_body(cx, &block),
            Event::BodyInvalid { block, reason } => self.on_body_invalid(cx, block, &reason),
            Event::Executed { token, result } => self.on_executed(cx, token, result),
            Event::Slow { token } => self.abort_slow_transaction(cx, token),
            Event::Committed { height, next } => self.on_committed(cx, height, next),
            Event::StartSync => self.enter_sync(cx),
            Event::Synced { announce, next } => self.on_synced(cx, &announce, next),
            Event::Diverged { height, block, certified, own } => {
                self.hold(cx, HeldReason::Diverged { height, block, certified, own });
            }
            Event::SyncDone => self.on_sync_done(cx),
            Event::ClaimRefuted { peer } => self.on_claim_refuted(cx, peer),
            Event::ForkFound(evidence) => self.on_fork_found(cx, &evidence),
            Event::Database { usable } => self.on_database(cx, usable),
            Event::Disk { low } => self.on_disk(cx, low),
            Event::Operator { request, command } => self.on_command(cx, request, command),
        }
    }

    /// What may have become possible or due, whatever the event was.
    fn settle(&mut self, cx: &mut Cx) {
        self.open_gate(cx);
        self.run_timers(cx);
        self.force_directive(cx);
        self.join_views(cx);
        self.lead_view(cx);
        self.try_vote(cx);
        self.advance_drain(cx);
        self.produce(cx);
    }

    /// The height being decided: the tip's plus one.
    #[must_use]
    pub fn height(&self) -> Height {
        self.tip.height.next()
    }

    /// The committed end of the chain.
    #[must_use]
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// What is in force at [`Machine::height`].
    #[must_use]
    pub const fn next(&self) -> &NextHeight {
        &self.next
    }

    /// The view this node is in.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// What this node is doing.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Leader of the current view, as this node sees it.
    #[must_use]
    pub fn acting_leader(&self) -> PublicKey {
        self.committee.leader(self.view)
    }

    /// Network parameter `leader`.
    #[must_use]
    pub const fn preferred_leader(&self) -> PublicKey {
        self.next.leader
    }

    /// Whether this node is a validator of the current height.
    #[must_use]
    pub fn is_validator(&self) -> bool {
        self.committee.set.contains(&self.me)
    }

    /// Why this node is held, if it is.
    #[must_use]
    pub const fn held_reason(&self) -> Option<&HeldReason> {
        match &self.phase {
            Phase::Held(reason) => Some(reason),
            Phase::Await
            | Phase::Build
            | Phase::Fetch(_)
            | Phase::Exec(_)
            | Phase::Voted(_)
            | Phase::Commit(_)
            | Phase::Sync => None,
        }
    }

    /// Validators that decide the current height.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.committee.set.quorum()
    }

    /// The block of an own proposal, vote or execution, to answer `Body` requests of peers.
    #[must_use]
    pub fn body(&self, block: &Hash) -> Option<&Arc<Block>> {
        let executing = self.exec.as_ref().map(|exec| &exec.block);
        self.bodies.get(block).or_else(|| executing.filter(|body| body.hash() == *block))
    }

    /// Votes that count here.
    pub(crate) fn quorum_needed(&self) -> usize {
        if self.config.mutant(Mutation::HalfQuorum) {
            return (self.committee.n() / 2).max(1);
        }
        self.committee.set.quorum()
    }

    pub(crate) fn solo(&self) -> bool {
        self.committee.n() == 1
    }

    pub(crate) fn leads(&self, view: View) -> bool {
        self.committee.leader(view) == self.me
    }

    /// Whether this node may sign promises, votes and proposals now.
    pub(crate) fn can_sign(&self) -> bool {
        let held = self.held() && !self.config.mutant(Mutation::HeldVotes);
        let below_checkpoint =
            self.config.checkpoint.is_some_and(|(height, _)| self.height() < height);
        self.is_validator()
            && !held
            && self.phase != Phase::Sync
            && self.gate.is_open()
            && !self.mute.silences(self.height())
            && !below_checkpoint
    }

    /// Whether the height is undecided here and this node may move to another view.
    pub(crate) fn can_leave_view(&self) -> bool {
        self.can_sign() && !self.decided()
    }

    /// Whether a certificate of this height is known.
    pub(crate) const fn decided(&self) -> bool {
        self.pending.is_some() || matches!(self.phase, Phase::Commit(_))
    }

    pub(crate) fn voted_in(&self, view: View) -> bool {
        self.votes.iter().any(|own| own.vote.body.view == view)
    }
}
