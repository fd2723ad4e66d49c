//! How transactions of users are sent, and what is printed about them.

use std::time::Duration;

use kwil_api::TxQuery;
use kwil_client::{ClientError, TxDraft, UserClient, account_of_signer};
use kwil_crypto::Hash;
use kwil_crypto::auth::Signer;
use serde::Serialize;

use super::{Settings, UserArgs};
use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::query_tx::print_outcome;

/// Longest wait for a block with --sync.
const SYNC_WAIT: Duration = Duration::from_secs(60);

/// How a transaction is sent.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct TxArgs {
    /// Nonce; -1 asks the node
    #[arg(short = 'N', long, default_value_t = -1, value_name = "N")]
    nonce: i64,
    /// Wait until the transaction is in a block; exits with 6 when it failed
    #[arg(long)]
    sync: bool,
}

impl TxArgs {
    /// The nonce of the caller's own choice.
    pub(super) fn nonce(self) -> Option<u64> {
        u64::try_from(self.nonce).ok()
    }

    /// Prints what became of a transaction that was sent.
    pub(super) fn finish(
        self,
        hash: Hash,
        user: &UserArgs,
        settings: &Settings,
        context: &mut Context,
    ) -> Result<(), CliError> {
        if !self.sync {
            let json = serde_json::json!({ "tx_hash": hash.to_string() });
            return context.output.emit(&json, || format!("TxHash: {hash}"));
        }
        context.output.note(&format!("TxHash: {hash}"));
        print_outcome(&wait(hash, user, settings, context)?, context)
    }

    /// Signs and sends one transaction, and prints what became of it.
    pub(super) fn send(
        self,
        draft: TxDraft,
        user: &UserArgs,
        settings: &Settings,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let signer = settings.signer(context)?;
        let draft = match self.nonce() {
            Some(nonce) => draft.nonce(nonce),
            None => draft,
        };
        let hash = user.ask(settings, context, async |node| {
            let chain_id = network(node, &settings.chain_id).await?;
            node.send(draft, &signer, &chain_id).await
        })?;
        self.finish(hash, user, settings, context)
    }

    /// Signs and sends several transactions with consecutive nonces.
    pub(super) fn send_all(
        self,
        drafts: Vec<TxDraft>,
        user: &UserArgs,
        settings: &Settings,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let signer = settings.signer(context)?;
        let total = drafts.len();
        let mut first = self.nonce();
        let mut hashes = Vec::with_capacity(total);
        for (at, draft) in (0_u64..).zip(drafts) {
            let (nonce, hash) = user.ask(settings, context, async |node| {
                send_next(node, draft, &signer, &settings.chain_id, (first, at)).await
            })?;
            first = Some(nonce);
            hashes.push(hash.to_string());
            let done = hashes.len();
            context.output.note(&format!("batch {done} of {total}: TxHash: {hash}"));
            if self.sync {
                self.must_succeed(hash, user, settings, context)?;
            }
        }
        let text = || hashes.iter().map(|hash| format!("TxHash: {hash}\n")).collect();
        context.output.emit(&Sent { tx_hashes: &hashes }, text)
    }

    /// A batch that fails is the last one.
    fn must_succeed(
        self,
        hash: Hash,
        user: &UserArgs,
        settings: &Settings,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let answer = wait(hash, user, settings, context)?;
        let failed = answer.tx_result.as_ref().is_some_and(|result| result.code != 0);
        if failed { print_outcome(&answer, context) } else { Ok(()) }
    }
}

/// Waits until the transaction is in a block.
fn wait(
    hash: Hash,
    user: &UserArgs,
    settings: &Settings,
    context: &mut Context,
) -> Result<TxQuery, CliError> {
    user.ask(settings, context, async |node| node.wait_for(hash, SYNC_WAIT).await)
}

#[derive(Serialize)]
struct Sent<'a> {
    tx_hashes: &'a [String],
}

/// Sends with the nonce `first + at`; asks for the first when it is not known. Returns the first.
async fn send_next(
    node: &UserClient,
    draft: TxDraft,
    signer: &Signer,
    configured: &str,
    (first, at): (Option<u64>, u64),
) -> Result<(u64, Hash), ClientError> {
    let first = match first {
        Some(first) => first,
        None => node.next_nonce(&account_of_signer(signer)?).await?,
    };
    let chain_id = network(node, configured).await?;
    let draft = draft.nonce(first.saturating_add(at));
    Ok((first, node.send(draft, signer, &chain_id).await?))
}

/// The node's network, which must be the configured one.
pub(super) async fn network(node: &UserClient, configured: &str) -> Result<String, ClientError> {
    let remote = node.chain_info().await?.chain_id;
    if !configured.is_empty() && configured != remote {
        return Err(ClientError::WrongChain { remote, configured: configured.to_owned() });
    }
    Ok(remote)
}

/// A read with proof needs a key.
pub(super) fn reader(settings: &Settings, context: &mut Context) -> Result<Signer, CliError> {
    if settings.has_key() {
        return settings.signer(context);
    }
    Err(no_key_for_proof())
}

/// There is no key, and the read wants proof of who asks.
pub(super) fn no_key_for_proof() -> CliError {
    CliError::new(ErrorCode::Usage, "private key not provided for authenticated calls")
        .hint("use --private-key, KWILCLI_PRIVATE_KEY, or kwil-cli configure")
}
