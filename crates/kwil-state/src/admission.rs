//! Whether a transaction may enter the mempool. Pure functions: the caller brings accounts and network state.
//!
//! Checks go from cheap to dear: [`check_envelope`] needs no state of accounts, [`verify_signature`] costs the most and runs
//! outside of locks, [`check_account`] compares with what is pending.

use kwil_crypto::auth::Registry;
use kwil_types::{
    AccountId, Amount, MigrationStatus, NetworkParams, Payload, PayloadType, RawTx, ResolutionType,
    Transaction, TxCode, ValidatorSet,
};

use crate::accounts::Account;
use crate::execution::is_enabled;
use crate::routes;

/// What admission compares with.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionRules<'n> {
    /// This network.
    pub chain_id: &'n str,
    /// Parameters in force for the next height.
    pub params: &'n NetworkParams,
    /// Validators of the next height.
    pub validators: &'n ValidatorSet,
    /// Who vouches for senders.
    pub authenticators: &'n Registry,
    /// Whether SQL and actions can run.
    pub has_engine: bool,
    /// Longest transaction in bytes that this node takes; the size of a block bounds it as well.
    pub max_tx_bytes: u64,
}

/// A transaction that passed the checks which need no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Account that pays.
    pub sender: AccountId,
    /// What execution will take at least.
    pub price: Amount,
    /// Most that the sender pays for execution.
    pub fee: Amount,
    /// Tokens that it transfers.
    pub amount: Amount,
    /// Nonce of the transaction.
    pub nonce: u64,
}

/// Why a transaction is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Number for the client.
    pub code: TxCode,
    /// Text for the client.
    pub message: String,
}

