//! Between the types of the core and those of the services.

use bytes::Bytes;
use serde_json::{Map, Value};

use kwil_types::{Block, CommitCertificate, Header, NetworkParams, RawTx, TxError, ValidatorSet};

use crate::account::Validator;
use crate::chain::{self, BlockHeader, CommitInfo, ConsensusParams, VoteInfo, VoteSignature};
use crate::transaction::Transaction;

/// The JSON form of a transaction's binary form.
pub(crate) fn decode_transaction(bytes: Bytes) -> Result<Transaction, TxError> {
    RawTx::decode(bytes).map(|raw| raw.transaction().into())
}

/// Heights of a chain never reach the end of `i64`.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl From<&kwil_types::Validator> for Validator {
    fn from(validator: &kwil_types::Validator) -> Self {
        Self { key: validator.key, power: signed(validator.power) }
    }
}

impl From<&Header> for BlockHeader {
    fn from(header: &Header) -> Self {
        Self {
            version: 1,
            height: signed(header.height.get()),
            num_txns: header.tx_count,
            prev_hash: header.prev_hash,
            prev_app_hash: header.prev_app_hash,
            stamp_ms: signed(header.time_ms),
            merkle_root: header.tx_root,
            vals_hash: header.validators_hash,
            params_hash: header.params_hash,
            new_leader: header.new_leader,
            chain_hash: Some(header.chain_hash),
            view: header.view.get(),
            proposer: Some(header.proposer),
        }
    }
}

impl TryFrom<&Block> for chain::Block {
    type Error = TxError;

    /// Fails only for a block that was never checked: one with a transaction that does not decode.
    fn try_from(block: &Block) -> Result<Self, TxError> {
        Ok(Self {
            header: block.header().into(),
            txns: block.txs().iter().cloned().map(decode_transaction).collect::<Result<_, _>>()?,
            sig: block.signature().0.to_vec(),
        })
    }
}

impl CommitInfo {
    /// From the certificate of a block and the set that voted on it. Updates are added by the caller.
    #[must_use]
    pub fn from_certificate(certificate: &CommitCertificate, set: &ValidatorSet) -> Self {
        let vote = |(index, signature): (u32, &kwil_crypto::NetworkSignature)| {
            let validator = usize::try_from(index).ok().and_then(|index| set.get(index))?;
            Some(VoteInfo {
                ack: 1,
                app_hash: None,
                sig: VoteSignature {
                    key: validator.key.as_bytes().to_vec(),
                    key_type: validator.key.key_type().name().to_owned(),
                    sig: signature.0.to_vec(),
                },
            })
        };
        Self {
            app_hash: certificate.app_hash(),
            votes: certificate.signatures().filter_map(vote).collect(),
            param_updates: Map::new(),
            validator_updates: Vec::new(),
            view: certificate.view().get(),
            certificate: certificate.encode(),
        }
    }

    /// Adds what the block changed.
    #[must_use]
    pub fn with_updates(
        mut self,
        params: Map<String, Value>,
        validators: &[kwil_types::Validator],
    ) -> Self {
        self.param_updates = params;
        self.validator_updates = validators.iter().map(Validator::from).collect();
        self
    }
}

impl ConsensusParams {
    /// The parameters in force at a height.
    #[must_use]
    pub fn at(height: u64, params: &NetworkParams) -> Self {
        Self {
            height: signed(height),
            leader: params.leader,
            max_block_size: signed(params.max_block_size),
            join_expiry: params.join_expiry,
            disabled_gas_costs: params.disabled_gas_costs,
            max_votes_per_tx: signed(params.max_votes_per_tx),
            migration_status: params.migration_status.as_str().to_owned(),
        }
    }
}

impl From<&kwil_genesis::Genesis> for chain::Genesis {
    fn from(genesis: &kwil_genesis::Genesis) -> Self {
        let params = genesis.params();
        let migration = genesis.migration();
        let alloc = |alloc: &kwil_genesis::Alloc| chain::GenesisAlloc {
            id: alloc.account.identifier().to_vec(),
            key_type: alloc.account.key_type().name().to_owned(),
            amount: alloc.amount.clone(),
        };
        Self {
            chain_id: genesis.chain_id().to_owned(),
            initial_height: signed(genesis.initial_height().get()),
            db_owner: genesis.db_owner().to_owned(),
            leader: *genesis.leader(),
            validators: genesis.validators().iter().map(Validator::from).collect(),
            state_hash: genesis.state_hash(),
            alloc: genesis.alloc().iter().map(alloc).collect(),
            max_block_size: signed(params.max_block_size),
            join_expiry: params.join_expiry,
            disabled_gas_costs: params.disabled_gas_costs,
            max_votes_per_tx: signed(params.max_votes_per_tx),
            genesis_hash: genesis.hash(),
            migration: chain::MigrationHeights {
                start_height: signed(migration.start_height),
                end_height: signed(migration.end_height),
            },
        }
    }
}
