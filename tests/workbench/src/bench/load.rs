//! Senders of signed transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kwil_client::{ClientOptions, Parameters, Provider, TxDraft, UserClient, account_of_signer};
use kwil_crypto::auth::Signer;
use kwil_crypto::{EthAddress, KeyType, PrivateKey};
use kwil_types::{AccountId, RawTx};
use tokio::task::JoinSet;

use super::workload::Workload;

/// Accounts that send.
pub(super) const SENDERS: u8 = 64;
const CHAIN: &str = "test-chain";
const WAIT: Duration = Duration::from_secs(15);

/// What senders send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    Transfer,
    Database(&'static Workload),
}

/// One sender.
pub(super) struct Sender {
    signer: Signer,
    account: AccountId,
    nonce: u64,
    /// Every sender has numbers of rows of its own.
    next_row: i64,
}

/// Senders with fixed keys, so that a genesis document can endow them.
pub(super) fn senders() -> Result<Vec<Sender>> {
    (1..=SENDERS)
        .map(|number| {
            let signer = Signer::user(PrivateKey::from_bytes(KeyType::Secp256k1, &[number; 32])?);
            let account = account_of_signer(&signer)?;
            let next_row = i64::from(number).saturating_mul(1_000_000_000);
            Ok(Sender { signer, account, nonce: 0, next_row })
        })
        .collect()
}

/// Their entries in a genesis command.
pub(super) fn allocations() -> Result<Vec<String>> {
    senders()?
        .iter()
        .map(|sender| Ok(format!("{}:1000000000", sender.signer.identifier())))
        .collect()
}

impl Sender {
    fn next(&mut self, work: Work) -> Result<RawTx> {
        match work {
            Work::Transfer => {
                let to = AccountId::from(EthAddress([7; 20]));
                self.sign(&TxDraft::transfer(to, 1u64.into())?)
            }
            Work::Database(workload) => {
                let first = self.next_row;
                self.next_row = first.saturating_add(i64::try_from(workload.rows)?);
                self.sign(&TxDraft::new(&(workload.payload)(first, workload.rows)?)?)
            }
        }
    }

    fn sign(&mut self, draft: &TxDraft) -> Result<RawTx> {
        self.nonce = self.nonce.saturating_add(1);
        Ok(draft.clone().nonce(self.nonce).sign(&self.signer, CHAIN)?)
    }

    /// Identity in the text form.
    pub(super) fn identifier(&self) -> String {
        self.signer.identifier()
    }

    /// Runs a script and waits for it.
    pub(super) async fn run(&mut self, client: &UserClient, script: &str) -> Result<()> {
        let raw = self.sign(&TxDraft::raw_statement(script, &Parameters::new())?)?;
        let answer = client.broadcast_and_wait(raw.transaction().into(), WAIT).await?;
        let result = answer.result.context("no result of the script")?;
        ensure!(result.code == 0, "the script failed: {}", result.log);
        Ok(())
    }
}

pub(super) fn client(provider: &str) -> Result<UserClient> {
    Ok(UserClient::new(&provider.parse::<Provider>()?, &ClientOptions::new())?)
}

/// Times from sending to the committed result at a fixed rate; each sender waits for its own transfer.
pub(super) async fn latencies(
    senders: Vec<Sender>,
    provider: &str,
    rate: u64,
    seconds: u64,
) -> Result<(Vec<Duration>, Vec<Sender>)> {
    let client = Arc::new(client(provider)?);
    let (free_tx, mut free) = tokio::sync::mpsc::channel(usize::from(SENDERS));
    for sender in senders {
        free_tx.try_send(sender).ok().context("queue of senders")?;
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate)?);
    let mut sent = JoinSet::new();
    for _ in 0..rate.saturating_mul(seconds) {
        ticks.tick().await;
        let mut sender: Sender = free.recv().await.context("senders are gone")?;
        let (client, free_tx) = (Arc::clone(&client), free_tx.clone());
        sent.spawn(async move {
            let raw = sender.next(Work::Transfer)?;
            let started = Instant::now();
            let answer = client.broadcast_and_wait(raw.transaction().into(), WAIT).await?;
            let took = started.elapsed();
            ensure!(answer.result.is_some_and(|result| result.code == 0), "a transfer failed");
            free_tx.send(sender).await.ok().context("queue of senders")?;
            anyhow::Ok(took)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = sent.join_next().await {
        times.push(done??);
    }
    free.close();
    let mut back = Vec::new();
    while let Some(sender) = free.recv().await {
        back.push(sender);
    }
    times.sort_unstable();
    back.sort_unstable_by_key(|sender| sender.next_row);
    Ok((times, back))
}

/// Transactions per second from the first broadcast to the last commit. Signing happens before the clock starts.
pub(super) async fn throughput(
    senders: &mut [Sender],
    provider: &str,
    work: Work,
    transactions: u64,
) -> Result<f64> {
    let each = transactions.div_ceil(u64::from(SENDERS));
    let mut signed = Vec::new();
    for sender in &mut *senders {
        let batch: Result<Vec<RawTx>> = (0..each).map(|_| sender.next(work)).collect();
        signed.push(batch?);
    }
    let client = Arc::new(client(provider)?);
    let started = Instant::now();
    let mut work = JoinSet::new();
    for batch in signed {
        let client = Arc::clone(&client);
        work.spawn(async move {
            let (last, others) = batch.split_last().context("no transactions")?;
            for raw in others {
                client.broadcast(raw.transaction().into()).await?;
            }
            client.broadcast_and_wait(last.transaction().into(), WAIT.saturating_mul(4)).await?;
            anyhow::Ok(())
        });
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    let took = started.elapsed().as_secs_f64();
    for sender in senders.iter() {
        let account = client.account(&sender.account, false).await?;
        ensure!(
            u64::try_from(account.nonce)? == sender.nonce,
            "a transaction is missing: nonce {} of {}",
            account.nonce,
            sender.nonce
        );
    }
    let count = u32::try_from(each.saturating_mul(u64::from(SENDERS)))?;
    Ok(f64::from(count) / took)
}
