//! Agreement on blocks, as a pure state machine.
//!
//! [`Machine`] is one node's view of one height: it proposes, votes, changes views, counts certificates, decides when to
//! produce a block and when to fetch blocks instead of agreeing on them. Everything that happens enters as an
//! [`Event`]; everything that must be done leaves as an ordered list of [`Effect`]s:
//!
//! ```text
//!                     Event, now                       Vec<Effect>
//!  peers ── Verified ──┐                        ┌── Persist / Append ─▶ consensus log   (Persist is a barrier)
//!  executor ─ Executed ┤                        ├── Broadcast / Send / Announce ─▶ peers
//!  builder ── Built ───┼──▶ Machine::step ──────┼── BuildBlock / FetchBody / Execute / Cancel / Commit
//!  operator ─ Command ─┤    no I/O, no clock    ├── EnterSync / RequestCertificate / NoteBest
//!  clock ──── Tick ────┘                        └── Hold / StoreEvidence / Reply / Notice
//! ```
//!
//! # What the driver must do
//!
//! * Perform the effects of a step in order, before the next step. A crash may happen between any two of them.
//! * [`Effect::Persist`] is a barrier: what follows waits for the fsync; a failed fsync stops the process.
//! * Answer [`Effect::BuildBlock`] with [`Event::Built`], [`Effect::FetchBody`] with [`Event::Body`] or
//!   [`Event::BodyInvalid`], [`Effect::Execute`] with [`Event::Executed`] (unless cancelled), [`Effect::Commit`] with
//!   [`Event::Committed`], [`Event::Operator`]'s requests from [`Effect::Reply`], [`Effect::EnterSync`] with
//!   [`Event::Synced`] per block and [`Event::SyncDone`]. Events may be sent any time later, in any order.
//! * Send [`Event::Tick`] when [`Machine::next_wakeup`] says so.
//! * Check messages with [`Verified::check`] on any thread; the machine takes only checked ones. It checks itself what
//!   needs the validator set of the height: membership, leadership, certificates, proofs inside view changes.
//! * After a restart, build the machine with [`Machine::new`] from what is on disk ([`Recovered`]) and send
//!   [`Event::Start`] first.
//!
//! # What this crate may not do
//!
//! No I/O, clock, thread, randomness, environment or hash-map order: equal machines given equal events stay equal, so
//! the code that runs in the node is the code that the simulator and the exhaustive explorer run. The key signs inside
//! a step, deterministically. Invariants: a vote or promise leaves only after its record is durable; at most one vote
//! per (height, view) and none below the promise; one app hash per block; a held node signs nothing.
//!
//! # Example
//!
//! A validator that is alone makes, executes and commits a block by itself:
//!
//! ```
//! use std::sync::Arc;
//! use kwil_consensus::{Config, Effect, Event, LogState, Machine, Millis, NextHeight, Pending, Recovered, Tip};
//! use kwil_crypto::{Hash, KeyType, PrivateKey};
//! use kwil_types::{Height, Validator, ValidatorSet};
//!
//! let Ok(key) = PrivateKey::generate(KeyType::Ed25519, |seed| {
//!     seed.fill(7);
//!     Ok::<(), std::convert::Infallible>(())
//! });
//! let leader = key.public_key();
//! let next = NextHeight {
//!     validators: Arc::new(ValidatorSet::new([Validator { key: leader, power: 1 }])?),
//!     params_hash: Hash::ZERO,
//!     leader,
//!     leader_changed: false,
//!     max_block_size: 6 << 20,
//!     produce: true,
//! };
//! let genesis = Tip { height: Height(0), block_hash: Hash::ZERO, app_hash: Hash([1; 32]), time_ms: 0, announce: None };
//! let recovered = Recovered {
//!     chain_hash: Hash([9; 32]),
//!     tip: genesis,
//!     tip_set: None,
//!     next: next.clone(),
//!     records: Vec::new(),
//!     log: LogState::Created,
//!     held: None,
//!     directive: None,
//!     wall_ms: 1_000_000,
//! };
//! let mut machine = Machine::new(Config::default(), Arc::new(key), recovered);
//! machine.step(Event::Start, Millis(0));
//!
//! // Nothing to do for a minute: then an empty block is due.
//! let minute = Millis(60_000);
//! let effects = machine.step(Event::Tick, minute);
//! let Some(Effect::BuildBlock { height, view, .. }) = effects.into_iter().find(|e| matches!(e, Effect::BuildBlock { .. }))
//! else { panic!("no block") };
//! let effects = machine.step(Event::Built { height, view, wall_ms: 1_060_000, txs: Vec::new() }, minute);
//! let Some(Effect::Execute { token, .. }) = effects.into_iter().next() else { panic!("no execution") };
//! let effects = machine.step(Event::Executed { token, result: Ok(Hash([2; 32])) }, minute);
//! assert!(matches!(effects.first(), Some(Effect::Commit { .. })));
//! machine.step(Event::Committed { height, next }, minute);
//! assert_eq!(machine.height(), Height(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `testing`: the deterministic simulator, the exhaustive explorer, planted defects and fuzz entry points.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod alive;
#[cfg(any(test, feature = "testing"))]
mod bounds;
mod buffer;
mod choice;
mod commit;
mod config;
mod directive;
mod effect;
mod event;
mod evidence;
mod execution;
#[cfg(any(test, feature = "testing"))]
pub mod explore;
mod flood;
mod height;
mod held;
mod inbox;
mod leader;
mod machine;
mod message;
#[cfg(test)]
mod mutants;
mod mutation;
mod mute;
mod operator;
mod outbox;
mod produce;
mod proposal;
mod record;
mod recovery;
#[cfg(test)]
mod scenarios;
mod signer;
#[cfg(any(test, feature = "testing"))]
pub mod sim;
mod sync;
mod tally;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod timers;
mod verify;
mod view_change;
mod vote;

pub use alive::ValidatorView;
pub use choice::{Choice, choose};
pub use config::Config;
pub use directive::{DIRECTIVE_LIFETIME, Directive};
pub use effect::{Effect, Notice, Trigger};
pub use event::{Command, Event, ExecutionFailure, Pending};
pub use flood::worth_forwarding;
pub use height::{NextHeight, Tip};
pub use held::HeldReason;
pub use machine::{Machine, Phase};
pub use message::{
    CommitAnnounce, INLINE_BLOCK_MAX, Message, MessageKind, NACK_TEXT_MAX, Nack, NackReason,
    Proposal, TX_IDS_MAX, VALIDATORS_MAX, ViewChangeMessage, VoteProof,
};
#[cfg(any(test, feature = "testing"))]
pub use mutation::Mutation;
pub use operator::OperatorError;
pub use record::{Candidate, RECORD_MAX, Record, decode_proposal, encode_proposal};
pub use recovery::{LogState, Recovered};
pub use time::Millis;
pub use verify::{Verified, VerifyError};
