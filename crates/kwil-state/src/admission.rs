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

/// What a payload costs under these parameters: zero on a network without gas.
#[must_use]
pub fn price_of(payload: &Payload, params: &NetworkParams) -> Amount {
    routes::price(params, payload.payload_type(), Some(payload)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use kwil_crypto::auth::Signer;
    use kwil_crypto::{EthAddress, KeyType, PrivateKey};
    use kwil_types::{
        CreateResolution, Serialization, Signature, Transfer, TxBody, Validator, ValidatorJoin,
        ValidatorVoteBodies, ValidatorVoteIds, VotableEvent,
    };

    use super::*;

    fn private(number: u8) -> PrivateKey {
        PrivateKey::from_bytes(KeyType::Secp256k1, &[number; 32]).unwrap()
    }

    struct Net {
        params: NetworkParams,
        validators: ValidatorSet,
        authenticators: Registry,
        max_tx_bytes: u64,
    }

    impl Net {
        fn new(gas: bool) -> Self {
            let leader = private(1).public_key();
            let params = NetworkParams { disabled_gas_costs: !gas, ..NetworkParams::new(leader) };
            let validators = ValidatorSet::new([Validator { key: leader, power: 1 }]).unwrap();
            Self { params, validators, authenticators: Registry::default(), max_tx_bytes: 4096 }
        }

        fn check(&self, raw: &RawTx) -> Result<Admitted, (u32, String)> {
            let rules = AdmissionRules {
                chain_id: "c",
                params: &self.params,
                validators: &self.validators,
                authenticators: &self.authenticators,
                has_engine: false,
                max_tx_bytes: self.max_tx_bytes,
            };
            check_envelope(raw, &rules).map_err(|refused| (refused.code.code(), refused.message))
        }
    }

    fn signed(signer: &Signer, payload: &Payload, change: impl FnOnce(&mut TxBody)) -> RawTx {
        let mut body = TxBody {
            payload: payload.encode().unwrap().into(),
            payload_type: payload.payload_type().name().into(),
            nonce: 1,
            chain_id: "c".into(),
            ..TxBody::default()
        };
        change(&mut body);
        let signature = signer.sign(&body.signed_message(Serialization::Concat).unwrap());
        RawTx::new(&Transaction {
            signature: Signature {
                bytes: signature.into(),
                auth_type: signer.auth_type().to_string(),
            },
            body,
            serialization: Serialization::Concat,
            sender: signer.sender().to_vec().into(),
        })
        .unwrap()
    }

    fn transfer(amount: u64) -> Payload {
        Payload::Transfer(Transfer { to: EthAddress([9; 20]).into(), amount: amount.into() })
    }

    #[test]
    fn the_first_broken_rule_answers() {
        let (net, user) = (Net::new(true), Signer::user(private(2)));
        let join = Payload::ValidatorJoin(ValidatorJoin { power: 1 });
        let cases: [(RawTx, u32, &str); 6] = [
            (
                signed(&user, &transfer(1), |body| body.chain_id = "d".into()),
                5,
                "wrong chain ID: d",
            ),
            (
                signed(&user, &transfer(1), |body| body.chain_id = String::new()),
                5,
                "wrong chain ID: ",
            ),
            (
                signed(&user, &transfer(1), |body| body.payload_type = "execute".into()),
                2,
                "unknown payload type",
            ),
            (
                signed(&user, &transfer(1), |body| body.payload_type = "deploy".into()),
                2,
                "unknown payload type",
            ),
            (
                signed(&user, &transfer(1), |body| body.fee = 209_999_u64.into()),
                7,
                "insufficient fee set: fee 209999, required 210000",
            ),
            (
                signed(&user, &join, |body| body.payload = vec![0, 0].into()),
                1,
                "8 bytes expected at offset 2, 0 left",
            ),
        ];
        for (raw, code, message) in cases {
            assert_eq!(net.check(&raw), Err((code, message.to_owned())));
        }
        let good = signed(&user, &transfer(5), |body| body.fee = 210_001_u64.into());
        let admitted = net.check(&good).unwrap();
        assert_eq!(
            (admitted.price, admitted.fee, admitted.amount),
            (210_000.into(), 210_001.into(), 5.into())
        );
        assert_eq!(admitted.sender.identifier(), user.sender());
        assert_eq!(net.check(&signed(&user, &transfer(5), |_| ())).unwrap_err().0, 7);
        assert!(
            Net::new(false).check(&signed(&user, &transfer(5), |_| ())).is_ok(),
            "free without gas"
        );
    }

    #[test]
    fn size_and_network_end_come_first() {
        let (mut net, user) = (Net::new(false), Signer::user(private(2)));
        let raw = signed(&user, &transfer(1), |body| body.chain_id = "d".into());
        net.max_tx_bytes = u64::try_from(raw.len()).unwrap() - 1;
        assert_eq!(net.check(&raw), Err((12, "transaction size limit exceeded".into())));
        net.params.migration_status = MigrationStatus::MigrationCompleted;
        assert_eq!(net.check(&raw), Err((201, "network is halted following migration".into())));
    }

    #[test]
    fn votes_come_from_validators_and_bodies_from_nobody() {
        let (mut net, node) = (Net::new(false), Signer::node(private(1)));
        net.params.max_votes_per_tx = 2;
        let ids = |count| {
            Payload::ValidatorVoteIds(ValidatorVoteIds { ids: vec![uuid::Uuid::nil(); count] })
        };
        assert!(net.check(&signed(&node, &ids(2), |_| ())).is_ok());
        assert_eq!(net.check(&signed(&node, &ids(3), |_| ())).unwrap_err().0, 1);
        let stranger = Signer::node(private(3));
        let refused = net.check(&signed(&stranger, &ids(1), |_| ()));
        assert_eq!(refused, Err((9, "caller is not a validator".into())));
        let bodies = Payload::ValidatorVoteBodies(ValidatorVoteBodies { events: Vec::new() });
        assert_eq!(net.check(&signed(&node, &bodies, |_| ())).unwrap_err().0, 2);
    }

    #[test]
    fn a_migration_lets_little_through() {
        let (mut net, node) = (Net::new(false), Signer::node(private(1)));
        net.params.migration_status = MigrationStatus::MigrationInProgress;
        let text = "transaction type not allowed during migration: transfer";
        assert_eq!(net.check(&signed(&node, &transfer(1), |_| ())), Err((200, text.into())));
        let event = VotableEvent::new("migration", Vec::new()).unwrap();
        let proposal = Payload::CreateResolution(CreateResolution { event });
        assert_eq!(net.check(&signed(&node, &proposal, |_| ())).unwrap_err().0, 200);
    }

    #[test]
    fn a_signature_is_checked_with_the_senders_key() {
        let (net, user) = (Net::new(false), Signer::user(private(2)));
        let raw = signed(&user, &transfer(1), |_| ());
        assert_eq!(verify_signature(&raw, &net.authenticators).unwrap(), user.identifier());
        let mut forged = raw.transaction().clone();
        forged.body.nonce = 2;
        let refused =
            verify_signature(&RawTx::new(&forged).unwrap(), &net.authenticators).unwrap_err();
        assert_eq!(refused.code, TxCode::InvalidSignature);
        assert!(refused.message.starts_with("failed to verify the transaction: "));
    }

    #[test]
    fn pending_accounts_take_the_next_nonce_and_what_they_can_pay() {
        let (free, gas) = (Net::new(false).params, Net::new(true).params);
        let sender: AccountId = EthAddress([2; 20]).into();
        let admitted = |nonce, fee: u64, amount: u64| Admitted {
            sender: sender.clone(),
            price: 7_u64.into(),
            fee: fee.into(),
            amount: amount.into(),
            nonce,
        };
        let account = |balance: u64, nonce| Account { balance: balance.into(), nonce };
        assert_eq!(check_account(&admitted(5, 7, 50), &account(3, 4), &free), Ok(account(3, 5)));
        assert_eq!(check_account(&admitted(5, 7, 50), &account(60, 4), &gas), Ok(account(3, 5)));
        assert_eq!(check_account(&admitted(5, 7, 55), &account(60, 4), &gas), Ok(account(0, 5)));
        for (balance, amount) in [(0, 0), (60, 61)] {
            let refused =
                check_account(&admitted(5, 7, amount), &account(balance, 4), &gas).unwrap_err();
            assert_eq!(refused.to_string(), "insufficient balance for fee or transfer");
        }
        let refused = check_account(&admitted(8, 7, 0), &account(60, 4), &free).unwrap_err();
        let hex = "02".repeat(20);
        let text = format!("invalid nonce for account {hex}: got 8, expected 5: invalid nonce");
        assert_eq!((refused.code, refused.message), (TxCode::InvalidNonce, text));
    }

    #[test]
    fn prices_are_told_before_anybody_signs() {
        let (gas, free) = (Net::new(true).params, Net::new(false).params);
        let unsigned = Transaction {
            signature: Signature::default(),
            body: TxBody {
                payload: transfer(1).encode().unwrap().into(),
                payload_type: "transfer".into(),
                ..TxBody::default()
            },
            serialization: Serialization::Concat,
            sender: Vec::new().into(),
        };
        assert_eq!(estimate_price(&unsigned, &gas, false), Ok(210_000_u64.into()));
        assert_eq!(estimate_price(&unsigned, &free, false), Ok(Amount::ZERO));
        let execute = Transaction {
            body: TxBody { payload_type: "execute".into(), ..TxBody::default() },
            ..unsigned
        };
        assert_eq!(estimate_price(&execute, &free, false).unwrap_err().code, TxCode::InvalidTxType);
    }
}
