//! A chain of one executor, whose blocks are made by hand.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kwil_crypto::auth::Signer;
use kwil_crypto::{Hash, KeyType, PrivateKey};
use kwil_genesis::{Document, Genesis};
use kwil_state::testing::TestDatabase;
use kwil_state::{BlockInput, Database, Executor, Extensions, Published};
use kwil_types::{
    Amount, Header, Height, Payload, RawStatement, RawTx, Serialization, Signature, Transaction,
    TxBody, Validator, View, tx_root,
};
use tokio_util::sync::CancellationToken;

use crate::bench::workload::Workload;

const CHAIN_ID: &str = "bench";
const START_MS: u64 = 1_700_000_000_000;

pub(super) struct Chain {
    pub(super) executor: Executor,
    pub(super) database: Database,
    genesis: Genesis,
    wallets: Vec<Signer>,
    nonces: BTreeMap<usize, u64>,
    /// Numbers of rows given away so far: no two transactions write the same row.
    next_row: i64,
    // Owns the database.
    _database: TestDatabase,
}

impl Chain {
    pub(super) async fn start() -> Result<Self> {
        let node = Signer::node(PrivateKey::from_bytes(KeyType::Secp256k1, &[100; 32])?);
        let wallets = (1..=64)
            .map(|number| {
                Ok(Signer::user(PrivateKey::from_bytes(KeyType::Secp256k1, &[number; 32])?))
            })
            .collect::<Result<Vec<_>>>()?;
        let owner = wallets.first().context("a wallet")?.identifier();
        let validator = Validator { key: node.public_key(), power: 1 };
        let genesis = Genesis::new(Document {
            chain_id: CHAIN_ID.into(),
            validators: vec![validator],
            leader: Some(validator.key),
            db_owner: owner,
            disabled_gas_costs: true,
            ..Document::default()
        })?;
        let database = TestDatabase::create().await;
        let executor =
            Executor::open(database.endpoint().clone(), &genesis, Extensions::default()).await?;
        Ok(Self {
            executor,
            database: Database::new(database.endpoint().clone(), 24),
            genesis,
            wallets,
            nonces: BTreeMap::new(),
            next_row: 0,
            _database: database,
        })
    }

    /// Runs a script as the owner, in a block of its own.
    pub(super) async fn owner_runs(&mut self, script: &str) -> Result<()> {
        let statement = RawStatement { statement: script.into(), parameters: Vec::new() };
        let transaction = self.sign(0, &Payload::RawStatement(statement))?;
        self.block(vec![transaction]).await
    }

    /// Signed transactions of a workload, by so many senders in turn.
    pub(super) fn transactions(
        &mut self,
        workload: &Workload,
        count: usize,
        senders: usize,
    ) -> Result<Vec<RawTx>> {
        (0..count)
            .map(|number| {
                let first = self.next_row;
                self.next_row = first.saturating_add(i64::try_from(workload.rows)?);
                let payload = (workload.payload)(first, workload.rows)?;
                self.sign(number.checked_rem(senders).unwrap_or(0), &payload)
            })
            .collect()
    }

    fn sign(&mut self, wallet: usize, payload: &Payload) -> Result<RawTx> {
        let nonce = self.nonces.entry(wallet).or_default();
        *nonce = nonce.saturating_add(1);
        let body = TxBody {
            description: String::new(),
            payload: payload.encode()?.into(),
            payload_type: payload.payload_type().name().into(),
            fee: Amount::from(0_u64),
            nonce: *nonce,
            chain_id: CHAIN_ID.into(),
        };
        let signer = self.wallets.get(wallet).context("a wallet")?;
        let message = body.signed_message(Serialization::Concat)?;
        let signature = Signature {
            bytes: signer.sign(&message).into(),
            auth_type: signer.auth_type().to_string(),
        };
        let sender = signer.sender().to_vec().into();
        let serialization = Serialization::Concat;
        Ok(RawTx::new(&Transaction { signature, body, serialization, sender })?)
    }

    /// Executes and commits the next block; every transaction must succeed.
    pub(super) async fn block(&mut self, txs: Vec<RawTx>) -> Result<()> {
        let input = self.input(txs)?;
        let outcome = self.executor.execute(&input, CancellationToken::new()).await?;
        self.executor.commit().await?;
        for result in &outcome.results {
            super::check(&result.log, result.code.is_ok())?;
        }
        Ok(())
    }

    fn input(&self, txs: Vec<RawTx>) -> Result<BlockInput> {
        let Published { chain, network, .. } = self.executor.subscribe().borrow().clone();
        let ids: Vec<Hash> = txs.iter().map(RawTx::id).collect();
        let height = chain.height.saturating_add(1);
        let header = Header {
            chain_hash: self.genesis.hash(),
            height: Height(height),
            view: View(0),
            prev_hash: chain.block_hash,
            prev_app_hash: chain.app_hash,
            tx_count: u32::try_from(txs.len())?,
            tx_root: tx_root(&ids),
            validators_hash: network.validators().hash(),
            params_hash: network.params().hash(),
            time_ms: START_MS.saturating_add(height),
            proposer: network.params().leader,
            new_leader: None,
        };
        Ok(BlockInput { hash: header.hash(), header, txs: txs.into() })
    }
}
