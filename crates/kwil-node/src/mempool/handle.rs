//! The mempool as the node uses it: checks before the lock, a short lock, waiting clients.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kwil_state::Account;
use kwil_types::{AccountId, RawTx, TxCode, TxId, TxResult};
use tokio::sync::watch;

use super::Rejected;
use super::metrics::MempoolMetrics;
use super::pool::{Limits, Pool, Reannounce, ReapLimits, Reaped, Summary};
use super::rules::Rules;
use super::sender::{Dropped, Origin};
use super::verify::Verifier;
use super::waiters::{Outcome, Waiters};

/// Asks the last committed state about an account. An account that does not exist has zeros.
pub type AccountLookup = Arc<
    dyn Fn(AccountId) -> Pin<Box<dyn Future<Output = Result<Account, LookupFailed>> + Send>>
        + Send
        + Sync,
>;

/// A block was committed while an account was being read this many times in a row: something is wrong.
const LOOKUP_TRIES: usize = 8;

/// The state could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot read account: {0}")]
pub struct LookupFailed(pub String);

/// A transaction that waits here now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It is new: announce it.
    New,
    /// It was here already.
    Known,
}

/// A committed block, as far as the mempool needs it.
#[derive(Clone, Debug)]
pub struct CommittedTxs {
    /// Height of the block.
    pub height: u64,
    /// Its transactions, in order.
    pub txs: Arc<[RawTx]>,
    /// Their results, in order.
    pub results: Vec<TxResult>,
    /// Every account whose nonce or balance the block changed, as it is now.
    pub accounts: Vec<(AccountId, Account)>,
}

/// Transactions that wait for a block. Clones share one mempool.
#[derive(Clone)]
pub struct Mempool(Arc<Inner>);

struct Inner {
    pool: Mutex<Guarded>,
    verifier: Verifier,
    lookup: AccountLookup,
    metrics: MempoolMetrics,
    summary: watch::Sender<Summary>,
}

type Report = Option<Result<Admitted, Rejected>>;

struct Guarded {
    pool: Pool,
    rules: Arc<Rules>,
    waiters: Waiters,
    checking: BTreeMap<TxId, watch::Receiver<Report>>,
}

/// Who checks a transaction.
enum Claim {
    /// Nobody needs to: it is in the pool.
    Here,
    /// Nobody may: the operator does not want it now.
    Barred(Rejected),
    /// The caller.
    Mine { report: watch::Sender<Report>, rules: Arc<Rules> },
    /// Somebody else does already.
    Running(watch::Receiver<Report>),
}

impl fmt::Debug for Mempool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mempool").field("summary", &self.summary()).finish_non_exhaustive()
    }
}

/// A place among those who wait for one transaction; giving it up is dropping it.
#[derive(Debug)]
pub struct Waiter {
    id: TxId,
    number: u64,
    outcome: tokio::sync::oneshot::Receiver<Outcome>,
    mempool: Mempool,
}

impl Waiter {
    /// Returns when the transaction is included or dropped; `None` when the node stops. The caller sets the deadline.
    pub async fn outcome(&mut self) -> Option<Outcome> {
        (&mut self.outcome).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut guarded = self.mempool.lock();
        guarded.waiters.remove(&self.id, self.number);
        self.mempool.0.metrics.waiters.set(gauge(guarded.waiters.count()));
    }
}

impl Mempool {
    /// An empty mempool for the given rules. `cores` is how many signatures are checked at a time, roughly.
    #[must_use]
    pub fn new(limits: Limits, rules: Rules, lookup: AccountLookup, cores: usize) -> Self {
        let pool = Pool::new(limits, rules.params.clone());
        let (summary, _) = watch::channel(pool.summary());
        let guarded = Guarded {
            pool,
            rules: Arc::new(rules),
            waiters: Waiters::default(),
            checking: BTreeMap::new(),
        };
        Self(Arc::new(Inner {
            pool: Mutex::new(guarded),
            verifier: Verifier::new(cores),
            lookup,
            metrics: MempoolMetrics::default(),
            summary,
        }))
    }

    /// Its numbers.
    #[must_use]
    pub fn metrics(&self) -> &MempoolMetrics {
        &self.0.metrics
    }

