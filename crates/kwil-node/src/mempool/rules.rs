//! What can be said about a transaction without knowing its account.

use std::collections::BTreeSet;
use std::sync::Arc;

use kwil_crypto::SignatureError;
use kwil_crypto::auth::Registry;
use kwil_types::{
    AccountId, Amount, MigrationStatus, Payload, PayloadError, PayloadType, RawTx, ResolutionType,
    Signature, TxCode,
};

use super::Rejected;

/// What a payload costs while gas is on.
pub type PriceOf = fn(&Payload) -> Amount;

/// The parameters of the network, and of this node, that admission depends on. Replaced when a block changes them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Network that transactions must be for.
    pub chain_id: String,
    /// Largest transaction in bytes: the smaller of the node's and the block's limit.
    pub max_tx_bytes: usize,
    /// Whether fees are charged.
    pub gas: bool,
    /// Price of a payload.
    pub price: PriceOf,
    /// Where the network stands with a migration.
    pub migration: MigrationStatus,
    /// Whether actions may run through multi-agent accounts at the next height.
    pub maa_active: bool,
    /// Most resolution ids in one vote.
    pub max_votes_per_tx: usize,
    /// Accounts of the current validators, by their node keys.
    pub validators: BTreeSet<AccountId>,
    /// Authenticators of the network.
    pub authenticators: Arc<Registry>,
}

/// A transaction that passed [`Rules::check`].
#[derive(Clone, Debug)]
pub struct Checked {
    pub(crate) raw: RawTx,
    pub(crate) sender: AccountId,
    pub(crate) transfer: Amount,
}

impl Rules {
    /// Everything but signature and account, cheapest first.
    ///
    /// # Errors
    /// The code and text for the client.
    pub fn check(&self, raw: &RawTx) -> Result<Checked, Rejected> {
        if self.migration == MigrationStatus::MigrationCompleted {
            return Err(Rejected::plain(TxCode::NetworkHalted));
        }
        let tx = raw.transaction();
        if tx.body.chain_id != self.chain_id {
            let text = format!("{}: {}", TxCode::WrongChain, tx.body.chain_id);
            return Err(Rejected::invalid(TxCode::WrongChain, text));
        }
        if raw.len() > self.max_tx_bytes {
            let text =
                format!("{}: {} bytes, at most {}", TxCode::TooLarge, raw.len(), self.max_tx_bytes);
            return Err(Rejected::for_now(TxCode::TooLarge, text));
        }
        let sender = self.sender_of(raw)?;
        let payload =
            Payload::decode(&tx.body.payload_type, &tx.body.payload).map_err(undecodable)?;
        self.check_kind(&payload, &sender)?;
        let price = if self.gas { (self.price)(&payload) } else { Amount::ZERO };
        if tx.body.fee < price {
            let text = format!("{}: fee {}, price {price}", TxCode::InsufficientFee, tx.body.fee);
            return Err(Rejected::for_now(TxCode::InsufficientFee, text));
        }
        let transfer =
            if let Payload::Transfer(transfer) = payload { transfer.amount } else { Amount::ZERO };
        Ok(Checked { raw: raw.clone(), sender, transfer })
    }

    /// The account that pays for and orders the transaction.
    ///
    /// # Errors
    /// Unknown authenticator, or bytes that are no sender of it.
    pub fn sender_of(&self, raw: &RawTx) -> Result<AccountId, Rejected> {
        let tx = raw.transaction();
        let key_type =
            self.authenticators.get(&tx.signature.auth_type).map_err(bad_signature)?.key_type();
        AccountId::new(key_type, &tx.sender).map_err(|error| {
            Rejected::invalid(TxCode::InvalidSender, format!("{}: {error}", TxCode::InvalidSender))
        })
    }

    /// Checks the signature: about 0.1 ms of CPU time.
    ///
    /// # Errors
    /// Why it is not the sender's.
    pub fn verify_signature(&self, raw: &RawTx) -> Result<(), Rejected> {
        let tx = raw.transaction();
        let message = tx.signed_message().map_err(|error| {
            Rejected::invalid(TxCode::EncodingError, format!("{}: {error}", TxCode::EncodingError))
        })?;
        let Signature { auth_type, bytes } = &tx.signature;
        self.authenticators.verify(auth_type, &tx.sender, &message, bytes).map_err(bad_signature)
    }

    fn check_kind(&self, payload: &Payload, sender: &AccountId) -> Result<(), Rejected> {
        match payload {
            Payload::ValidatorVoteIds(votes) => self.check_votes(votes.ids.len(), sender)?,
            Payload::ValidatorVoteBodies(_) => {
                let text = "validator_vote_bodies is made by the leader of a block only";
                return Err(Rejected::invalid(TxCode::InvalidTxType, text));
            }
            Payload::DeleteResolution(_) => return Err(Rejected::plain(TxCode::InvalidTxType)),
            Payload::MaaExec(_) if !self.maa_active => {
                return Err(Rejected::plain(TxCode::InvalidTxType));
            }
            Payload::CreateResolution(proposal)
                if proposal.event.event_type() == ResolutionType::Migration.name()
                    && self.migration != MigrationStatus::NoActiveMigration =>
            {
                return Err(Rejected::plain(TxCode::NetworkInMigration));
            }
            Payload::RawStatement(_)
            | Payload::Transfer(_)
            | Payload::ValidatorJoin(_)
            | Payload::ValidatorLeave(_)
            | Payload::ValidatorApprove(_)
            | Payload::ValidatorRemove(_)
            | Payload::Execute(_)
            | Payload::CreateResolution(_)
            | Payload::ApproveResolution(_)
            | Payload::MaaExec(_) => {}
        }
        let frozen = self.migration == MigrationStatus::MigrationInProgress
            && match payload.payload_type() {
                PayloadType::RawStatement
                | PayloadType::Transfer
                | PayloadType::ValidatorJoin
                | PayloadType::ValidatorLeave
                | PayloadType::ValidatorApprove
                | PayloadType::ValidatorRemove
                | PayloadType::ValidatorVoteIds
                | PayloadType::ValidatorVoteBodies => true,
                PayloadType::Execute
                | PayloadType::CreateResolution
                | PayloadType::ApproveResolution
                | PayloadType::DeleteResolution
                | PayloadType::MaaExec => false,
            };
        if frozen { Err(Rejected::plain(TxCode::NetworkInMigration)) } else { Ok(()) }
    }

    fn check_votes(&self, got: usize, sender: &AccountId) -> Result<(), Rejected> {
        if !self.validators.contains(sender) {
            return Err(Rejected::for_now(
                TxCode::InvalidSender,
                "only validators vote on resolutions",
            ));
        }
        let limit = self.max_votes_per_tx;
        if got > limit {
            let text = format!("{got} resolution ids in one vote, at most {limit}");
            return Err(Rejected::for_now(TxCode::InvalidTxType, text));
        }
        Ok(())
    }
}

fn undecodable(error: PayloadError) -> Rejected {
    let code = error.tx_code();
    let text = match error {
        PayloadError::UnknownType(name) => format!("{code}: {name}"),
        error => format!("{code}: {error}"),
    };
    Rejected::invalid(code, text)
}

fn bad_signature(error: SignatureError) -> Rejected {
    Rejected::invalid(TxCode::InvalidSignature, format!("{}: {error}", TxCode::InvalidSignature))
}
