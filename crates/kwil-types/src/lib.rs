//! kwil-types
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
    DEFAULT_JOIN_EXPIRY, DEFAULT_MAX_BLOCK_SIZE, DEFAULT_MAX_VOTES_PER_TX, MAX_BLOCK_SIZE_RANGE,
    MigrationStatus, NetworkParams, ParamError, ParamName, ParamUpdates, ParamValue, updates_hash,
};
pub use signed::{
    Abort, AbortBody, DirectiveBody, Heartbeat, HeartbeatBody, HeartbeatFlags, LeaderDirective,
    PeerRecord, PeerRecordBody, ProposalBody, ReportedVote, Signed, SignedBody, SignedProposal,
    ViewChange, ViewChangeBody, justification_hash,
};
pub use tx_tree::{InclusionProof, tx_root};
pub use validators::{MAX_TOTAL_POWER, Threshold, Validator, ValidatorSet, ValidatorSetError};
pub use vote::{VOTE_BODY_LEN, Vote, VoteBody, VoteKind};
