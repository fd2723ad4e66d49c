//! A valid genesis document.

use kwil_crypto::{EthAddress, Hash, KeyType, PublicKey, context, hash};
use kwil_types::wire::Writer;
use kwil_types::{Height, MigrationStatus, NetworkParams, ValidatorSet};

use crate::document::{Alloc, Document, Draft, Migration, normalise_owner};
use crate::error::{DOCUMENT, GenesisError, Problem};
use crate::{read, write};

/// A genesis document that obeys every rule. Its hash names the network: nodes with different hashes do not talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    document: Document,
    validators: ValidatorSet,
    params: NetworkParams,
    hash: Hash,
}

impl Genesis {
    /// Checks the content of a document.
    ///
    /// # Errors
    /// Every rule that is broken.
    pub fn new(document: Document) -> Result<Self, GenesisError> {
        if let Some(error) = GenesisError::from_problems(Draft::from(document.clone()).check()) {
            return Err(error);
        }
        Self::from_checked(document)
    }

    /// Reads and checks the JSON text of a document.
    ///
    /// # Errors
    /// A syntax error; or every unknown, repeated, unreadable or wrong field together, each with its path and line.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        Self::from_checked(read::document(text)?)
    }

    fn from_checked(mut document: Document) -> Result<Self, GenesisError> {
        document.db_owner = normalise_owner(&document.db_owner);
        let broken = |message: String| GenesisError::single(Problem::new(DOCUMENT, None, message));
        let validators = ValidatorSet::new(document.validators.iter().copied())
            .map_err(|error| broken(error.to_string()))?;
        let leader =
            document.leader.ok_or_else(|| broken("leader should not be empty".to_owned()))?;
        let migration_status = match document.migration.start_height {
            0 => MigrationStatus::NoActiveMigration,
            _ => MigrationStatus::GenesisMigration,
        };
        let params = NetworkParams {
            leader,
            max_block_size: document.max_block_size,
            join_expiry: document.join_expiry,
            disabled_gas_costs: document.disabled_gas_costs,
            max_votes_per_tx: document.max_votes_per_tx,
            migration_status,
            maa_activation_height: document.maa_activation_height,
        };
        let mut genesis = Self { document, validators, params, hash: Hash::ZERO };
        genesis.hash = hash(context::GENESIS, &genesis.encode());
        Ok(genesis)
    }

    /// The genesis hash, which is the chain hash of headers, votes and messages.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Name of the network.
    #[must_use]
    pub fn chain_id(&self) -> &str {
        &self.document.chain_id
    }

    /// Height before the first block.
    #[must_use]
    pub const fn initial_height(&self) -> Height {
        Height(self.document.initial_height)
    }

    /// The validators of the first block.
    #[must_use]
    pub const fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The leader of the first block.
    #[must_use]
    pub const fn leader(&self) -> &PublicKey {
        &self.params.leader
    }

    /// The parameters of the first block.
    #[must_use]
    pub const fn params(&self) -> &NetworkParams {
        &self.params
    }

    /// Text identity of the owner of the database in its normal form; empty for nobody.
    #[must_use]
    pub fn db_owner(&self) -> &str {
        &self.document.db_owner
    }

    /// Every text identity that owns the database: a compressed secp256k1 key stands for the node that holds it and for
    /// the user with the address of the same key.
    #[must_use]
    pub fn owners(&self) -> Vec<String> {
        let owner = self.db_owner();
        let address: Option<EthAddress> =
            PublicKey::from_hex(KeyType::Secp256k1, owner).ok().and_then(|key| key.eth_address());
        let texts = [Some(owner.to_owned()), address.map(|address| address.to_string())];
        texts.into_iter().flatten().filter(|text| !text.is_empty()).collect()
    }

    /// Hash of the state that a migrated network starts from.
    #[must_use]
    pub const fn state_hash(&self) -> Option<Hash> {
        self.document.state_hash
    }

    /// Balances that exist from the start.
    #[must_use]
    pub fn alloc(&self) -> &[Alloc] {
        &self.document.alloc
    }

    /// Heights of a migration.
    #[must_use]
    pub const fn migration(&self) -> Migration {
        self.document.migration
    }

    /// The content, to change it and check it again.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// What an operator should know although it is allowed.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !self.chain_id().bytes().all(usual) {
            warnings.push(format!(
                "chain_id {:?} has characters other than A-Z a-z 0-9 . _ -",
                self.chain_id()
            ));
        }
        if self.db_owner().is_empty() {
            warnings.push("db_owner is empty: nobody owns the database".to_owned());
        }
        warnings
    }

    /// Canonical bytes, which are hashed. Order of keys and lists and whitespace of the file make no difference.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let document = &self.document;
        let mut allocs: Vec<&Alloc> = document.alloc.iter().collect();
        allocs.sort_by(|left, right| left.account.cmp(&right.account));
        let mut writer = Writer::new();
        writer
            .u8(1)
            .text(&document.chain_id)
            .u64_be(document.initial_height)
            .text(&document.db_owner)
            .option(document.state_hash.as_ref(), |writer, hash| {
                writer.hash(hash);
            });
        self.validators.write(&mut writer);
        writer.count_u32_be(allocs.len());
        for alloc in allocs {
            let account = &alloc.account;
            writer
                .u32_be(account.key_type().id())
                .bytes(account.identifier())
                .bytes(&alloc.amount.to_be_bytes());
        }
        writer.u64_be(document.migration.start_height).u64_be(document.migration.end_height);
        self.params.write(&mut writer);
        writer.into_bytes()
    }

    /// The text of the file: keys in their fixed order, two spaces of indent, defaults written out.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::document(&self.document, self.params.migration_status)
    }
}
