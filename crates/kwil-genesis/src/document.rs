//! The content of a genesis document and the rules it obeys.

use std::collections::BTreeSet;

use kwil_crypto::{EthAddress, Hash, PublicKey};
use kwil_types::{
    AccountId, Amount, DEFAULT_JOIN_EXPIRY, DEFAULT_MAX_BLOCK_SIZE, DEFAULT_MAX_VOTES_PER_TX,
    GoDuration, MAX_TOTAL_POWER, ParamError, ParamValue, Validator,
};

use crate::error::Problem;

/// Longest chain id, in bytes.
const MAX_CHAIN_ID: usize = 50;
const MAX_I64: u64 = i64::MAX.cast_unsigned();

/// A balance that exists from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alloc {
    /// Who owns it.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
}

/// From which heights of an older network this one takes over changes; zeros for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Migration {
    /// Height of the older network at which the migration starts.
    pub start_height: u64,
    /// Height of the older network at which it ends.
    pub end_height: u64,
}

/// The content of a genesis document, as written: nothing is checked yet. [`Genesis::new`](crate::Genesis::new) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Name of the network, 1 to 50 bytes.
    pub chain_id: String,
    /// Height before the first block.
    pub initial_height: u64,
    /// The first validators, in any order.
    pub validators: Vec<Validator>,
    /// The first leader, one of the validators.
    pub leader: Option<PublicKey>,
    /// Who owns the database: an address, a public key in hex, or nobody.
    pub db_owner: String,
    /// Hash of the state that a migrated network starts from.
    pub state_hash: Option<Hash>,
    /// Balances that exist from the start, in any order.
    pub alloc: Vec<Alloc>,
    /// Heights of a migration.
    pub migration: Migration,
    /// Largest sum of transaction lengths in a block, in bytes.
    pub max_block_size: u64,
    /// Lifetime of join and removal requests.
    pub join_expiry: GoDuration,
    /// Whether transactions are free.
    pub disabled_gas_costs: bool,
    /// Most events or resolution ids in one validator transaction.
    pub max_votes_per_tx: u64,
    /// Height from which multi-agent accounts exist; 0 for never.
    pub maa_activation_height: u64,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            chain_id: String::new(),
            initial_height: 0,
            validators: Vec::new(),
            leader: None,
            db_owner: String::new(),
            state_hash: None,
            alloc: Vec::new(),
            migration: Migration::default(),
            max_block_size: DEFAULT_MAX_BLOCK_SIZE,
            join_expiry: DEFAULT_JOIN_EXPIRY,
            disabled_gas_costs: true,
            max_votes_per_tx: DEFAULT_MAX_VOTES_PER_TX,
            maa_activation_height: 0,
        }
    }
}

/// A document in which some parts could not be read; their problems are known already.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) document: Document,
    /// One per element of the list; `None` where the element could not be read.
    pub(crate) validators: Vec<Option<Validator>>,
    /// One per element of the list; `None` where the element could not be read.
    pub(crate) alloc: Vec<Option<Alloc>>,
    /// There is a leader and it could not be read.
    pub(crate) leader_unreadable: bool,
}

impl From<Document> for Draft {
    fn from(document: Document) -> Self {
        let validators = document.validators.iter().copied().map(Some).collect();
        let alloc = document.alloc.iter().cloned().map(Some).collect();
        Self { document, validators, alloc, leader_unreadable: false }
    }
}

impl Draft {
    /// Every rule that is broken, as field path and message.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut report =
            |field: &str, message: &str| problems.push(Problem::new(field, None, message));
        let document = &self.document;
        match document.chain_id.len() {
            0 => report("chain_id", "empty chain id"),
            1..=MAX_CHAIN_ID => {}
            _ => report("chain_id", "longer than 50 bytes"),
        }
        if document.initial_height > MAX_I64 {
            report("initial_height", "must be below 2^63");
        }
        self.check_validators(&mut report);
        self.check_leader(&mut report);
        self.check_alloc(&mut report);
        check_migration(document.migration, &mut report);
        let params = [
            ParamValue::MaxBlockSize(document.max_block_size),
            ParamValue::JoinExpiry(document.join_expiry),
            ParamValue::MaxVotesPerTx(document.max_votes_per_tx),
            ParamValue::MaaActivationHeight(document.maa_activation_height),
        ];
        for value in params {
            match value.check() {
                Ok(()) => {}
                Err(ParamError::Range { name, rule }) => report(name.as_str(), rule),
                Err(other) => report(value.name().as_str(), &other.to_string()),
            }
        }
        problems
    }

    fn check_validators(&self, report: &mut impl FnMut(&str, &str)) {
        if self.validators.is_empty() {
            report("validators", "no validators provided");
        }
        let mut seen = BTreeSet::new();
        let mut total = 0_u64;
        for (index, validator) in self.validators.iter().enumerate() {
            let Some(validator) = validator else { continue };
            if validator.power == 0 {
                report(
                    &format!("validators[{index}].power"),
                    "Genesis validators should have non-zero power",
                );
            }
            if !seen.insert(validator.key) {
                report(&format!("validators[{index}]"), "duplicate validator");
            }
            total = total.saturating_add(validator.power);
        }
        if total > MAX_TOTAL_POWER {
            report("validators", "total power is above 2^62");
        }
    }

    fn check_leader(&self, report: &mut impl FnMut(&str, &str)) {
        match self.document.leader {
            None if self.leader_unreadable => {}
            None => report("leader", "leader should not be empty"),
            Some(leader) => {
                let all_known =
                    !self.validators.is_empty() && self.validators.iter().all(Option::is_some);
                let found =
                    self.validators.iter().flatten().any(|validator| validator.key == leader);
                if all_known && !found {
                    report("leader", "leader is not part of the validator set");
                }
            }
        }
    }

    fn check_alloc(&self, report: &mut impl FnMut(&str, &str)) {
        let mut seen = BTreeSet::new();
        for (index, alloc) in self.alloc.iter().enumerate() {
            let Some(alloc) = alloc else { continue };
            if !seen.insert(&alloc.account) {
                report(&format!("alloc[{index}]"), "duplicate allocation");
            }
        }
    }
}

fn check_migration(migration: Migration, report: &mut impl FnMut(&str, &str)) {
    match (migration.start_height, migration.end_height) {
        (0, 0) => {}
        (0, _) | (_, 0) => report("migration", "both start and end height should be set or unset"),
        (start, end) if end < start => report("migration", "end height before start height"),
        (_, end) if end > MAX_I64 => report("migration", "heights must be below 2^63"),
        _ => {}
    }
}

/// The one text of an owner: trimmed, addresses with their checksum, other hex in lower case.
pub(crate) fn normalise_owner(owner: &str) -> String {
    let owner = owner.trim();
    if let Ok(address) = owner.parse::<EthAddress>() {
        return address.to_string();
    }
    if owner.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return owner.to_ascii_lowercase();
    }
    owner.to_owned()
}
