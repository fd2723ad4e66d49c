//! The waiting transactions of one account, by nonce.

use std::collections::BTreeMap;
use std::time::Instant;

use kwil_state::{Account, Admitted as Envelope, check_account};
use kwil_types::{NetworkParams, RawTx, TxCode, TxId};

use super::Rejected;
use super::rules::Checked;

/// How a transaction came to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This node made it.
    Own,
    /// A client of this node sent it.
    Client,
    /// A peer relayed it.
    Peer,
}

/// One waiting transaction.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) raw: RawTx,
    pub(crate) envelope: Envelope,
    pub(crate) seq: u64,
    pub(crate) origin: Origin,
    pub(crate) received: Instant,
    pub(crate) announced: u32,
    pub(crate) last_announced: Instant,
}

impl Entry {
    pub(crate) fn new(checked: Checked, seq: u64, origin: Origin, now: Instant) -> Self {
        let Checked { raw, envelope } = checked;
        Self { raw, envelope, seq, origin, received: now, announced: 0, last_announced: now }
    }
}

/// Queue of one account. Nonces up to the pending one follow each other without a gap and can be executed; the rest is
/// parked.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// The account in the last committed state.
    pub(crate) committed: Account,
    pub(crate) queue: BTreeMap<u64, Entry>,
    pub(crate) bytes: usize,
    pub(crate) listed_idle: bool,
    pending: Account,
}

/// Where a nonce would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Right behind the executable ones.
    Next,
    /// Behind a gap.
    Gap,
}

impl Sender {
    pub(crate) fn new(committed: Account) -> Self {
        let pending = committed.clone();
        Self { committed, queue: BTreeMap::new(), bytes: 0, listed_idle: false, pending }
    }

    /// The account after all executable transactions.
    pub(crate) fn pending(&self) -> &Account {
        &self.pending
    }

    pub(crate) fn is_ready(&self, nonce: u64) -> bool {
        nonce <= self.pending.nonce
    }

    /// Executable transactions in nonce order.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Entry> {
        self.queue.range(..=self.pending.nonce).map(|(_, entry)| entry)
    }

    /// Decides about a nonce, and about paying for it when it is the next.
    pub(crate) fn slot(
        &self,
        checked: &Checked,
        params: &NetworkParams,
        gap_allowed: u64,
    ) -> Result<Slot, Rejected> {
        let nonce = checked.envelope.nonce;
        if let Some(twin) = self.queue.get(&nonce)
            && let Some(exists) = twin_of(&twin.raw, &checked.raw)
        {
            return Err(exists);
        }
        let gap = nonce.saturating_sub(self.pending.nonce.saturating_add(1));
        if gap > 0 && gap <= gap_allowed && !self.queue.contains_key(&nonce) {
            return Ok(Slot::Gap);
        }
        check_account(&checked.envelope, &self.pending, params)?;
        Ok(Slot::Next)
    }

    /// Adds an entry and returns the nonces that became executable through it.
    pub(crate) fn insert(&mut self, entry: Entry, params: &NetworkParams) -> Vec<u64> {
        self.bytes = self.bytes.saturating_add(entry.raw.len());
        self.queue.insert(entry.envelope.nonce, entry);
        let before = self.pending.nonce;
        self.promote(params);
        let after = self.pending.nonce;
        if after == before {
            return Vec::new();
        }
        self.queue.range(before.saturating_add(1)..=after).map(|(nonce, _)| *nonce).collect()
    }

    pub(crate) fn remove(&mut self, nonce: u64) -> Option<Entry> {
        let entry = self.queue.remove(&nonce)?;
        self.bytes = self.bytes.saturating_sub(entry.raw.len());
        Some(entry)
    }

    /// Takes the account of a newer state and returns what cannot be executed any more.
    pub(crate) fn refresh(
        &mut self,
        committed: Account,
        params: &NetworkParams,
    ) -> Vec<(Entry, Rejected)> {
        self.committed = committed;
        let mut gone = Vec::new();
        while let Some((nonce, _)) = self.queue.first_key_value()
            && *nonce <= self.committed.nonce
        {
            let nonce = *nonce;
            let text = format!("{}: another transaction used nonce {nonce}", TxCode::InvalidNonce);
            let reason = Rejected::for_now(TxCode::InvalidNonce, text);
            gone.extend(self.remove(nonce).map(|entry| (entry, reason)));
        }
        gone.extend(self.recompute(params));
        gone
    }

    /// Finds again what is executable; drops the first transaction that the balance does not cover.
    pub(crate) fn recompute(&mut self, params: &NetworkParams) -> Option<(Entry, Rejected)> {
        self.pending = self.committed.clone();
        let (nonce, reason) = self.promote(params)?;
        self.remove(nonce).map(|entry| (entry, reason))
    }

    /// Extends the executable part as far as it goes. Tells which nonce is there but cannot be paid for.
    fn promote(&mut self, params: &NetworkParams) -> Option<(u64, Rejected)> {
        loop {
            let next = self.pending.nonce.checked_add(1)?;
            let entry = self.queue.get(&next)?;
            match check_account(&entry.envelope, &self.pending, params) {
                Ok(after) => self.pending = after,
                Err(refused) => return Some((next, refused.into())),
            }
        }
    }
}

/// The answer for a second transaction with the same nonce, if it has the same signed content as the first.
pub(crate) fn twin_of(first: &RawTx, second: &RawTx) -> Option<Rejected> {
    same_content(first, second).then(|| Rejected {
        code: TxCode::Unknown,
        text: "transaction already exists".to_owned(),
        blame: super::Blame::Twin(first.id()),
    })
}

/// Whether two transactions of one account ask for the same, although their ids differ: the id covers the signature,
/// which wallets write in more than one form.
pub(crate) fn same_content(first: &RawTx, second: &RawTx) -> bool {
    let (a, b) = (&first.transaction().body, &second.transaction().body);
    a.nonce == b.nonce
        && a.fee == b.fee
        && a.chain_id == b.chain_id
        && a.payload_type == b.payload_type
        && a.payload == b.payload
}

/// A transaction that left the mempool, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) id: TxId,
    pub(crate) reason: Rejected,
}
