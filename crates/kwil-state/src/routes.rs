//! What each payload type costs and does: one file per type.
//!
//! A route is a function of the block's state, the sender and the decoded payload. It either changes the state or fails;
//! the caller undoes whatever a failed route changed.

mod approve_resolution;
mod create_resolution;
mod price;
mod transfer;
mod validator_approve;
mod validator_join;
mod validator_leave;
mod validator_remove;
mod validator_vote_bodies;
mod validator_vote_ids;

pub(crate) use price::price;

use kwil_crypto::PublicKey;
use kwil_types::{MigrationStatus, Payload, ResolutionBody, TxCode};
use uuid::Uuid;

use crate::accounts::BalanceError;
use crate::execution::{BlockState, TxContext};
use crate::fault::NodeFault;
use crate::votes::{CreateError, Resolution, kind_of};

/// Why a route ends without effect.
#[derive(Debug)]
pub(crate) enum RouteError {
    /// The transaction fails, on every node alike.
    Failed { code: TxCode, reason: String },
    /// This node cannot go on.
    Fault(NodeFault),
}

impl RouteError {
    fn failed(code: TxCode, reason: impl Into<String>) -> Self {
        Self::Failed { code, reason: reason.into() }
    }

    fn sender(reason: &str) -> Self {
        Self::failed(TxCode::InvalidSender, reason)
    }
}

impl From<BalanceError> for RouteError {
    fn from(error: BalanceError) -> Self {
        let reason = error.to_string();
        match error {
            BalanceError::Insufficient { .. } => Self::failed(TxCode::InsufficientBalance, reason),
            BalanceError::TooLarge { .. } => Self::failed(TxCode::InvalidAmount, reason),
            BalanceError::NotLoaded(_) => {
                Self::Fault(NodeFault::invariant("execute a transaction", reason))
            }
        }
    }
}

impl From<CreateError> for RouteError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists(_) | CreateError::Processed => {
                Self::failed(TxCode::Unknown, error.to_string())
            }
            CreateError::NotLookedUp(_) => {
                Self::Fault(NodeFault::invariant("execute a transaction", error))
            }
        }
    }
}

/// Runs a payload that needs no SQL. Payload types without a route fail as unknown.
pub(crate) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &Payload,
) -> Result<(), RouteError> {
    refuse_in_migration(state, payload)?;
    match payload {
        Payload::Transfer(payload) => transfer::run(state, tx, payload),
        Payload::ValidatorJoin(payload) => validator_join::run(state, tx, payload),
        Payload::ValidatorLeave(_) => validator_leave::run(state, tx),
        Payload::ValidatorApprove(payload) => validator_approve::run(state, tx, payload),
        Payload::ValidatorRemove(payload) => validator_remove::run(state, tx, payload),
        Payload::ValidatorVoteIds(payload) => validator_vote_ids::run(state, tx, payload),
        Payload::ValidatorVoteBodies(payload) => validator_vote_bodies::run(state, tx, payload),
        Payload::CreateResolution(payload) => create_resolution::run(state, tx, payload),
        Payload::ApproveResolution(payload) => approve_resolution::run(state, tx, payload),
        Payload::RawStatement(_)
        | Payload::Execute(_)
        | Payload::DeleteResolution(_)
        | Payload::MaaExec(_) => {
            Err(RouteError::failed(TxCode::InvalidTxType, TxCode::InvalidTxType.text()))
        }
    }
}

/// Most types rest while the network moves to another one.
fn refuse_in_migration(state: &BlockState, payload: &Payload) -> Result<(), RouteError> {
    let status = state.params.in_force().migration_status;
    if !matches!(status, MigrationStatus::MigrationInProgress | MigrationStatus::MigrationCompleted)
    {
        return Ok(());
    }
    let text = match payload {
        Payload::Transfer(_) => "cannot transfer during migration",
        Payload::ValidatorJoin(_) => "cannot join validator during migration",
        Payload::ValidatorApprove(_) => "cannot approve validator join during migration",
        Payload::ValidatorRemove(_) => "cannot remove validator during migration",
        Payload::ValidatorLeave(_) => "cannot leave validator during migration",
        Payload::ValidatorVoteIds(_) | Payload::ValidatorVoteBodies(_) => {
            "cannot vote during migration"
        }
        Payload::CreateResolution(_) => "cannot create resolution during migration",
        Payload::ApproveResolution(_) => "cannot approve a resolution during migration",
        Payload::RawStatement(_)
        | Payload::Execute(_)
        | Payload::DeleteResolution(_)
        | Payload::MaaExec(_) => {
            return Ok(());
        }
    };
    Err(RouteError::failed(TxCode::NetworkInMigration, text))
}

/// The sender's node key, when it is a validator now.
fn validator(state: &BlockState, tx: &TxContext) -> Result<PublicKey, RouteError> {
    let key = tx.sender.public_key().filter(|key| state.validators.is_validator(key));
    key.ok_or_else(|| RouteError::sender("caller is not a validator"))
}

/// Puts a resolution on the chain that only a transaction of its own can make.
fn create_from(
    state: &mut BlockState,
    body: &ResolutionBody,
    proposer: PublicKey,
) -> Result<Uuid, RouteError> {
    let event =
        body.event().map_err(|error| RouteError::failed(error.tx_code(), error.to_string()))?;
    let Some(kind) = kind_of(event.event_type()) else {
        return Err(RouteError::failed(
            TxCode::InvalidResolutionType,
            TxCode::InvalidResolutionType.text(),
        ));
    };
    let expiration = kind.expiration(state.context.time, state.params.in_force());
    let resolution = Resolution::new(event, proposer, expiration);
    let id = resolution.id();
    state.book.create(resolution)?;
    Ok(id)
}
