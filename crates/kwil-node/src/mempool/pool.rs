//! The waiting transactions: a pure state, told what happens and when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use kwil_state::Account;
use kwil_types::{AccountId, NetworkParams, RawTx, TxCode, TxId};

use super::Rejected;
use super::recent::{Recent, Taken};
use super::rules::Checked;
use super::sender::{Dropped, Entry, Origin, Sender, Slot, same_content};

/// Nonces that may be missing before a transaction of a peer: gossip reorders.
const PEER_GAP: u64 = 64;
/// How long a transaction waits for a missing nonce.
const PARKED_MAX: Duration = Duration::from_secs(60);
/// Accounts without transactions whose facts are kept.
const IDLE_MAX: usize = 16_384;

/// Bounds of the pool.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of all transactions together.
    pub max_bytes: usize,
    /// Transactions of one account.
    pub max_per_sender: usize,
    /// Nonces that may be missing before a transaction of a client.
    pub max_gap: u64,
}

impl Limits {
    /// Bytes that one account may hold: a tenth.
    fn sender_bytes(&self) -> usize {
        self.max_bytes / 10
    }
}

/// What a proposer may put into a block.
#[derive(Clone, Debug)]
pub struct ReapLimits {
    /// Bytes of all transactions.
    pub max_bytes: usize,
    /// Bytes to leave free behind the own transactions, for one that the leader makes itself.
    pub reserved: usize,
    /// Number of transactions.
    pub max_txs: usize,
    /// Account of this node's key.
    pub own: Option<AccountId>,
}

/// Transactions for a block, in order: own ones first, then the others.
#[derive(Clone, Debug, Default)]
pub struct Reaped {
    /// Transactions of this node's key.
    pub own: Vec<RawTx>,
    /// All others, senders in the order of arrival, nonces of each in order.
    pub others: Vec<RawTx>,
    /// Bytes of both.
    pub bytes: usize,
}

/// What waits, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All transactions.
    pub txs: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Those that could be executed now.
    pub ready_txs: usize,
    /// Bytes of those.
    pub ready_bytes: usize,
    /// Since when one of those waits.
    pub waiting_since: Option<Instant>,
    /// Rises with every transaction taken: tells new work from old.
    pub newest: u64,
}

#[derive(Debug)]
pub(crate) struct Pool {
    limits: Limits,
    params: NetworkParams,
    senders: BTreeMap<AccountId, Sender>,
    by_id: BTreeMap<TxId, (AccountId, u64)>,
    order: BTreeMap<u64, (AccountId, u64)>,
    parked: BTreeMap<u64, (AccountId, u64)>,
    idle: VecDeque<AccountId>,
    pub(crate) recent: Recent,
    pub(crate) taken: Taken,
    bytes: usize,
    parked_bytes: usize,
    next_seq: u64,
    epoch: u64,
}

/// What `Pool::commit` did.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// Ids waiting here that the block holds under the same or another id, with their place in it.
    pub(crate) included: Vec<(TxId, usize)>,
    pub(crate) dropped: Vec<Dropped>,
}

impl Pool {
    pub(crate) fn new(limits: Limits, params: NetworkParams) -> Self {
        Self {
            limits,
            params,
            senders: BTreeMap::new(),
            by_id: BTreeMap::new(),
            order: BTreeMap::new(),
            parked: BTreeMap::new(),
            idle: VecDeque::new(),
            recent: Recent::default(),
            taken: Taken::default(),
            bytes: 0,
            parked_bytes: 0,
            next_seq: 1,
            epoch: 0,
        }
    }

