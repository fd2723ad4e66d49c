#![allow(clippy::disallowed_methods, reason = "tests await what they spawn")]

mod admission;
mod pool;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kwil_crypto::auth::{Registry, Signer};
use kwil_crypto::{KeyType, PrivateKey};
use kwil_state::Account;
use kwil_types::{
    AccountId, Amount, NetworkParams, Payload, RawTx, Serialization, Signature, Transaction,
    Transfer, TxBody, Validator, ValidatorJoin, ValidatorSet,
};

use super::*;

pub(super) const CHAIN: &str = "test-chain";

/// A user with a key made from a number.
pub(super) struct User {
    signer: Signer,
}

impl User {
    pub(super) fn new(n: u8) -> Self {
        let key = PrivateKey::from_bytes(KeyType::Secp256k1, &[n; 32]).unwrap();
        Self { signer: Signer::user(key) }
    }

    pub(super) fn account(&self) -> AccountId {
        AccountId::new(KeyType::Secp256k1, self.signer.sender()).unwrap()
    }

    fn body(&self, nonce: u64, payload: &Payload) -> Transaction {
        Transaction {
            signature: Signature {
                bytes: Bytes::new(),
                auth_type: self.signer.auth_type().as_str().to_owned(),
            },
            body: TxBody {
                description: String::new(),
                payload: payload.encode().unwrap().into(),
                payload_type: payload.payload_type().name().to_owned(),
                fee: amount(PRICE),
                nonce,
                chain_id: CHAIN.to_owned(),
            },
            serialization: Serialization::Concat,
            sender: Bytes::copy_from_slice(self.signer.sender()),
        }
    }

    pub(super) fn sign(&self, mut tx: Transaction) -> RawTx {
        let message = tx.signed_message().unwrap();
        tx.signature.bytes = self.signer.sign(&message).into();
        RawTx::new(&tx).unwrap()
    }

    pub(super) fn transfer(&self, nonce: u64, amount: u64) -> RawTx {
        self.sign(self.body(nonce, &transfer_of(amount)))
    }
}

/// The unit of amounts in these tests. A transfer costs ten.
const UNIT: u64 = 21_000;
pub(super) const PRICE: u64 = 10;

pub(super) fn amount(units: u64) -> Amount {
    Amount::from(units * UNIT)
}

pub(super) fn transfer_of(units: u64) -> Payload {
    let to = AccountId::new(KeyType::Secp256k1, &[9; 20]).unwrap();
    Payload::Transfer(Transfer { to, amount: amount(units) })
}

pub(super) fn join() -> Payload {
    Payload::ValidatorJoin(ValidatorJoin { power: 1 })
}

pub(super) fn params(gas: bool) -> NetworkParams {
    let leader = PrivateKey::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap().public_key();
    NetworkParams { disabled_gas_costs: !gas, ..NetworkParams::new(leader) }
}

pub(super) fn rules(gas: bool) -> Rules {
    let params = params(gas);
    Rules {
        chain_id: CHAIN.to_owned(),
        validators: ValidatorSet::new([Validator { key: params.leader, power: 1 }]).unwrap(),
        params,
        authenticators: Arc::new(Registry::default()),
        has_engine: false,
        max_tx_bytes: 4096,
    }
}

pub(super) fn limits() -> Limits {
    Limits { max_bytes: 100_000, max_per_sender: 20, max_gap: 0 }
}

pub(super) fn facts(nonce: u64, balance: u64) -> Account {
    Account { nonce, balance: amount(balance) }
}

/// The committed accounts, read by lookups and changed by the test.
#[derive(Clone, Default)]
pub(super) struct State(Arc<Mutex<BTreeMap<AccountId, Account>>>);

impl State {
    pub(super) fn set(&self, account: AccountId, facts: Account) {
        self.0.lock().unwrap().insert(account, facts);
    }

    pub(super) fn lookup(&self) -> AccountLookup {
        let state = self.clone();
        Arc::new(move |account| {
            let facts = state.0.lock().unwrap().get(&account).cloned().unwrap_or_default();
            Box::pin(async move { Ok(facts) })
        })
    }
}
