//! The things that clients, nodes and disks exchange, and their exact bytes.
//!
//! Two families of formats live here and never mix:
//!
//! | family | what | bytes | hash |
//! |---|---|---|---|
//! | client | transactions, payloads, values, results, JSON of every shape ([`json`]) | little-endian, varints | SHA-256 |
//! | network | headers, blocks, votes, certificates, signed messages ([`signed`]), validator sets, parameters | big-endian | BLAKE3 with a context |
//!
//! ```text
//! bytes ──decode──▶ value whose layout is right ──check / verify──▶ value that may be acted on
//!   ▲                  │
//!   └─────encode───────┘   decode(encode(v)) = v and encode(decode(b)) = b, for every accepted b
//! ```
//!
//! Every decoder is exact, bounded and canonical: trailing bytes are an error, a length is compared with what is left
//! before anything is allocated, and no value has a second encoding (client formats where existing clients need a
//! second one say so). Core types carry no `serde` derives: JSON has mirror types in [`json`].
//!
//! This crate does no I/O, reads no clock and starts nothing. Whether a transaction may execute or a validator has a
//! say depends on state, and is decided above it.
//!
//! # Example
//!
//! Two of three validators commit a block; their certificate convinces whoever knows the validator set.
//!
//! ```
//! use kwil_crypto::{Hash, KeyType, PrivateKey};
//! use kwil_types::{CommitCertificate, Height, Validator, ValidatorSet, View, Vote, VoteBody, VoteKind};
//!
//! let keys: Vec<PrivateKey> = (1..=3)
//!     .map(|seed| PrivateKey::from_bytes(KeyType::Secp256k1, &[seed; 32]))
//!     .collect::<Result<_, _>>()?;
//! let set = ValidatorSet::new(keys.iter().map(|key| Validator { key: key.public_key(), power: 1 }))?;
//! assert_eq!(set.quorum(), 2);
//!
//! let chain_hash = Hash([7; 32]);
//! let body = VoteBody {
//!     kind: VoteKind::Commit,
//!     chain_hash,
//!     height: Height(1),
//!     view: View::ZERO,
//!     block_hash: Hash([1; 32]),
//!     app_hash: Hash([2; 32]),
//! };
//! let votes = [Vote::sign(body, &keys[0]), Vote::sign(body, &keys[2])];
//! let bytes = CommitCertificate::from_votes(&set, &votes)?.encode();
//!
//! let certificate = CommitCertificate::decode(&bytes)?;
//! certificate.verify(chain_hash, &set)?;
//! assert_eq!(certificate.app_hash(), Hash([2; 32]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod json;
pub mod wire;

mod account;
mod amount;
mod decimal;
mod duration;
mod message;
mod payload;
mod resolution;
mod result;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transaction;
mod value;

pub use account::{AccountError, AccountId};
pub use amount::{Amount, AmountError};
pub use decimal::{Decimal, DecimalError, MAX_PRECISION};
pub use duration::{DurationError, GoDuration};
pub use message::{AuthenticatedQuery, CHALLENGE_LEN, CallMessage, call_text};
pub use payload::{
    ActionCall, ApproveResolution, CreateResolution, DeleteResolution, Execute, MAX_NAME,
    MAX_VALUES, MaaExec, Parameter, Payload, PayloadError, PayloadType, RawStatement, Transfer,
    ValidatorApprove, ValidatorJoin, ValidatorLeave, ValidatorRemove, ValidatorVoteBodies,
    ValidatorVoteIds, VotableEvent,
};
pub use resolution::{
    CreditAccount, MigrationProposal, ParamUpdateProposal, ResolutionBody, ResolutionType,
    ValidatorChange,
};
pub use result::{MAX_LOG, TxCode, TxResult};
pub use transaction::{
    RawTx, Serialization, Signature, Transaction, TxBody, TxError, TxId, limits, payload_digest,
};
pub use value::{Array, DataType, EncodedValue, Scalar, TypeError, TypeKind, Value, ValueError};

mod block;
mod certificate;
mod evidence;
mod header;
mod height;
mod params;
pub mod signed;
mod tx_tree;
mod validators;
mod vote;

pub use block::{BLOCK_OVERHEAD, Block, BlockError};
pub use certificate::{CertificateError, CommitCertificate};
pub use evidence::{Evidence, EvidenceError, MAX_EVIDENCE_LEN};
pub use header::{Expected, Header, HeaderError, MAX_HEADER_LEN};
pub use height::{Height, View};
pub use params::{
    DEFAULT_JOIN_EXPIRY, DEFAULT_MAX_BLOCK_SIZE, DEFAULT_MAX_VOTES_PER_TX, JOIN_EXPIRY_RANGE,
    MAX_BLOCK_SIZE_RANGE, MAX_VOTES_PER_TX_RANGE, MigrationStatus, NetworkParams, ParamError,
    ParamName, ParamUpdates, ParamValue, updates_hash,
};
pub use signed::{
    Abort, AbortBody, DirectiveBody, Heartbeat, HeartbeatBody, HeartbeatFlags, LeaderDirective,
    PeerRecord, PeerRecordBody, ProposalBody, ReportedVote, Signed, SignedBody, SignedProposal,
    ViewChange, ViewChangeBody, justification_hash,
};
pub use tx_tree::{InclusionProof, tx_root};
pub use validators::{MAX_TOTAL_POWER, Threshold, Validator, ValidatorSet, ValidatorSetError};
pub use vote::{VOTE_BODY_LEN, Vote, VoteBody, VoteKind};
