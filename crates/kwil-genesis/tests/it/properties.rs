//! Properties over generated documents.

use kwil_crypto::{Hash, KeyType, PrivateKey, PublicKey};
use kwil_genesis::{Alloc, Document, Genesis, Migration};
use kwil_types::{AccountId, Amount, GoDuration, Validator};
use proptest::prelude::*;

fn key(seed: u8) -> PublicKey {
    let key_type = KeyType::ALL[usize::from(seed % 2)];
    let fill = |buffer: &mut [u8]| {
        buffer.fill(seed);
        Ok::<(), std::convert::Infallible>(())
    };
    PrivateKey::generate(key_type, fill).unwrap().public_key()
}

fn account(seed: u8) -> AccountId {
    match seed % 3 {
        0 => AccountId::new(KeyType::Secp256k1, &[seed; 20]).unwrap(),
        _ => AccountId::from(&key(seed)),
    }
}

fn documents() -> impl Strategy<Value = Document> {
    let validators = prop::collection::btree_map(1..=20_u8, 1..=1_000_000_u64, 1..6);
    let allocs = prop::collection::btree_map(1..=60_u8, any::<[u8; 32]>(), 0..6);
    let numbers = (
        any::<u32>(),
        4096..=67_108_864_u64,
        60_000_000_000..=31_536_000_000_000_000_i64,
        1..=9_999_u64,
        0..=9_u64,
    );
    let rest = ("\\PC{1,12}", "[ -~é]{0,40}", any::<Option<[u8; 32]>>(), any::<bool>(), 0..=9_u64);
    (validators, allocs, numbers, rest).prop_map(|(validators, allocs, numbers, rest)| {
        let (height, max_block_size, expiry, max_votes_per_tx, maa_activation_height) = numbers;
        let (chain_id, db_owner, state_hash, disabled_gas_costs, start) = rest;
        let validators: Vec<Validator> = validators
            .into_iter()
            .map(|(seed, power)| Validator { key: key(seed), power })
            .collect();
        let alloc = allocs.into_iter().map(|(seed, bytes)| {
            let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
            Alloc { account: account(seed), amount: Amount::from_be_bytes(&significant).unwrap() }
        });
        Document {
            chain_id,
            initial_height: u64::from(height),
            leader: Some(validators[0].key),
            validators,
            db_owner,
            state_hash: state_hash.map(Hash),
            alloc: alloc.collect(),
            migration: Migration { start_height: start, end_height: start * 2 },
            max_block_size,
            join_expiry: GoDuration::from_nanos(expiry),
            disabled_gas_costs,
            max_votes_per_tx,
            maa_activation_height,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_is_the_same_network_after_writing_and_reading(document in documents()) {
        let genesis = Genesis::new(document).unwrap();
        let again = Genesis::from_json(&genesis.to_json()).unwrap();
        prop_assert_eq!(again.encode(), genesis.encode());
        prop_assert_eq!(again, genesis);
    }

    #[test]
    fn the_order_of_lists_makes_no_difference_and_every_value_does(document in documents()) {
        let hash = |document: &Document| Genesis::new(document.clone()).unwrap().hash();
        let original = hash(&document);
        let mut reversed = document.clone();
        reversed.validators.reverse();
        reversed.alloc.reverse();
        prop_assert_eq!(hash(&reversed), original);

        let changes: [fn(&mut Document); 9] = [
            |document| document.chain_id = "another".to_owned(),
            |document| document.initial_height += 1,
            |document| document.validators[0].power += 1,
            |document| document.db_owner = "another owner".to_owned(),
            |document| document.state_hash = Some(Hash([0xee; 32])),
            |document| document.alloc.push(Alloc { account: account(63), amount: Amount::ZERO }),
            |document| document.disabled_gas_costs = !document.disabled_gas_costs,
            |document| document.max_votes_per_tx += 1,
            |document| document.maa_activation_height += 1,
        ];
        for change in changes {
            let mut other = document.clone();
            change(&mut other);
            prop_assert_ne!(hash(&other), original);
        }
    }
}
