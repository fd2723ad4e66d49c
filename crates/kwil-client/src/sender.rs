//! Many transactions of one account without asking for the nonce each time.

use kwil_crypto::Hash;
use kwil_crypto::auth::Signer;
use kwil_types::{AccountId, TxCode};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::error::ClientError;
use crate::tx::{TxDraft, account_of_signer};
use crate::user::UserClient;

/// Sends the transactions of one account in order. Nodes take nonces without gaps, so one is on its way at a time; the
/// next nonce is counted here, and asked for again when somebody else used the account.
#[derive(Debug)]
pub struct Sender {
    client: UserClient,
    signer: Signer,
    account: AccountId,
    chain_id: String,
    /// The nonce of the next transaction, once known.
    next: Mutex<Option<u64>>,
}

impl Sender {
    /// A sender for the account of this signer.
    ///
    /// # Errors
    /// As [`account_of_signer`].
    pub fn new(
        client: UserClient,
        signer: Signer,
        chain_id: impl Into<String>,
    ) -> Result<Self, ClientError> {
        let account = account_of_signer(&signer)?;
        Ok(Self { client, signer, account, chain_id: chain_id.into(), next: Mutex::new(None) })
    }

    /// Signs a transaction with the next nonce and sends it; returns its id when the mempool has it. A draft without a
    /// fee is priced by the node.
    ///
    /// # Errors
    /// As [`UserClient::send`]. After a refusal the nonce is not used up.
    pub async fn send(&self, draft: TxDraft) -> Result<Hash, ClientError> {
        let mut next = self.next.lock().await;
        let nonce = match *next {
            Some(nonce) => nonce,
            None => self.client.next_nonce(&self.account).await?,
        };
        let mut sent = self.send_with(&draft, nonce).await;
        let mut used = nonce;
        if let Some(expected) =
            sent.as_ref().err().and_then(expected_nonce).filter(|expected| *expected != nonce)
        {
            used = expected;
            sent = self.send_with(&draft, expected).await;
        }
        // After any doubt about what the node has, it is asked again.
        *next = sent.is_ok().then(|| used.saturating_add(1));
        sent
    }

    async fn send_with(&self, draft: &TxDraft, nonce: u64) -> Result<Hash, ClientError> {
        let raw =
            self.client.prepare(draft.clone().nonce(nonce), &self.signer, &self.chain_id).await?;
        Ok(self.client.broadcast(raw.transaction().into()).await?.tx_hash)
    }
}

/// The nonce that the node wants, when it refused another.
fn expected_nonce(error: &ClientError) -> Option<u64> {
    let rpc = error.rpc().filter(|rpc| rpc.tx_code() == Some(TxCode::InvalidNonce.code()))?;
    rpc.detail("expected_nonce").and_then(Value::as_u64)
}
