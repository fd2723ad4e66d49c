//! Signed transfers from the test process, and what must be true of them afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kwil_client::{ClientOptions, Provider, TxDraft, UserClient, account_of_signer};
use kwil_crypto::auth::Signer;
use kwil_crypto::{Hash, KeyType, PrivateKey};
use kwil_harness::network::{Member, Network};
use kwil_types::AccountId;
use tokio::runtime::Runtime;

/// Chain id of [`Network`].
pub(crate) const CHAIN: &str = "test-chain";
/// Longest wait for something that a network has to do.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
const ENDOWMENT: &str = "1000000000";
const REQUEST: Duration = Duration::from_secs(10);

/// A user's key.
pub(crate) struct Wallet {
    secret: [u8; 32],
}

impl Wallet {
    /// The wallet of this number, the same in every run.
    pub(crate) fn new(number: u8) -> Self {
        let mut secret = [7; 32];
        secret[31] = number;
        Self { secret }
    }

    pub(crate) fn signer(&self) -> Signer {
        let key = PrivateKey::from_bytes(KeyType::Secp256k1, &self.secret);
        Signer::user(key.expect("below the order of the curve"))
    }

    pub(crate) fn account(&self) -> AccountId {
        account_of_signer(&self.signer()).expect("a stock signer has an account")
    }

    /// Its private key, as `kwil-cli` takes it.
    pub(crate) fn hex(&self) -> String {
        hex::encode(self.secret)
    }

    /// Its entry in a genesis document.
    pub(crate) fn alloc(&self) -> String {
        format!("{}:{ENDOWMENT}", self.signer().identifier())
    }
}

/// A client that blocks its thread.
pub(crate) struct Client {
    runtime: Runtime,
    pub(crate) user: UserClient,
}

impl Client {
    pub(crate) fn new(provider: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let options = ClientOptions::new().timeout(REQUEST);
        let user = runtime.block_on(async {
            UserClient::new(&provider.parse::<Provider>()?, &options).map_err(anyhow::Error::from)
        })?;
        Ok(Self { runtime, user })
    }

    pub(crate) fn run<T>(
        &self,
        ask: impl AsyncFnOnce(&UserClient) -> Result<T, kwil_client::ClientError>,
    ) -> Result<T> {
        Ok(self.runtime.block_on(ask(&self.user))?)
    }

    pub(crate) fn height(&self) -> Result<u64> {
        Ok(self.run(async |user| user.chain_info().await)?.block_height)
    }

    /// Sends one transfer of one token and waits for its block.
    pub(crate) fn transfer(&self, wallet: &Wallet, to: &AccountId) -> Result<Hash> {
        let draft = TxDraft::transfer(to.clone(), 1_u64.into())?;
        self.run(async |user| {
            let hash = user.send(draft, &wallet.signer(), CHAIN).await?;
            user.wait_for_success(hash, DEADLINE).await?;
            Ok(hash)
        })
    }

    /// Waits until the node answers and has a block of this height.
    pub(crate) fn wait_height(&self, height: u64) -> Result<()> {
        self.runtime.block_on(async {
            let end = Instant::now() + DEADLINE;
            let mut looks = tokio::time::interval(Duration::from_millis(100));
            loop {
                looks.tick().await;
                let seen = self.user.chain_info().await;
                if seen.as_ref().is_ok_and(|info| info.block_height >= height) {
                    return Ok(());
                }
                if Instant::now() > end {
                    bail!("no block {height} at {}: {seen:?}", self.user.endpoint());
                }
            }
        })
    }

    /// Height and hash of a transaction's block.
    fn place(&self, tx: Hash) -> Result<i64> {
        Ok(self.run(async |user| user.wait_for_success(tx, DEADLINE).await)?.height)
    }

    fn app_hash(&self, height: u64) -> Result<(Hash, Hash)> {
        let answer =
            self.run(async |user| user.block(i64::try_from(height).unwrap_or(i64::MAX)).await)?;
        let commit = answer.commit_info.with_context(|| format!("block {height} has no commit"))?;
        Ok((answer.hash, commit.app_hash))
    }
}

/// What makes a transfer count as acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// A node that stays alive has it in its mempool.
    Accepted,
    /// It is in a block.
    Committed,
}

/// One account's transfers, sent by a thread of its own until [`Load::stop`].
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Hash>>>,
    thread: JoinHandle<Result<()>>,
}