impl Refused {
    fn new(code: TxCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn plain(code: TxCode) -> Self {
        Self::new(code, code.text())
    }
}

/// Size, network, payload, sender and fee, in the order in which clients expect the answers.
///
/// # Errors
/// [`Refused`] with the code and text of the first check that fails.
pub fn check_envelope(raw: &RawTx, rules: &AdmissionRules<'_>) -> Result<Admitted, Refused> {
    if rules.params.migration_status == MigrationStatus::MigrationCompleted {
        return Err(Refused::plain(TxCode::NetworkHalted));
    }
    let length = u64::try_from(raw.len()).unwrap_or(u64::MAX);
    if length > rules.max_tx_bytes.min(rules.params.max_block_size) {
        return Err(Refused::plain(TxCode::TooLarge));
    }
    let Transaction { body, signature, sender, .. } = raw.transaction();
    if body.chain_id != rules.chain_id {
        return Err(Refused::new(TxCode::WrongChain, format!("wrong chain ID: {}", body.chain_id)));
    }
    let authenticator = rules.authenticators.get(&signature.auth_type);
    let authenticator =
        authenticator.map_err(|error| Refused::new(TxCode::InvalidSignature, error.to_string()))?;
    let sender = AccountId::new(authenticator.key_type(), sender);
    let sender = sender.map_err(|error| Refused::new(TxCode::InvalidSender, error.to_string()))?;
    let (payload_type, payload) = payload(raw.transaction(), rules.has_engine)?;
    check_payload(&payload, &sender, rules)?;
    let price = routes::price(rules.params, payload_type, Some(&payload)).unwrap_or_default();
    if body.fee < price {
        return Err(Refused::new(
            TxCode::InsufficientFee,
            format!("{}: fee {}, required {price}", TxCode::InsufficientFee, body.fee),
        ));
    }
    let amount = if let Payload::Transfer(transfer) = &payload {
        transfer.amount.clone()
    } else {
        Amount::ZERO
    };
    Ok(Admitted { sender, price, fee: body.fee.clone(), amount, nonce: body.nonce })
}

/// The price of a transaction that may not be signed yet: zero on a network without gas.
///
/// # Errors
/// [`Refused`] when the payload type is unknown or its payload does not decode.
pub fn estimate_price(
    tx: &Transaction,
    params: &NetworkParams,
    has_engine: bool,
) -> Result<Amount, Refused> {
    let (payload_type, payload) = payload(tx, has_engine)?;
    Ok(routes::price(params, payload_type, Some(&payload)).unwrap_or_default())
}

fn payload(tx: &Transaction, has_engine: bool) -> Result<(PayloadType, Payload), Refused> {
    let known = PayloadType::from_name(&tx.body.payload_type)
        .ok()
        .filter(|known| is_enabled(*known, has_engine));
    let payload_type = known.ok_or_else(|| Refused::plain(TxCode::InvalidTxType))?;
    let decoded = Payload::decode(payload_type.name(), &tx.body.payload);
    let payload = decoded.map_err(|error| Refused::new(error.tx_code(), error.to_string()))?;
    Ok((payload_type, payload))
}

/// Rules about who may send what, and what rests during a migration.
fn check_payload(
    payload: &Payload,
    sender: &AccountId,
    rules: &AdmissionRules<'_>,
) -> Result<(), Refused> {
    let status = rules.params.migration_status;
    let during = |text: &str| {
        let code = TxCode::NetworkInMigration;
        Err(Refused::new(code, format!("{code}: {text}")))
    };
    let migrating = status == MigrationStatus::MigrationInProgress;
    match payload {
        Payload::ValidatorVoteBodies(_) => Err(Refused::new(
            TxCode::InvalidTxType,
            "validator_vote_bodies is made by the block proposer only",
        )),
        Payload::ValidatorVoteIds(votes) => {
            let is_validator =
                sender.public_key().is_some_and(|key| rules.validators.contains(&key));
            if !is_validator {
                return Err(Refused::new(TxCode::InvalidSender, "caller is not a validator"));
            }
            let limit = rules.params.max_votes_per_tx;
            if u64::try_from(votes.ids.len()).is_ok_and(|ids| ids <= limit) && !migrating {
                return Ok(());
            }
            if migrating {
                return during(payload.payload_type().name());
            }
            Err(Refused::new(
                TxCode::EncodingError,
                format!("{} votes, at most {limit} are allowed", votes.ids.len()),
            ))
        }
        Payload::ValidatorJoin(_)
        | Payload::ValidatorLeave(_)
        | Payload::ValidatorApprove(_)
        | Payload::ValidatorRemove(_)
        | Payload::RawStatement(_)
        | Payload::Transfer(_)
            if migrating =>
        {
            during(payload.payload_type().name())
        }
        Payload::CreateResolution(proposal)
            if status != MigrationStatus::NoActiveMigration
                && proposal.event.event_type() == ResolutionType::Migration.name() =>
        {
            during("migration proposal")
        }
        Payload::ValidatorJoin(_)
        | Payload::ValidatorLeave(_)
        | Payload::ValidatorApprove(_)
        | Payload::ValidatorRemove(_)
        | Payload::RawStatement(_)
        | Payload::Transfer(_)
        | Payload::Execute(_)
        | Payload::CreateResolution(_)
        | Payload::ApproveResolution(_)
        | Payload::DeleteResolution(_)
        | Payload::MaaExec(_) => Ok(()),
    }
}

/// Checks the signature and returns the sender's text identity. Does real work: run it once for a transaction, on a worker.
///
/// # Errors
/// [`Refused`] with code 3.
pub fn verify_signature(raw: &RawTx, authenticators: &Registry) -> Result<String, Refused> {
    let tx = raw.transaction();
    let refused = |error: &dyn std::fmt::Display| {
        Refused::new(TxCode::InvalidSignature, format!("failed to verify the transaction: {error}"))
    };
    let message = tx.signed_message().map_err(|error| refused(&error))?;
    let auth_type = &tx.signature.auth_type;
    authenticators
        .verify(auth_type, &tx.sender, &message, &tx.signature.bytes)
        .map_err(|error| refused(&error))?;
    authenticators.identifier(auth_type, &tx.sender).map_err(|error| refused(&error))
}

/// Compares with the sender's account as it will be after its pending transactions, and returns that account after this one
/// as well. An account that does not exist is the default one.
///
/// # Errors
/// [`Refused`] with code 4 for any nonce but the next, with code 6 when a network with gas could not be paid.
pub fn check_account(
    admitted: &Admitted,
    pending: &Account,
    params: &NetworkParams,
) -> Result<Account, Refused> {
    let expected = pending.nonce.saturating_add(1);
    if admitted.nonce != expected {
        let (account, got) = (hex::encode(admitted.sender.identifier()), admitted.nonce);
        let message = format!(
            "invalid nonce for account {account}: got {got}, expected {expected}: invalid nonce"
        );
        return Err(Refused::new(TxCode::InvalidNonce, message));
    }
    if params.disabled_gas_costs {
        return Ok(Account { nonce: expected, balance: pending.balance.clone() });
    }
    let nothing_there = pending.balance.is_zero() && !admitted.price.is_zero();
    if nothing_there || admitted.amount > pending.balance {
        return Err(Refused::plain(TxCode::InsufficientBalance));
    }
    let rest = pending.balance.saturating_sub(&admitted.fee).saturating_sub(&admitted.amount);
    Ok(Account { nonce: expected, balance: rest })
}
