//! Making, signing, sending and awaiting transactions.

use std::time::Duration;

use kwil_api::{RpcCode, TxQuery};
use kwil_crypto::Hash;
use kwil_crypto::auth::Signer;
use kwil_types::wire::LengthOverflow;
use kwil_types::{
    AccountId, Amount, Payload, RawTx, Serialization, Signature, Transaction, Transfer, TxBody,
    TxError,
};
use tokio::time::Instant;

use crate::error::ClientError;
use crate::user::UserClient;

/// Between two looks whether a transaction is in a block.
const POLL: Duration = Duration::from_millis(200);

/// A transaction to be made: what it does, and what the caller wants to decide.
#[derive(Clone, Debug)]
pub struct TxDraft {
    payload_type: String,
    payload: Vec<u8>,
    description: String,
    nonce: Option<u64>,
    fee: Option<Amount>,
}

impl TxDraft {
    /// A transaction with this payload.
    ///
    /// # Errors
    /// When a part of the payload is too long to encode.
    pub fn new(payload: &Payload) -> Result<Self, LengthOverflow> {
        Ok(Self {
            payload_type: payload.payload_type().name().to_owned(),
            payload: payload.encode()?,
            description: String::new(),
            nonce: None,
            fee: None,
        })
    }

    /// Tokens to another account.
    ///
    /// # Errors
    /// When the amount is too long to encode.
    pub fn transfer(to: AccountId, amount: Amount) -> Result<Self, LengthOverflow> {
        Self::new(&Payload::Transfer(Transfer { to, amount }))
    }

    /// Text that wallets show.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// This nonce instead of the account's next.
    #[must_use]
    pub const fn nonce(mut self, nonce: u64) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// This fee instead of the price.
    #[must_use]
    pub fn fee(mut self, fee: Amount) -> Self {
        self.fee = Some(fee);
        self
    }

    /// Signs without asking anybody: nonce and fee are what was set, else 0.
    ///
    /// # Errors
    /// When a limit is broken.
    pub fn sign(&self, signer: &Signer, chain_id: &str) -> Result<RawTx, TxError> {
        let mut transaction = self.unsigned(signer, chain_id);
        let message = transaction.signed_message()?;
        transaction.signature.bytes = signer.sign(&message).into();
        RawTx::new(&transaction)
    }

    fn unsigned(&self, signer: &Signer, chain_id: &str) -> Transaction {
        Transaction {
            signature: Signature {
                bytes: Vec::new().into(),
                auth_type: signer.auth_type().as_str().to_owned(),
            },
            body: TxBody {
                description: self.description.clone(),
                payload: self.payload.clone().into(),
                payload_type: self.payload_type.clone(),
                fee: self.fee.clone().unwrap_or_default(),
                nonce: self.nonce.unwrap_or_default(),
                chain_id: chain_id.to_owned(),
            },
            serialization: Serialization::Concat,
            sender: signer.sender().to_vec().into(),
        }
    }
}

/// The account whose nonce and balance a signer uses.
///
/// # Errors
/// When the signer's sender bytes are no account, which no stock signer has.
pub fn account_of_signer(signer: &Signer) -> Result<AccountId, ClientError> {
    AccountId::new(signer.public_key().key_type(), signer.sender())
        .map_err(|error| ClientError::Tls(error.to_string()))
}

impl UserClient {
    /// Fills in nonce and fee from the node, and signs. Both are asked for at once.
    ///
    /// # Errors
    /// When the node does not answer or a limit is broken.
    pub async fn prepare(
        &self,
        draft: TxDraft,
        signer: &Signer,
        chain_id: &str,
    ) -> Result<RawTx, ClientError> {
        let account = account_of_signer(signer)?;
        let nonce = async {
            match draft.nonce {
                Some(nonce) => Ok(nonce),
                None => self.next_nonce(&account).await,
            }
        };
        let price = async {
            match &draft.fee {
                Some(fee) => Ok(fee.clone()),
                None => {
                    let unsigned = draft.unsigned(signer, chain_id);
                    Ok(self.estimate_price((&unsigned).into()).await?.price)
                }
            }
        };
        let (nonce, fee) = tokio::try_join!(nonce, price)?;
        Ok(draft.nonce(nonce).fee(fee).sign(signer, chain_id)?)
    }

    /// The nonce of an account's next transaction, those in the node's mempool counted.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn next_nonce(&self, account: &AccountId) -> Result<u64, ClientError> {
        let known = self.account(account, true).await?;
        Ok(u64::try_from(known.nonce).unwrap_or_default().saturating_add(1))
    }

    /// Prepares a transaction and sends it; returns its id when the mempool has it.
    ///
    /// # Errors
    /// As [`Self::prepare`] and [`Self::broadcast`].
    pub async fn send(
        &self,
        draft: TxDraft,
        signer: &Signer,
        chain_id: &str,
    ) -> Result<Hash, ClientError> {
        let raw = self.prepare(draft, signer, chain_id).await?;
        Ok(self.broadcast(raw.transaction().into()).await?.tx_hash)
    }

    /// Transfers after a look at the balance.
    ///
    /// # Errors
    /// [`ClientError::Balance`] when amount and fee are more than there is; otherwise as [`Self::prepare`].
    pub async fn prepare_transfer(
        &self,
        to: AccountId,
        amount: Amount,
        signer: &Signer,
        chain_id: &str,
    ) -> Result<RawTx, ClientError> {
        let draft = TxDraft::transfer(to, amount.clone()).map_err(TxError::from)?;
        let account = self.account(&account_of_signer(signer)?, true).await?;
        let fee = self.estimate_price((&draft.unsigned(signer, chain_id)).into()).await?.price;
        let needed = amount.checked_add(&fee);
        if needed.as_ref().is_none_or(|needed| *needed > account.balance) {
            return Err(ClientError::Balance {
                needed: needed.unwrap_or(amount).to_string(),
                balance: account.balance.to_string(),
            });
        }
        let nonce = u64::try_from(account.nonce).unwrap_or_default().saturating_add(1);
        Ok(draft.nonce(nonce).fee(fee).sign(signer, chain_id)?)
    }

    /// Waits until a transaction is in a block, whatever its result. A node that does not know it yet may still learn
    /// of it.
    ///
    /// # Errors
    /// [`ClientError::TxPending`] when the time is over; otherwise what the node answers.
    pub async fn wait_for(&self, hash: Hash, limit: Duration) -> Result<TxQuery, ClientError> {
        let deadline = Instant::now().checked_add(limit);
        let mut looks = tokio::time::interval(POLL);
        loop {
            looks.tick().await;
            match self.tx_query(hash).await {
                Ok(found) if found.height > 0 => return Ok(found),
                Ok(_pending) => {}
                Err(ClientError::Rpc(error)) if error.code() == RpcCode::TX_NOT_FOUND => {}
                Err(error) => return Err(error),
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(ClientError::TxPending { hash, waited: limit });
            }
        }
    }

    /// As [`Self::wait_for`], and a failed transaction is an error.
    ///
    /// # Errors
    /// [`ClientError::TxFailed`] when its result code is not 0.
    pub async fn wait_for_success(
        &self,
        hash: Hash,
        limit: Duration,
    ) -> Result<TxQuery, ClientError> {
        let found = self.wait_for(hash, limit).await?;
        match &found.tx_result {
            Some(result) if !result_is_ok(result) => Err(ClientError::TxFailed {
                hash,
                height: found.height,
                result: Box::new(result.clone()),
            }),
            _ => Ok(found),
        }
    }
}

const fn result_is_ok(result: &kwil_api::TxResult) -> bool {
    result.code == 0
}