impl Load {
    /// Sends to the first provider that answers, beginning with the first; goes to the next when one fails.
    pub(crate) fn start(
        wallet: Wallet,
        to: AccountId,
        providers: Vec<String>,
        promise: Promise,
    ) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (ended, list) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(send_all(&wallet, &to, &providers, promise, &ended, &list))
        });
        Self { stop, sent, thread }
    }

    fn count(&self) -> usize {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until `more` further transfers are acknowledged.
    pub(crate) fn wait_more(&self, more: usize) -> Result<()> {
        let (start, end) = (self.count(), Instant::now() + DEADLINE);
        while self.count() < start + more {
            ensure!(!self.thread.is_finished(), "the load ended by itself");
            ensure!(
                Instant::now() < end,
                "only {} of {more} transfers in time",
                self.count() - start
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends the load; returns the ids of all acknowledged transfers.
    pub(crate) fn stop(self) -> Result<Vec<Hash>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
        Ok(std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

async fn send_all(
    wallet: &Wallet,
    to: &AccountId,
    providers: &[String],
    promise: Promise,
    stop: &AtomicBool,
    sent: &Mutex<Vec<Hash>>,
) -> Result<()> {
    let signer = wallet.signer();
    let clients = providers
        .iter()
        .map(|provider| {
            Ok(UserClient::new(
                &provider.parse::<Provider>()?,
                &ClientOptions::new().timeout(REQUEST),
            )?)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    let mut turn = 0_usize;
    let draft = TxDraft::transfer(to.clone(), 1_u64.into())?.fee(0_u64.into());
    while !stop.load(Ordering::Relaxed) {
        pause.tick().await;
        let client = &clients[turn % clients.len()];
        let result = async {
            let raw = client.prepare(draft.clone(), &signer, CHAIN).await?;
            match promise {
                Promise::Accepted => client.broadcast(raw.transaction().into()).await,
                Promise::Committed => {
                    client.broadcast_and_wait(raw.transaction().into(), REQUEST).await
                }
            }
        }
        .await;
        match result {
            Ok(done) => sent.lock().unwrap_or_else(PoisonError::into_inner).push(done.tx_hash),
            // A node that was killed, or that catches up: the next one is asked.
            Err(_refused) => turn += 1,
        }
    }
    Ok(())
}

/// Every acknowledged transfer is in one and the same block of every node; each node counts the same balance.
pub(crate) fn nothing_is_lost(
    network: &Network,
    acknowledged: &[Hash],
    to: &AccountId,
) -> Result<()> {
    let clients = network
        .members
        .iter()
        .map(|member| Client::new(&member.provider()))
        .collect::<Result<Vec<_>>>()?;
    let first = clients.first().context("a network has members")?;
    for tx in acknowledged {
        let height = first.place(*tx).with_context(|| format!("transfer {tx} was acknowledged"))?;
        for other in &clients[1..] {
            let there = other.place(*tx)?;
            ensure!(there == height, "transfer {tx} is in block {height} and in block {there}");
        }
    }
    let top = first.height()?;
    let mut balances = Vec::new();
    for client in &clients {
        client.wait_height(top)?;
        balances.push(client.run(async |user| user.account(to, false).await)?.balance);
    }
    let least = kwil_types::Amount::from(u64::try_from(acknowledged.len())?);
    ensure!(
        balances.iter().all(|balance| *balance == balances[0]),
        "balances differ: {balances:?}"
    );
    ensure!(
        balances[0] >= least,
        "{} transfers were acknowledged, the receiver has {}",
        least,
        balances[0]
    );
    Ok(())
}

/// Block hash and app hash of each height are the same on all nodes.
pub(crate) fn equal_chains(network: &Network) -> Result<u64> {
    let clients = network
        .members
        .iter()
        .map(|member| Client::new(&member.provider()))
        .collect::<Result<Vec<_>>>()?;
    let first = clients.first().context("a network has members")?;
    let top = first.height()?;
    for client in &clients[1..] {
        client.wait_height(top)?;
    }
    for height in 1..=top {
        let want = first.app_hash(height)?;
        for other in &clients[1..] {
            let got = other.app_hash(height)?;
            ensure!(got == want, "block {height} is {want:?} and {got:?}");
        }
    }
    Ok(top)
}

/// `kwild admin verify-state` holds on the member's host.
pub(crate) fn state_holds(member: &Member) -> Result<()> {
    let out = member.host.run(&format!("kwild admin verify-state -r {}", member.root()))?.ok()?;
    ensure!(
        out.starts_with("State at height ") && out.contains("is what the validators signed"),
        "printed {out:?}"
    );
    Ok(())
}