    /// What waits, in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        *self.0.summary.borrow()
    }

    /// Told after every change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Summary> {
        self.0.summary.subscribe()
    }

    /// Checks a transaction and takes it. The same id that is being checked already is not checked twice.
    ///
    /// Whether a block holds it already is the caller's question to the index.
    ///
    /// # Errors
    /// Code and text for the client, and whose fault it is.
    pub async fn admit(&self, raw: RawTx, origin: Origin) -> Result<Admitted, Rejected> {
        let id = raw.id();
        loop {
            match self.claim(id) {
                Claim::Here => return Ok(Admitted::Known),
                Claim::Barred(reason) => return Err(reason),
                Claim::Mine { report, rules } => {
                    let checking = Checking { id, mempool: self.clone() };
                    let outcome = self.check_and_insert(rules, raw, origin).await;
                    self.note(id, origin, &outcome);
                    drop(checking);
                    report.send_replace(Some(outcome.clone()));
                    return outcome;
                }
                Claim::Running(mut running) => {
                    let outcome = running
                        .wait_for(Option::is_some)
                        .await
                        .ok()
                        .and_then(|outcome| outcome.clone());
                    match outcome {
                        Some(Ok(_)) => return Ok(Admitted::Known),
                        Some(Err(rejected)) => return Err(rejected),
                        // The one who checked went away; perhaps its client closed the connection.
                        None => {}
                    }
                }
            }
        }
    }

    fn claim(&self, id: TxId) -> Claim {
        let mut guarded = self.lock();
        if guarded.pool.contains(&id) {
            return Claim::Here;
        }
        if let Some(reason) = guarded.pool.recent.barred(&id, Instant::now()) {
            return Claim::Barred(reason.clone());
        }
        if let Some(running) = guarded.checking.get(&id) {
            return Claim::Running(running.clone());
        }
        let (report, running) = watch::channel(None);
        guarded.checking.insert(id, running);
        Claim::Mine { report, rules: Arc::clone(&guarded.rules) }
    }

    fn note(&self, id: TxId, origin: Origin, outcome: &Result<Admitted, Rejected>) {
        match outcome {
            Ok(_) => {
                self.0.metrics.admitted.inc();
            }
            Err(reason) => {
                self.0.metrics.rejected.inc();
                // A client is told; what it may send again must not be held against it.
                if reason.punishes_peer() || origin == Origin::Peer {
                    self.lock().pool.recent.insert(id, reason.clone(), Instant::now());
                }
            }
        }
    }

    async fn check_and_insert(
        &self,
        rules: Arc<Rules>,
        raw: RawTx,
        origin: Origin,
    ) -> Result<Admitted, Rejected> {
        let checked = self.0.verifier.check(rules, raw).await?;
        for _ in 0..LOOKUP_TRIES {
            let (known, epoch) = {
                let guarded = self.lock();
                (guarded.pool.knows_account(&checked.envelope.sender), guarded.pool.epoch())
            };
            let facts = if known { None } else { Some(self.ask(&checked.envelope.sender).await?) };
            let now = Instant::now();
            let mut guarded = self.lock();
            if let Some(facts) = facts {
                // A block came in between: the facts may be those before it.
                if guarded.pool.epoch() != epoch {
                    continue;
                }
                guarded.pool.learn(&checked.envelope.sender, facts);
            } else if !guarded.pool.knows_account(&checked.envelope.sender) {
                continue;
            }
            let dropped = guarded.pool.insert(checked, origin, now)?;
            guarded.pool.remember(&dropped, now);
            self.tell_dropped(&mut guarded, &dropped);
            self.publish(&guarded);
            return Ok(Admitted::New);
        }
        Err(Rejected::for_now(TxCode::NotReady, "blocks come faster than accounts can be read"))
    }

    async fn ask(&self, account: &AccountId) -> Result<Account, Rejected> {
        (self.0.lookup)(account.clone()).await.map_err(|error| {
            Rejected::for_now(TxCode::Unknown, format!("account info error: {error}"))
        })
    }

    /// Registers interest in a transaction *before* it is handed to [`Self::admit`], so that no block is missed.
    ///
    /// # Errors
    /// Too many clients wait.
    pub fn wait_for(&self, id: TxId) -> Result<Waiter, Rejected> {
        let mut guarded = self.lock();
        let Some((number, outcome)) = guarded.waiters.add(id) else {
            return Err(Rejected::for_now(
                TxCode::MempoolFull,
                "too many clients wait for transactions",
            ));
        };
        self.0.metrics.waiters.set(gauge(guarded.waiters.count()));
        Ok(Waiter { id, number, outcome, mempool: self.clone() })
    }

    /// Transactions for the next block.
    #[must_use]
    pub fn reap(&self, limits: &ReapLimits) -> Reaped {
        self.lock().pool.reap(limits)
    }

    /// The bodies of a proposal's ids, in order; `None` for those that are not here. Their signatures are checked.
    #[must_use]
    pub fn bodies(&self, ids: &[TxId]) -> Vec<Option<RawTx>> {
        let guarded = self.lock();
        ids.iter().map(|id| guarded.pool.get(id).cloned()).collect()
    }

    /// The waiting transaction with this id.
    #[must_use]
    pub fn get(&self, id: &TxId) -> Option<RawTx> {
        self.lock().pool.get(id).cloned()
    }

    /// Why the transaction with this id is not here, while that is remembered.
    #[must_use]
    pub fn reason_gone(&self, id: &TxId) -> Option<Rejected> {
        self.lock().pool.recent.get(id, Instant::now()).cloned()
    }

    /// Which announced ids are worth pulling: not here, not being checked, not in a late block, not just rejected.
    #[must_use]
    pub fn wanted(&self, ids: &[TxId]) -> Vec<TxId> {
        let now = Instant::now();
        let guarded = self.lock();
        let Guarded { pool, checking, .. } = &*guarded;
        let known = |id: &TxId| {
            pool.contains(id)
                || checking.contains_key(id)
                || pool.taken.contains(id)
                || pool.recent.is_fresh(id, now)
        };
        ids.iter().filter(|id| !known(id)).copied().collect()
    }

    /// Every waiting transaction, oldest first, at most `limit`.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<RawTx> {
        self.lock().pool.all().take(limit).cloned().collect()
    }

    /// Nonce and balance of an account behind its executable transactions; `None` when it has none here.
    #[must_use]
    pub fn pending(&self, account: &AccountId) -> Option<Account> {
        self.lock().pool.pending(account)
    }

    /// Transactions that entered the network here and are due to be announced once more.
    #[must_use]
    pub fn to_announce(&self) -> Vec<RawTx> {
        self.lock().pool.announce_again(&Reannounce::default(), Instant::now())
    }

    /// A block is committed *and readable*: its transactions go, the rest is checked again, waiters are told.
    pub fn commit(&self, block: &CommittedTxs) {
        let now = Instant::now();
        let mut guarded = self.lock();
        let rules = Arc::clone(&guarded.rules);
        let mut txs = Vec::with_capacity(block.txs.len());
        let mut places = Vec::with_capacity(block.txs.len());
        for (index, raw) in block.txs.iter().enumerate() {
            if let Some(sender) = rules.sender_of(raw) {
                txs.push((sender, raw.clone()));
                places.push(index);
            }
        }
        let done = guarded.pool.commit(&txs, &block.accounts, now);
        self.0.metrics.included.inc_by(done.included.len() as u64);
        for (waiting, at) in done.included {
            if let Some(outcome) = places.get(at).and_then(|index| included(block, *index)) {
                guarded.waiters.finish(&waiting, &outcome);
            }
        }
        for (index, raw) in block.txs.iter().enumerate() {
            if guarded.waiters.is_waited_for(&raw.id())
                && let Some(outcome) = included(block, index)
            {
                guarded.waiters.finish(&raw.id(), &outcome);
            }
        }
        self.tell_dropped(&mut guarded, &done.dropped);
        self.publish(&guarded);
    }

    /// The network's parameters changed: everything that waits is checked against the new rules.
    pub fn set_rules(&self, rules: Rules) {
        let now = Instant::now();
        let mut guarded = self.lock();
        let broken: Vec<_> = guarded
            .pool
            .all()
            .filter_map(|raw| Some((raw.id(), rules.check(raw).err()?)))
            .collect();
        let unfunded = guarded.pool.set_params(rules.params.clone(), now);
        guarded.rules = Arc::new(rules);
        self.tell_dropped(&mut guarded, &unfunded);
        for (id, reason) in broken {
            let dropped = guarded.pool.remove(&[id], &reason, now);
            self.tell_dropped(&mut guarded, &dropped);
        }
        self.publish(&guarded);
    }

    /// Drops transactions and refuses them for ten minutes, as the abort of a block demands.
    pub fn bar(&self, ids: &[TxId]) {
        let now = Instant::now();
        let reason = Rejected::for_now(
            TxCode::RejectedByPolicy,
            "transaction was in a block that was aborted",
        );
        let mut guarded = self.lock();
        guarded.pool.recent.bar(ids, &reason, now);
        let dropped = guarded.pool.remove(ids, &reason, now);
        self.tell_dropped(&mut guarded, &dropped);
        self.publish(&guarded);
    }

    fn tell_dropped(&self, guarded: &mut Guarded, dropped: &[Dropped]) {
        self.0.metrics.dropped.inc_by(dropped.len() as u64);
        for Dropped { id, reason } in dropped {
            guarded.waiters.finish(id, &Outcome::Dropped(reason.clone()));
        }
    }

    fn publish(&self, guarded: &Guarded) {
        let summary = guarded.pool.summary();
        self.0.metrics.txs.set(gauge(summary.txs));
        self.0.metrics.bytes.set(gauge(summary.bytes));
        self.0.metrics.waiters.set(gauge(guarded.waiters.count()));
        self.0.summary.send_replace(summary);
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.0.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks an id as being checked until dropped, whatever happens to the check.
struct Checking {
    id: TxId,
    mempool: Mempool,
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.mempool.lock().checking.remove(&self.id);
    }
}

fn included(block: &CommittedTxs, index: usize) -> Option<Outcome> {
    Some(Outcome::Included {
        id: block.txs.get(index)?.id(),
        height: block.height,
        index: u32::try_from(index).ok()?,
        result: block.results.get(index)?.clone(),
    })
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
