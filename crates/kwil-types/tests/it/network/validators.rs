//! Validator sets, who leads them and what passes in them.

use kwil_crypto::{KeyType, PrivateKey, PublicKey};
use kwil_types::{
    ParamUpdates, Threshold, Validator, ValidatorSet, ValidatorSetError, View, updates_hash,
};

use super::{bytes, list, set, text, vectors};

#[test]
fn validator_set_has_the_canonical_order_encoding_and_hash() {
    let case = &vectors()["validator_set"];
    let order: Vec<String> = set().iter().map(|member| member.key.to_string()).collect();
    let expected: Vec<&str> = list(case, "order").iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(order, expected);
    assert_eq!(hex::encode(set().encode()), text(case, "encoding_hex"));
    assert_eq!(set().hash().to_string(), text(case, "validators_hash"));
    assert_eq!(ValidatorSet::decode(&bytes(case, "encoding_hex")).unwrap(), set());
}

#[test]
fn validator_sets_refuse_what_is_no_set() {
    let member = *set().get(0).unwrap();
    assert_eq!(ValidatorSet::new([]), Err(ValidatorSetError::Empty));
    assert_eq!(
        ValidatorSet::new([member, member]),
        Err(ValidatorSetError::Duplicate { key: member.key })
    );
    let powerless = Validator { power: 0, ..member };
    assert_eq!(
        ValidatorSet::new([powerless]),
        Err(ValidatorSetError::ZeroPower { key: member.key })
    );
    let other = *set().get(1).unwrap();
    let strong =
        |power| ValidatorSet::new([Validator { power, ..member }, Validator { power: 1, ..other }]);
    assert!(strong((1 << 62) - 1).is_ok());
    assert_eq!(strong(1 << 62), Err(ValidatorSetError::TotalPower));
    assert_eq!(strong(u64::MAX), Err(ValidatorSetError::TotalPower));
}

#[test]
fn updates_add_change_and_remove_validators() {
    let set = set();
    let [first, second, third] = [0, 1, 2].map(|index| *set.get(index).unwrap());
    let key = PrivateKey::from_bytes(KeyType::Ed25519, &ed25519_bytes(9)).unwrap().public_key();
    let updates = [
        Validator { power: 0, ..first },
        Validator { power: 5, ..second },
        Validator { key, power: 2 },
    ];
    let after = set.apply(&updates).unwrap();
    assert_eq!(after.len(), 3);
    assert!(!after.contains(&first.key));
    assert_eq!(after.power_of(&second.key), Some(5));
    assert_eq!(after.power_of(&third.key), Some(1));
    assert_eq!(after.total_power(), 8);
    let removals: Vec<Validator> =
        set.iter().map(|member| Validator { power: 0, ..*member }).collect();
    assert_eq!(set.apply(&removals), Err(ValidatorSetError::Empty));
    // The order of updates makes no difference to their hash; their content does.
    let reversed: Vec<Validator> = updates.iter().rev().copied().collect();
    let none = ParamUpdates::new();
    assert_eq!(updates_hash(&updates, &none), updates_hash(&reversed, &none));
    assert_ne!(updates_hash(&updates, &none), updates_hash(&updates[1..], &none));
}

fn ed25519_bytes(seed: u8) -> [u8; 64] {
    let key = PrivateKey::generate(KeyType::Ed25519, |buffer| {
        buffer.fill(seed);
        Ok::<(), std::convert::Infallible>(())
    });
    key.unwrap().to_bytes().as_slice().try_into().unwrap()
}

#[test]
fn quorum_is_more_than_half_and_views_rotate_the_leader() {
    let keys: Vec<PublicKey> = (1..=9)
        .map(|seed| {
            PrivateKey::from_bytes(KeyType::Ed25519, &ed25519_bytes(seed)).unwrap().public_key()
        })
        .collect();
    for (count, quorum) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (9, 5)] {
        let set =
            ValidatorSet::new(keys[..count].iter().map(|key| Validator { key: *key, power: 7 }))
                .unwrap();
        assert_eq!(set.quorum(), quorum, "{count}");
    }
    let set = set();
    let order: Vec<PublicKey> = set.iter().map(|member| member.key).collect();
    for (view, index) in [(0, 2), (1, 0), (2, 1), (3, 2), (u64::MAX, 2)] {
        assert_eq!(set.leader(&order[2], View(view)), Some(&order[index]), "{view}");
    }
    assert_eq!(set.leader(&keys[0], View(0)), None);
}

#[test]
fn first_leader_follows_committed_data() {
    let set = set();
    let [first, second, third] = [0, 1, 2].map(|index| set.get(index).unwrap().key);
    let stranger = PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap().public_key();
    assert_eq!(set.first_leader(&second, true, Some(&third)), second);
    assert_eq!(set.first_leader(&second, false, Some(&third)), third);
    assert_eq!(set.first_leader(&stranger, true, Some(&third)), third);
    assert_eq!(set.first_leader(&second, false, Some(&stranger)), second);
    assert_eq!(set.first_leader(&second, false, None), second);
    assert_eq!(set.first_leader(&stranger, true, Some(&stranger)), first);
}

#[test]
fn thresholds_are_those_of_the_network() {
    let table = [
        // total, more than half, more than two thirds, at least two thirds
        (1, 1, 1, 1),
        (2, 2, 2, 2),
        (3, 2, 3, 2),
        (4, 3, 3, 3),
        (5, 3, 4, 4),
        (6, 4, 5, 4),
        (9, 5, 7, 6),
        (1 << 62, (1 << 61) + 1, 3_074_457_345_618_258_603, 3_074_457_345_618_258_603),
    ];
    for (total, half, strict, least) in table {
        assert_eq!(Threshold::MORE_THAN_HALF.required(total), half, "{total}");
        assert_eq!(Threshold::MORE_THAN_TWO_THIRDS.required(total), strict, "{total}");
        assert_eq!(Threshold::AT_LEAST_TWO_THIRDS.required(total), least, "{total}");
    }
    assert!(Threshold::MORE_THAN_TWO_THIRDS.passes(3, 3));
    assert!(!Threshold::MORE_THAN_TWO_THIRDS.passes(2, 3));
    // Nobody can pass anything without a vote.
    assert!(!Threshold::AT_LEAST_TWO_THIRDS.passes(0, 0));
    assert_eq!(Threshold::new(0, 3, false), None);
    assert_eq!(Threshold::new(3, 3, true), None);
    assert_eq!(Threshold::new(3, 3, false).unwrap().required(7), 7);
}
