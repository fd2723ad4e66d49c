//! Transactions that this node makes and signs with its own key.

use std::sync::Arc;

use bytes::Bytes;
use kwil_api::admin::Submitted;
use kwil_api::{RpcCode, RpcError};
use kwil_crypto::PrivateKey;
use kwil_crypto::auth::Signer;
use kwil_rpc::{NodeCommand, UserApi as _, Wait};
use kwil_types::{
    AccountId, ApproveResolution, CreateResolution, Payload, RawTx, Serialization, Transaction,
    TxBody, ValidatorApprove, ValidatorJoin, ValidatorLeave, ValidatorRemove, VotableEvent,
};
use tokio::sync::Mutex;

use super::Services;
use crate::mempool::Origin;

/// Power that a candidate asks for.
const JOIN_POWER: u64 = 1;

/// The node's key as the author of transactions. Its lock orders commands, so that two never take one nonce.
#[derive(Clone)]
pub(crate) struct NodeWallet(Arc<Inner>);

struct Inner {
    signer: Signer,
    account: AccountId,
    chain_id: String,
    turn: Mutex<()>,
}

impl NodeWallet {
    pub(crate) fn new(key: PrivateKey, chain_id: String) -> Self {
        let account = AccountId::from(&key.public_key());
        Self(Arc::new(Inner { signer: Signer::node(key), account, chain_id, turn: Mutex::new(()) }))
    }

    /// Account of the node's own transactions.
    pub(crate) fn account(&self) -> &AccountId {
        &self.0.account
    }

    fn sign(
        &self,
        payload: &Payload,
        nonce: u64,
        fee: kwil_types::Amount,
    ) -> Result<RawTx, String> {
        let body = TxBody {
            description: String::new(),
            payload: Bytes::from(payload.encode().map_err(|error| error.to_string())?),
            payload_type: payload.payload_type().name().to_owned(),
            fee,
            nonce,
            chain_id: self.0.chain_id.clone(),
        };
        let sender = Bytes::copy_from_slice(self.0.signer.sender());
        let mut transaction = Transaction {
            signature: kwil_types::Signature::default(),
            body,
            serialization: Serialization::Direct,
            sender,
        };
        let message = transaction.signed_message().map_err(|error| error.to_string())?;
        transaction.signature = kwil_types::Signature {
            bytes: self.0.signer.sign(&message).into(),
            auth_type: self.0.signer.auth_type().as_str().to_owned(),
        };
        RawTx::new(&transaction).map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for NodeWallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeWallet").field("account", &self.0.account).finish_non_exhaustive()
    }
}

impl Services {
    /// Makes, signs and sends the transaction of an operator's command.
    pub(super) async fn submit_command(
        &self,
        command: NodeCommand,
        wait: Wait,
    ) -> Result<Submitted, RpcError> {
        let payload = payload(command)?;
        let turn = self.wallet.0.turn.lock().await;
        let account = self.account(self.wallet.account().clone(), true).await?.unwrap_or_default();
        let nonce = account.nonce.saturating_add(1);
        let price = kwil_state::price_of(&payload, self.state().network.params());
        let raw = self
            .wallet
            .sign(&payload, nonce, price)
            .map_err(|why| RpcError::new(RpcCode::TX_INTERNAL, why))?;
        // In the mempool the nonce is taken; whoever waits for a block must not hold up the next command.
        let sent = self.send(raw.clone(), Origin::Own, Wait::Accept).await?;
        drop(turn);
        let sent = match wait {
            Wait::Accept => sent,
            Wait::Commit(_) => self.send(raw, Origin::Own, wait).await?,
        };
        Ok(Submitted { tx_hash: sent.tx_hash, result: sent.result, height: sent.height })
    }
}

fn payload(command: NodeCommand) -> Result<Payload, RpcError> {
    Ok(match command {
        NodeCommand::Join => Payload::ValidatorJoin(ValidatorJoin { power: JOIN_POWER }),
        NodeCommand::Leave => Payload::ValidatorLeave(ValidatorLeave),
        NodeCommand::Approve(key) => Payload::ValidatorApprove(ValidatorApprove { candidate: key }),
        NodeCommand::Remove(key) => Payload::ValidatorRemove(ValidatorRemove { validator: key }),
        NodeCommand::CreateResolution { kind, body } => {
            let event = VotableEvent::new(kind, Bytes::from(body))
                .map_err(|error| RpcError::invalid_params(error.to_string()))?;
            Payload::CreateResolution(CreateResolution { event })
        }
        NodeCommand::ApproveResolution(id) => Payload::ApproveResolution(ApproveResolution { id }),
    })
}
