//! kwil-types
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod wire;

mod account;
mod amount;
mod decimal;
mod duration;
mod message;
mod payload;
mod result;
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
pub use result::{MAX_LOG, TxCode, TxResult};
pub use transaction::{
    RawTx, Serialization, Signature, Transaction, TxBody, TxError, TxId, limits, payload_digest,
};
pub use value::{Array, DataType, EncodedValue, Scalar, TypeError, TypeKind, Value, ValueError};
