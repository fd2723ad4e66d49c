//! The simulated application: who validates, who leads, and an app hash that depends on everything.

use std::collections::BTreeSet;
use std::sync::Arc;

use kwil_crypto::{Hash, KeyType, PrivateKey, PublicKey, sha256};
use kwil_types::{
    Amount, Block, RawTx, Serialization, Signature, Transaction, TxBody, TxId, Validator,
    ValidatorSet,
};

use crate::height::NextHeight;

/// Keys of the nodes, in the canonical order of their public keys.
#[derive(Debug)]
pub(crate) struct Keys {
    private: Vec<Arc<PrivateKey>>,
}

impl Keys {
    pub(crate) fn new(nodes: usize) -> Self {
        let mut private: Vec<_> = (0..nodes).map(|index| Arc::new(key_of(index))).collect();
        private.sort_by_key(|key| key.public_key());
        Self { private }
    }

    pub(crate) fn private(&self, node: usize) -> &Arc<PrivateKey> {
        &self.private[node]
    }

    pub(crate) fn public(&self, node: usize) -> PublicKey {
        self.private[node].public_key()
    }

    pub(crate) fn index(&self, key: &PublicKey) -> Option<usize> {
        self.private.iter().position(|own| own.public_key() == *key)
    }
}

fn key_of(index: usize) -> PrivateKey {
    let seed = sha256(format!("simulated node {index}").as_bytes()).0;
    let made = PrivateKey::generate(KeyType::Ed25519, |out| {
        out.copy_from_slice(&seed);
        Ok::<(), std::convert::Infallible>(())
    });
    match made {
        Ok(key) => key,
    }
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instruction {
    Nothing,
    Join(usize),
    Leave(usize),
}

/// A transaction with a number that makes it unique.
pub(crate) fn transaction(number: u64, instruction: Instruction) -> RawTx {
    let (code, node) = match instruction {
        Instruction::Nothing => (0, 0),
        Instruction::Join(node) => (1, node),
        Instruction::Leave(node) => (2, node),
    };
    let transaction = Transaction {
        signature: Signature { bytes: vec![1; 64].into(), auth_type: "simulated".to_owned() },
        body: TxBody {
            description: String::new(),
            payload: vec![code, node as u8].into(),
            payload_type: "simulated".to_owned(),
            fee: Amount::default(),
            nonce: number + 1,
            chain_id: "sim".to_owned(),
        },
        serialization: Serialization::Direct,
        sender: vec![7; 20].into(),
    };
    RawTx::new(&transaction).expect("a simulated transaction is well formed")
}

fn instruction(tx: &bytes::Bytes) -> Instruction {
    let raw = RawTx::decode(tx.clone()).expect("a block holds simulated transactions");
    let payload = &raw.transaction().body.payload;
    let node = usize::from(payload[1]);
    match payload[0] {
        1 => Instruction::Join(node),
        2 => Instruction::Leave(node),
        _ => Instruction::Nothing,
    }
}

/// State after a height.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) app_hash: Hash,
    pub(crate) members: BTreeSet<usize>,
    pub(crate) leader: usize,
    pub(crate) applied: Arc<BTreeSet<TxId>>,
    next: NextHeight,
}

impl AppState {
    pub(crate) fn genesis(validators: usize, keys: &Keys) -> Self {
        let members: BTreeSet<usize> = (0..validators).collect();
        let next = next_height(&members, 0, false, keys);
        Self {
            app_hash: sha256(b"genesis state"),
            members,
            leader: 0,
            applied: Arc::default(),
            next,
        }
    }

    /// Executes a block.
    pub(crate) fn execute(&self, block: &Block, keys: &Keys) -> Self {
        let (mut members, mut leader) = (self.members.clone(), self.leader);
        let mut applied = self.applied.as_ref().clone();
        if let Some(new) = block.header().new_leader.and_then(|key| keys.index(&key)) {
            leader = new;
        }
        for tx in block.txs() {
            match instruction(tx) {
                Instruction::Join(node) => {
                    members.insert(node);
                }
                Instruction::Leave(node) if members.len() > 1 && node != leader => {
                    members.remove(&node);
                }
                Instruction::Leave(_) | Instruction::Nothing => {}
            }
        }
        applied.extend(block.tx_ids());
        let leader_changed = leader != self.leader;
        let same = members == self.members && leader == self.leader;
        let next = if same {
            NextHeight { leader_changed, ..self.next.clone() }
        } else {
            next_height(&members, leader, leader_changed, keys)
        };
        let mut input = self.app_hash.0.to_vec();
        input.extend_from_slice(&block.hash().0);
        input.extend(members.iter().map(|member| *member as u8));
        input.push(leader as u8);
        Self { app_hash: sha256(&input), members, leader, applied: Arc::new(applied), next }
    }

    pub(crate) fn next(&self) -> NextHeight {
        self.next.clone()
    }
}

fn next_height(
    members: &BTreeSet<usize>,
    leader: usize,
    leader_changed: bool,
    keys: &Keys,
) -> NextHeight {
    let validators = members.iter().map(|node| Validator { key: keys.public(*node), power: 1 });
    let set = ValidatorSet::new(validators).expect("members are distinct");
    NextHeight {
        validators: Arc::new(set),
        params_hash: sha256(&[leader as u8]),
        leader: keys.public(leader),
        leader_changed,
        max_block_size: 1 << 20,
        produce: true,
    }
}
