//! A network in one process: an executor on a database of its own, and blocks made by hand.

use kwil_crypto::auth::Signer;
use kwil_crypto::{Hash, KeyType, PrivateKey, PublicKey};
use kwil_genesis::{Alloc, Document, Genesis};
use kwil_state::testing::TestDatabase;
use kwil_state::{Account, BlockInput, BlockOutcome, Database, Executor, Extensions, Published};
use kwil_types::{
    AccountId, Amount, GoDuration, Header, Height, Payload, RawTx, Serialization, Signature,
    Transaction, TxBody, Validator, View, tx_root,
};
use tokio_util::sync::CancellationToken;

pub(crate) const CHAIN: &str = "test-chain";
/// Time of the first block in Unix seconds.
pub(crate) const START: u64 = 1_700_000_000;
/// Lifetime of join requests in seconds.
pub(crate) const JOIN_EXPIRY: u64 = 60;

/// The node key with this number; odd ones are ed25519.
pub(crate) fn node(number: u8) -> Signer {
    Signer::node(private(number))
}

/// A wallet with this number.
pub(crate) fn user(number: u8) -> Signer {
    Signer::user(PrivateKey::from_bytes(KeyType::Secp256k1, &[number; 32]).unwrap())
}

fn private(number: u8) -> PrivateKey {
    let key_type = if number % 2 == 1 { KeyType::Ed25519 } else { KeyType::Secp256k1 };
    let fill = |bytes: &mut [u8]| -> Result<(), std::convert::Infallible> {
        bytes.fill(number);
        Ok(())
    };
    PrivateKey::generate(key_type, fill).unwrap()
}

pub(crate) fn key(number: u8) -> PublicKey {
    private(number).public_key()
}

pub(crate) fn account_of(signer: &Signer) -> AccountId {
    AccountId::new(signer.public_key().key_type(), signer.sender()).unwrap()
}

/// What a network starts with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Powers of the validators; node 0 leads.
    pub(crate) powers: Vec<u64>,
    pub(crate) gas: bool,
    pub(crate) alloc: Vec<(AccountId, u64)>,
    /// Who owns the database; empty for nobody.
    pub(crate) owner: String,
}

impl Setup {
    pub(crate) fn free(powers: &[u64]) -> Self {
        Self { powers: powers.to_vec(), gas: false, alloc: Vec::new(), owner: String::new() }
    }

    pub(crate) fn genesis(&self) -> Genesis {
        let members = (0..)
            .zip(&self.powers)
            .map(|(number, power)| Validator { key: key(number), power: *power });
        let alloc = self
            .alloc
            .iter()
            .map(|(account, amount)| Alloc { account: account.clone(), amount: (*amount).into() });
        Genesis::new(Document {
            chain_id: CHAIN.into(),
            validators: members.collect(),
            leader: Some(key(0)),
            alloc: alloc.collect(),
            join_expiry: GoDuration::from_secs(JOIN_EXPIRY.cast_signed()),
            disabled_gas_costs: !self.gas,
            db_owner: self.owner.clone(),
            ..Document::default()
        })
        .unwrap()
    }

    pub(crate) async fn start(self) -> Net {
        self.start_with(Extensions::default()).await
    }

    pub(crate) async fn start_with(self, extensions: Extensions) -> Net {
        let (test, genesis) = (TestDatabase::create().await, self.genesis());
        let executor = Executor::open(test.endpoint().clone(), &genesis, extensions).await.unwrap();
        let database = Database::new(test.endpoint().clone(), 10);
        Net { executor, database, test, genesis, time: START, inputs: Vec::new() }
    }
}

/// A running network.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) executor: Executor,
    pub(crate) database: Database,
    pub(crate) test: TestDatabase,
    pub(crate) genesis: Genesis,
    /// Time of the next block in Unix seconds.
    pub(crate) time: u64,
    /// Every committed block.
    pub(crate) inputs: Vec<BlockInput>,
}

/// Signs a transaction.
pub(crate) fn tx(signer: &Signer, nonce: u64, fee: u64, payload: &Payload) -> RawTx {
    raw(signer, nonce, fee, payload.payload_type().name(), payload.encode().unwrap())
}