    /// Changes with every commit: facts read before belong to an older state.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn knows_account(&self, account: &AccountId) -> bool {
        self.senders.contains_key(account)
    }

    /// Takes in the facts of an account; facts that commits have kept up to date are not replaced.
    pub(crate) fn learn(&mut self, account: &AccountId, committed: Account) {
        if !self.knows_account(account) {
            self.senders.insert(account.clone(), Sender::new(committed));
            self.make_idle(account.clone());
        }
    }

    pub(crate) fn get(&self, id: &TxId) -> Option<&RawTx> {
        let (account, nonce) = self.by_id.get(id)?;
        Some(&self.senders.get(account)?.queue.get(nonce)?.raw)
    }

    pub(crate) fn contains(&self, id: &TxId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Nonce and balance behind the executable transactions of an account that is known here.
    pub(crate) fn pending(&self, account: &AccountId) -> Option<Account> {
        self.senders.get(account).map(|sender| sender.pending().clone())
    }

    /// Adds a checked transaction of an account that [`Self::learn`] has been told about. Returns what had to go for it.
    pub(crate) fn insert(
        &mut self,
        checked: Checked,
        origin: Origin,
        now: Instant,
    ) -> Result<Vec<Dropped>, Rejected> {
        let account = checked.envelope.sender.clone();
        let Some(sender) = self.senders.get(&account) else {
            return Err(Rejected::for_now(TxCode::Unknown, "account is not known yet"));
        };
        let gap_allowed = match origin {
            Origin::Own => 0,
            Origin::Client => self.limits.max_gap,
            Origin::Peer => PEER_GAP.max(self.limits.max_gap),
        };
        let slot = sender.slot(&checked, &self.params, gap_allowed)?;
        let len = checked.raw.len();
        if origin != Origin::Own {
            self.check_share(sender, len, &account)?;
        }
        let dropped = self.make_room(len, &account, origin)?;
        let (id, nonce, seq) = (checked.raw.id(), checked.envelope.nonce, self.next_seq);
        self.next_seq = seq.saturating_add(1);
        self.by_id.insert(id, (account.clone(), nonce));
        self.order.insert(seq, (account.clone(), nonce));
        self.bytes = self.bytes.saturating_add(len);
        if slot == Slot::Gap {
            self.parked.insert(seq, (account.clone(), nonce));
            self.parked_bytes = self.parked_bytes.saturating_add(len);
        }
        let entry = Entry::new(checked, seq, origin, now);
        let promoted = self
            .senders
            .get_mut(&account)
            .map(|sender| sender.insert(entry, &self.params))
            .unwrap_or_default();
        for promoted in promoted.into_iter().filter(|promoted| *promoted != nonce) {
            self.unpark(&account, promoted);
        }
        self.recent.remove(&id);
        Ok(dropped)
    }

    fn check_share(
        &self,
        sender: &Sender,
        len: usize,
        account: &AccountId,
    ) -> Result<(), Rejected> {
        let count = sender.queue.len();
        let bytes = sender.bytes.saturating_add(len);
        // One transaction is always allowed, however small the pool.
        if count >= self.limits.max_per_sender || (count > 0 && bytes > self.limits.sender_bytes())
        {
            let text = format!(
                "{}: account {account} has {count} transactions waiting",
                TxCode::MempoolFull
            );
            return Err(Rejected::for_now(TxCode::MempoolFull, text));
        }
        Ok(())
    }

    /// Frees bytes: parked transactions go first, oldest first; for one of this node also the last of the account
    /// that holds most.
    fn make_room(
        &mut self,
        len: usize,
        account: &AccountId,
        origin: Origin,
    ) -> Result<Vec<Dropped>, Rejected> {
        let max = self.limits.max_bytes;
        let spared = self.senders.get(account).map_or(0, |sender| sender.bytes);
        let evictable = if origin == Origin::Own {
            self.bytes.saturating_sub(spared)
        } else {
            self.parked_bytes
        };
        if self.bytes.saturating_sub(evictable).saturating_add(len) > max {
            return Err(Rejected::plain(TxCode::MempoolFull));
        }
        let mut dropped = Vec::new();
        while self.bytes.saturating_add(len) > max {
            let parked = self.parked.first_key_value().map(|(_, place)| place.clone());
            let victim = parked.or_else(|| self.last_of_heaviest(account));
            let Some((victim, nonce)) = victim else {
                return Err(Rejected::plain(TxCode::MempoolFull));
            };
            let reason = Rejected::plain(TxCode::MempoolFull);
            dropped.extend(
                self.take_out(&victim, nonce).map(|entry| Dropped { id: entry.raw.id(), reason }),
            );
            dropped.extend(self.settle(&victim));
        }
        Ok(dropped)
    }

    fn last_of_heaviest(&self, spared: &AccountId) -> Option<(AccountId, u64)> {
        let others = self.senders.iter().filter(|(account, _)| *account != spared);
        let (account, sender) = others.max_by_key(|(_, sender)| sender.bytes)?;
        let (nonce, _) = sender.queue.last_key_value()?;
        Some((account.clone(), *nonce))
    }

    /// Removes one entry from every table but leaves the sender's readiness to [`Self::settle`].
    fn take_out(&mut self, account: &AccountId, nonce: u64) -> Option<Entry> {
        let entry = self.senders.get_mut(account)?.remove(nonce)?;
        self.forget(account, &entry);
        Some(entry)
    }

    fn forget(&mut self, account: &AccountId, entry: &Entry) {
        self.by_id.remove(&entry.raw.id());
        self.order.remove(&entry.seq);
        self.bytes = self.bytes.saturating_sub(entry.raw.len());
        if self.parked.remove(&entry.seq).is_some() {
            self.parked_bytes = self.parked_bytes.saturating_sub(entry.raw.len());
        }
        if self.senders.get(account).is_some_and(|sender| sender.queue.is_empty()) {
            self.make_idle(account.clone());
        }
    }

    /// Finds again what is executable after removals. Returns what the balance does not cover.
    fn settle(&mut self, account: &AccountId) -> Vec<Dropped> {
        let unfunded =
            self.senders.get_mut(account).and_then(|sender| sender.recompute(&self.params));
        let dropped = unfunded.map(|(entry, reason)| {
            self.forget(account, &entry);
            Dropped { id: entry.raw.id(), reason }
        });
        self.repark(account);
        dropped.into_iter().collect()
    }

    /// Makes the table of parked transactions agree with what the sender can execute.
    fn repark(&mut self, account: &AccountId) {
        let Some(sender) = self.senders.get(account) else { return };
        for (nonce, entry) in &sender.queue {
            let len = entry.raw.len();
            if sender.is_ready(*nonce) {
                if self.parked.remove(&entry.seq).is_some() {
                    self.parked_bytes = self.parked_bytes.saturating_sub(len);
                }
            } else if self.parked.insert(entry.seq, (account.clone(), *nonce)).is_none() {
                self.parked_bytes = self.parked_bytes.saturating_add(len);
            }
        }
    }

    fn unpark(&mut self, account: &AccountId, nonce: u64) {
        let Some(entry) = self.senders.get(account).and_then(|sender| sender.queue.get(&nonce))
        else {
            return;
        };
        if self.parked.remove(&entry.seq).is_some() {
            self.parked_bytes = self.parked_bytes.saturating_sub(entry.raw.len());
        }
    }

    /// Keeps the facts of an account without transactions for a while: it is likely to come back.
    fn make_idle(&mut self, account: AccountId) {
        let Some(sender) = self.senders.get_mut(&account) else { return };
        if std::mem::replace(&mut sender.listed_idle, true) {
            return;
        }
        self.idle.push_back(account);
        while self.idle.len() > IDLE_MAX {
            let Some(oldest) = self.idle.pop_front() else { break };
            let Some(sender) = self.senders.get_mut(&oldest) else { continue };
            sender.listed_idle = false;
            if sender.queue.is_empty() {
                self.senders.remove(&oldest);
            }
        }
    }

    /// A block is committed: its transactions go, the rest is checked against the new state of the accounts.
    ///
    /// `txs` are the block's transactions with their senders; `accounts` are all accounts whose nonce or balance the
    /// block changed, as they are now.
    pub(crate) fn commit(
        &mut self,
        txs: &[(AccountId, RawTx)],
        accounts: &[(AccountId, Account)],
        now: Instant,
    ) -> Committed {
        self.epoch = self.epoch.saturating_add(1);
        let mut done = Committed::default();
        let mut unsettled = BTreeSet::new();
        for (index, (account, raw)) in txs.iter().enumerate() {
            self.taken.insert(raw.id());
            if let Some(id) = self.take_included(account, raw) {
                done.included.push((id, index));
                unsettled.insert(account);
            }
        }
        for (account, committed) in accounts {
            unsettled.remove(account);
            let Some(sender) = self.senders.get_mut(account) else { continue };
            for (entry, reason) in sender.refresh(committed.clone(), &self.params) {
                self.forget(account, &entry);
                done.dropped.push(Dropped { id: entry.raw.id(), reason });
            }
            self.repark(account);
        }
        for account in unsettled {
            done.dropped.extend(self.settle(account));
        }
        done.dropped.extend(self.expire(now));
        self.remember(&done.dropped, now);
        done
    }

    /// Removes the waiting transaction that this one in a block is, or is a twin of.
    fn take_included(&mut self, account: &AccountId, raw: &RawTx) -> Option<TxId> {
        let nonce = raw.transaction().body.nonce;
        let waiting = self.senders.get(account)?.queue.get(&nonce)?;
        if waiting.raw.id() != raw.id() && !same_content(&waiting.raw, raw) {
            return None;
        }
        self.take_out(account, nonce).map(|entry| entry.raw.id())
    }

    /// Drops what waited too long for a missing nonce.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        let parked: Vec<_> = self.parked.values().cloned().collect();
        for (account, nonce) in parked {
            let entry = self.senders.get(&account).and_then(|sender| sender.queue.get(&nonce));
            if entry
                .is_some_and(|entry| now.saturating_duration_since(entry.received) >= PARKED_MAX)
                && let Some(entry) = self.take_out(&account, nonce)
            {
                let text = format!("{}: the one before it did not come", TxCode::InvalidNonce);
                let reason = Rejected::for_now(TxCode::InvalidNonce, text);
                dropped.push(Dropped { id: entry.raw.id(), reason });
            }
        }
        dropped
    }

    pub(crate) fn remember(&mut self, dropped: &[Dropped], now: Instant) {
        for Dropped { id, reason } in dropped {
            self.recent.insert(*id, reason.clone(), now);
        }
    }

    /// Drops transactions by id, as an operator or changed rules demand.
    pub(crate) fn remove(&mut self, ids: &[TxId], reason: &Rejected, now: Instant) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        for id in ids {
            let Some((account, nonce)) = self.by_id.get(id).cloned() else { continue };
            if self.take_out(&account, nonce).is_some() {
                dropped.push(Dropped { id: *id, reason: reason.clone() });
                dropped.extend(self.settle(&account));
            }
        }
        self.remember(&dropped, now);
        dropped
    }

    /// The network's parameters changed; some accounts may not be able to pay any more.
    pub(crate) fn set_params(&mut self, params: NetworkParams, now: Instant) -> Vec<Dropped> {
        self.params = params;
        let accounts: Vec<AccountId> = self.senders.keys().cloned().collect();
        let dropped: Vec<Dropped> =
            accounts.iter().flat_map(|account| self.settle(account)).collect();
        self.remember(&dropped, now);
        dropped
    }

    /// Every waiting transaction in the order of arrival.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RawTx> {
        self.order
            .values()
            .filter_map(|(account, nonce)| Some(&self.senders.get(account)?.queue.get(nonce)?.raw))
    }

    /// Transactions for the next block. Nothing is removed: the commit does that.
    pub(crate) fn reap(&self, limits: &ReapLimits) -> Reaped {
        let mut reaped = Reaped::default();
        let mut room = Room { bytes: limits.max_bytes, txs: limits.max_txs };
        if let Some(sender) = limits.own.as_ref().and_then(|own| self.senders.get(own)) {
            reaped.own = sender.ready().map_while(|entry| room.take(entry)).collect();
        }
        reaped.bytes = limits.max_bytes.saturating_sub(room.bytes);
        room.bytes = room.bytes.saturating_sub(limits.reserved);
        let before = room.bytes;
        // Each place in the order of arrival stands for the sender's next nonce, not for the one that came then.
        let mut cursors: BTreeMap<&AccountId, Option<u64>> = BTreeMap::new();
        for (account, _) in self.order.values() {
            if limits.own.as_ref() == Some(account) {
                continue;
            }
            if room.txs == 0 {
                break;
            }
            let Some(sender) = self.senders.get(account) else { continue };
            let cursor =
                cursors.entry(account).or_insert_with(|| sender.committed.nonce.checked_add(1));
            let Some(nonce) = *cursor else { continue };
            let next = sender.queue.get(&nonce).filter(|_| sender.is_ready(nonce));
            let taken = next.and_then(|entry| room.take(entry));
            *cursor = if taken.is_some() { nonce.checked_add(1) } else { None };
            reaped.others.extend(taken);
        }
        reaped.bytes = reaped.bytes.saturating_add(before.saturating_sub(room.bytes));
        reaped
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            txs: self.order.len(),
            bytes: self.bytes,
            ready_txs: self.order.len().saturating_sub(self.parked.len()),
            ready_bytes: self.bytes.saturating_sub(self.parked_bytes),
            waiting_since: self.oldest_ready(),
            newest: self.next_seq.saturating_sub(1),
        }
    }

    fn oldest_ready(&self) -> Option<Instant> {
        let (_, (account, nonce)) =
            self.order.iter().find(|(seq, _)| !self.parked.contains_key(seq))?;
        Some(self.senders.get(account)?.queue.get(nonce)?.received)
    }

    /// Transactions that entered the network here and were not heard of again: to be announced once more.
    pub(crate) fn announce_again(&mut self, plan: &Reannounce, now: Instant) -> Vec<RawTx> {
        let mut chosen = Vec::new();
        let mut bytes = 0usize;
        for (seq, (account, nonce)) in &self.order {
            if chosen.len() >= plan.max_txs || self.parked.contains_key(seq) {
                continue;
            }
            let entry =
                self.senders.get_mut(account).and_then(|sender| sender.queue.get_mut(nonce));
            let Some(entry) = entry.filter(|entry| plan.is_due(entry, now)) else { continue };
            bytes = bytes.saturating_add(entry.raw.len());
            if bytes > plan.max_bytes {
                break;
            }
            entry.announced = entry.announced.saturating_add(1);
            entry.last_announced = now;
            chosen.push(entry.raw.clone());
        }
        chosen
    }
}

/// Bounds of one round of announcing again.
#[derive(Clone, Debug)]
pub(crate) struct Reannounce {
    pub(crate) every: Duration,
    pub(crate) max_txs: usize,
    pub(crate) max_bytes: usize,
    pub(crate) times: u32,
}

impl Default for Reannounce {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), max_txs: 200, max_bytes: 8_000_000, times: 10 }
    }
}

impl Reannounce {
    fn is_due(&self, entry: &Entry, now: Instant) -> bool {
        entry.origin != Origin::Peer
            && entry.announced < self.times
            && now.saturating_duration_since(entry.last_announced) >= self.every
    }
}

struct Room {
    bytes: usize,
    txs: usize,
}

impl Room {
    /// The entry's transaction if it fits; afterwards there is less room.
    fn take(&mut self, entry: &Entry) -> Option<RawTx> {
        let bytes = self.bytes.checked_sub(entry.raw.len())?;
        let txs = self.txs.checked_sub(1)?;
        (self.bytes, self.txs) = (bytes, txs);
        Some(entry.raw.clone())
    }
}
