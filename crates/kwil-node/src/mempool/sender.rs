//! The waiting transactions of one account, by nonce.

use std::collections::BTreeMap;
use std::time::Instant;

use kwil_types::{Amount, RawTx, TxCode, TxId};

use super::Rejected;
use super::rules::Checked;

/// What the last committed state says about an account. An account that does not exist has zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// Nonce of its last transaction.
    pub nonce: u64,
    /// Its balance.
    pub balance: Amount,
}

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
    pub(crate) seq: u64,
    pub(crate) origin: Origin,
    /// Fee and transferred amount: what the sender must be able to pay.
    pub(crate) spend: Amount,
    pub(crate) transfer: Amount,
    pub(crate) received: Instant,
    pub(crate) announced: u32,
    pub(crate) last_announced: Instant,
}

impl Entry {
    pub(crate) fn new(checked: Checked, seq: u64, origin: Origin, now: Instant) -> Self {
        let fee = &checked.raw.transaction().body.fee;
        let spend = fee.checked_add(&checked.transfer).unwrap_or_else(|| fee.clone());
        Self {
            spend,
            transfer: checked.transfer,
            raw: checked.raw,
            seq,
            origin,
            received: now,
            announced: 0,
            last_announced: now,
        }
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.raw.transaction().body.nonce
    }
}

/// Queue of one account. Nonces up to `ready` follow each other without a gap and can be executed; the rest is parked.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) facts: AccountFacts,
    pub(crate) queue: BTreeMap<u64, Entry>,
    pub(crate) bytes: usize,
    pub(crate) listed_idle: bool,
    ready: u64,
    balance: Amount,
}

/// Where a nonce would go.
pub(crate) enum Slot {
    /// Right behind the executable ones.
    Next,
    /// Behind a gap.
    Gap,
}

impl Sender {
    pub(crate) fn new(facts: AccountFacts) -> Self {
        let (ready, balance) = (facts.nonce, facts.balance.clone());
        Self { facts, queue: BTreeMap::new(), bytes: 0, listed_idle: false, ready, balance }
    }

    /// Nonce and balance after all executable transactions.
    pub(crate) fn pending(&self) -> AccountFacts {
        AccountFacts { nonce: self.ready, balance: self.balance.clone() }
    }

    pub(crate) fn is_ready(&self, nonce: u64) -> bool {
        nonce <= self.ready
    }

    /// Executable transactions in nonce order.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Entry> {
        self.queue.range(..=self.ready).map(|(_, entry)| entry)
    }

    /// Decides about a nonce, and about paying for it when it is the next.
    pub(crate) fn slot(
        &self,
        checked: &Checked,
        gas: bool,
        gap_allowed: u64,
    ) -> Result<Slot, Rejected> {
        let body = &checked.raw.transaction().body;
        if let Some(twin) = self.queue.get(&body.nonce) {
            return Err(
                twin_of(&twin.raw, &checked.raw).unwrap_or_else(|| self.wrong_nonce(checked))
            );
        }
        let Some(gap) = body.nonce.checked_sub(self.ready.saturating_add(1)) else {
            return Err(self.wrong_nonce(checked));
        };
        if gap > 0 {
            return if gap <= gap_allowed { Ok(Slot::Gap) } else { Err(self.wrong_nonce(checked)) };
        }
        if gas {
            self.check_funds(&checked.transfer)?;
        }
        Ok(Slot::Next)
    }

    fn check_funds(&self, transfer: &Amount) -> Result<(), Rejected> {
        if self.facts.balance.is_zero() || *transfer > self.balance {
            let text = format!(
                "{}: balance {}, transfer {transfer}",
                TxCode::InsufficientBalance,
                self.balance
            );
            return Err(Rejected::for_now(TxCode::InsufficientBalance, text));
        }
        Ok(())
    }

    fn wrong_nonce(&self, checked: &Checked) -> Rejected {
        let account = hex::encode(checked.sender.identifier());
        let got = checked.raw.transaction().body.nonce;
        let want = self.ready.saturating_add(1);
        let text = format!(
            "invalid nonce for account {account}: got {got}, expected {want}: {}",
            TxCode::InvalidNonce
        );
        Rejected::for_now(TxCode::InvalidNonce, text)
    }

    /// Adds an entry and returns the nonces that became executable through it.
    pub(crate) fn insert(&mut self, entry: Entry, gas: bool) -> Vec<u64> {
        self.bytes = self.bytes.saturating_add(entry.raw.len());
        self.queue.insert(entry.nonce(), entry);
        self.promote(gas)
    }

    pub(crate) fn remove(&mut self, nonce: u64) -> Option<Entry> {
        let entry = self.queue.remove(&nonce)?;
        self.bytes = self.bytes.saturating_sub(entry.raw.len());
        Some(entry)
    }

    /// Takes new facts and returns what cannot be executed any more.
    pub(crate) fn refresh(&mut self, facts: AccountFacts, gas: bool) -> Vec<(Entry, Rejected)> {
        self.facts = facts;
        let mut gone = Vec::new();
        while let Some((nonce, _)) = self.queue.first_key_value()
            && *nonce <= self.facts.nonce
        {
            let nonce = *nonce;
            let text = format!("{}: another transaction used nonce {nonce}", TxCode::InvalidNonce);
            let reason = Rejected::for_now(TxCode::InvalidNonce, text);
            gone.extend(self.remove(nonce).map(|entry| (entry, reason)));
        }
        gone.extend(self.recompute(gas));
        gone
    }

    /// Finds again what is executable; drops the first transaction that the balance does not cover.
    pub(crate) fn recompute(&mut self, gas: bool) -> Option<(Entry, Rejected)> {
        (self.ready, self.balance) = (self.facts.nonce, self.facts.balance.clone());
        self.promote(gas);
        let next = self.ready.saturating_add(1);
        let unfunded = self.queue.get(&next).map(|entry| self.check_funds(&entry.transfer));
        match unfunded {
            Some(Err(reason)) if gas => self.remove(next).map(|entry| (entry, reason)),
            Some(_) | None => None,
        }
    }

    fn promote(&mut self, gas: bool) -> Vec<u64> {
        let mut promoted = Vec::new();
        while let Some(next) = self.ready.checked_add(1)
            && let Some(entry) = self.queue.get(&next)
        {
            if gas && self.check_funds(&entry.transfer).is_err() {
                break;
            }
            self.ready = next;
            if gas {
                self.balance = self.balance.saturating_sub(&entry.spend);
            }
            promoted.push(next);
        }
        promoted
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
