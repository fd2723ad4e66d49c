//! `account transfer`.

use kwil_client::{ClientError, TxDraft, UserClient};
use kwil_crypto::Hash;
use kwil_crypto::auth::Signer;
use kwil_types::{AccountId, Amount, RawTx, TxError};

use super::parse_account;
use crate::context::Context;
use crate::error::CliError;
use crate::user::tx::{TxArgs, network};
use crate::user::{Settings, UserArgs};

/// Send tokens to another account.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  kwil-cli account transfer 0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7 100 \\\n    --sync"
)]
pub struct Transfer {
    /// Address or key in hex
    #[arg(value_name = "TO")]
    to: String,
    /// Amount; a key type may stand before it
    #[arg(value_name = "AMOUNT", num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// Type of the receiver's key
    #[arg(short = 't', long = "keytype", default_value = "secp256k1", value_name = "TYPE")]
    key_type: String,
    #[command(flatten)]
    tx: TxArgs,
}

/// Everything that is known before the node is asked.
struct Order<'a> {
    to: AccountId,
    amount: Amount,
    signer: Signer,
    chain_id: &'a str,
    nonce: Option<u64>,
}

impl Transfer {
    /// Signs and sends.
    ///
    /// # Errors
    /// Wrong arguments, no key, what the node or the way to it says, or a failed transaction with --sync.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        let (key_type, amount) = match self.words.as_slice() {
            [amount] => (self.key_type.as_str(), amount),
            [key_type, amount] => (key_type.as_str(), amount),
            _ => return Err(CliError::usage("expected an account and an amount")),
        };
        let order = Order {
            to: parse_account(&self.to, key_type)?,
            amount: amount.parse().map_err(|_| CliError::usage("invalid decimal amount"))?,
            signer: settings.signer(context)?,
            chain_id: &settings.chain_id,
            nonce: self.tx.nonce(),
        };
        let hash = user.ask(&settings, context, async |node| send(node, order).await)?;
        self.tx.finish(hash, user, &settings, context)
    }
}

async fn send(node: &UserClient, order: Order<'_>) -> Result<Hash, ClientError> {
    let remote = network(node, order.chain_id).await?;
    let raw = prepare(node, order, &remote).await?;
    Ok(node.broadcast(raw.transaction().into()).await?.tx_hash)
}

/// A nonce of the caller is used as it is; otherwise the balance is looked at first.
async fn prepare(
    node: &UserClient,
    order: Order<'_>,
    chain_id: &str,
) -> Result<RawTx, ClientError> {
    let Order { to, amount, signer, nonce, .. } = order;
    match nonce {
        Some(nonce) => {
            let draft = TxDraft::transfer(to, amount).map_err(TxError::from)?;
            node.prepare(draft.nonce(nonce), &signer, chain_id).await
        }
        None => node.prepare_transfer(to, amount, &signer, chain_id).await,
    }
}