/// Signs a transaction with any payload bytes.
pub(crate) fn raw(
    signer: &Signer,
    nonce: u64,
    fee: u64,
    payload_type: &str,
    payload: Vec<u8>,
) -> RawTx {
    let body = TxBody {
        description: String::new(),
        payload: payload.into(),
        payload_type: payload_type.into(),
        fee: Amount::from(fee),
        nonce,
        chain_id: CHAIN.into(),
    };
    let message = body.signed_message(Serialization::Concat).unwrap();
    let signature = Signature {
        bytes: signer.sign(&message).into(),
        auth_type: signer.auth_type().to_string(),
    };
    let sender = signer.sender().to_vec().into();
    RawTx::new(&Transaction { signature, body, serialization: Serialization::Concat, sender })
        .unwrap()
}

/// The block after the last one of an executor, proposed by the leader.
pub(crate) fn next_input(
    executor: &Executor,
    genesis: &Genesis,
    time: u64,
    txs: Vec<RawTx>,
) -> BlockInput {
    let Published { chain, network } = executor.subscribe().borrow().clone();
    let ids: Vec<Hash> = txs.iter().map(RawTx::id).collect();
    let header = Header {
        chain_hash: genesis.hash(),
        height: Height(chain.height + 1),
        view: View(0),
        prev_hash: chain.block_hash,
        prev_app_hash: chain.app_hash,
        tx_count: u32::try_from(txs.len()).unwrap(),
        tx_root: tx_root(&ids),
        validators_hash: network.validators().hash(),
        params_hash: network.params().hash(),
        time_ms: time * 1000 + 999,
        proposer: network.params().leader,
        new_leader: None,
    };
    BlockInput { hash: header.hash(), header, txs: txs.into() }
}

impl Net {
    /// The next block with these transactions, proposed by the leader.
    pub(crate) fn input(&self, txs: Vec<RawTx>) -> BlockInput {
        next_input(&self.executor, &self.genesis, self.time, txs)
    }

    /// Executes and commits the next block; one second passes.
    pub(crate) async fn block(&mut self, txs: Vec<RawTx>) -> BlockOutcome {
        let input = self.input(txs);
        self.commit(input).await
    }

    pub(crate) async fn commit(&mut self, input: BlockInput) -> BlockOutcome {
        let outcome = self.executor.execute(&input, CancellationToken::new()).await.unwrap();
        let chain = self.executor.commit().await.unwrap();
        assert_eq!((chain.height, chain.app_hash), (outcome.height, outcome.app_hash));
        self.inputs.push(input);
        self.time += 1;
        outcome
    }

    /// One transaction in a block of its own: code, gas and log.
    pub(crate) async fn one(&mut self, tx: RawTx) -> (u32, i64, String) {
        let mut outcome = self.block(vec![tx]).await;
        let result = outcome.results.pop().unwrap();
        (result.code.code(), result.gas, result.log)
    }

    /// One transaction in a block of its own that must succeed.
    pub(crate) async fn ok(&mut self, tx: RawTx) -> BlockOutcome {
        let outcome = self.block(vec![tx]).await;
        let result = &outcome.results[0];
        assert_eq!((result.code.code(), result.log.as_str()), (0, ""));
        outcome
    }

    pub(crate) async fn account(&self, id: &AccountId) -> Option<(String, u64)> {
        let account = self.database.inspect().await.unwrap().account(id).await.unwrap();
        account.map(|Account { balance, nonce }| (balance.to_string(), nonce))
    }

    /// What the database says now, as everybody sees it.
    pub(crate) fn published(&self) -> Published {
        self.executor.subscribe().borrow().clone()
    }

    /// Opens the database again, as a node that was started anew.
    pub(crate) async fn restart(self) -> Self {
        let Self { executor, database, test, genesis, time, inputs } = self;
        executor.close().await;
        let executor =
            Executor::open(test.endpoint().clone(), &genesis, Extensions::default()).await.unwrap();
        Self { executor, database, test, genesis, time, inputs }
    }

    /// Waits until no reader of this database runs a statement; an abandoned one must be ended by the node.
    pub(crate) async fn no_reader_runs(&self) {
        let mut connection = self.test.connect_superuser().await;
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name = 'kwild reader' AND state = 'active'";
        loop {
            let running: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
            if running == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Powers of the validators by node number.
    pub(crate) fn powers(&self) -> Vec<Option<u64>> {
        let validators = self.published().network.validators().clone();
        (0..6).map(|number| validators.power_of(&key(number))).collect()
    }
}
