//! Keys and every form of identity.

use std::collections::BTreeSet;

use kwil_crypto::auth::{self, Signer};
use kwil_crypto::{EthAddress, Hash, KeyError, KeyType, NodeId, PrivateKey, PublicKey, context};
use serde_json::Value as Json;

use crate::{bytes, list, text, vectors};

fn private(case: &Json) -> PrivateKey {
    PrivateKey::from_hex(text(case, "type").parse().unwrap(), text(case, "private_hex")).unwrap()
}

#[test]
fn keys_have_the_identities_of_the_vectors() {
    let vectors = vectors("keys.json");
    let cases = list(&vectors, "keys");
    assert_eq!(cases.len(), 7);
    for case in cases {
        let key = private(case);
        let public = key.public_key();
        assert_eq!(u64::from(key.key_type().id()), case["type_id"].as_u64().unwrap());
        assert_eq!(*key.to_hex(), text(case, "private_hex"));
        assert_eq!(public.to_hex(), text(case, "public_hex"));
        assert_eq!(hex::encode(public.to_wire_bytes()), text(case, "wire_public_hex"));
        assert_eq!(PublicKey::from_wire_bytes(&public.to_wire_bytes()), Ok(public));
        assert_eq!(NodeId::new(public).to_string(), text(case, "node_id"));
        assert_eq!(text(case, "node_id").parse::<NodeId>().unwrap().public_key(), &public);
        assert_eq!(public.to_peer_id(), text(case, "libp2p_peer_id"));
        assert_eq!(PublicKey::from_peer_id(text(case, "libp2p_peer_id")).unwrap(), public);
        for (signer, who) in
            [(Signer::user(key.clone()), "user"), (Signer::node(key.clone()), "node")]
        {
            assert_eq!(signer.auth_type().as_str(), text(case, &format!("{who}_auth_type")));
            assert_eq!(hex::encode(signer.sender()), text(case, &format!("{who}_sender_hex")));
            let identifier = text(case, &format!("{who}_identifier"));
            assert_eq!(signer.identifier(), identifier);
            let name = signer.auth_type().as_str();
            assert_eq!(auth::identifier(name, signer.sender()).unwrap(), identifier);
        }
    }
}

#[test]
fn operators_may_pass_a_node_id_or_a_peer_id() {
    let vectors = vectors("keys.json");
    for case in list(&vectors, "keys") {
        let id: NodeId = text(case, "node_id").parse().unwrap();
        assert_eq!(NodeId::parse_lenient(text(case, "node_id")), Ok(id));
        assert_eq!(
            NodeId::parse_lenient(
                &text(case, "node_id")
                    .to_uppercase()
                    .replace("#SECP256K1", "#secp256k1")
                    .replace("#ED25519", "#ed25519")
            ),
            Ok(id)
        );
        assert_eq!(NodeId::parse_lenient(text(case, "libp2p_peer_id")), Ok(id));
    }
    assert_eq!(NodeId::parse_lenient("nobody"), Err(KeyError::NodeIdFormat));
}

#[test]
fn addresses_are_written_with_their_checksum_and_read_in_any_case() {
    let vectors = vectors("keys.json");
    for case in list(&vectors, "eip55") {
        let address = EthAddress::try_from(bytes(case, "address_hex").as_slice()).unwrap();
        let checksummed = text(case, "checksummed");
        assert_eq!(address.to_string(), checksummed);
        assert_eq!(checksummed.parse(), Ok(address));
        assert_eq!(checksummed.to_lowercase().parse(), Ok(address));
    }
    for wrong in [
        "",
        "0x",
        "5aaafe6f8e4e44aa5d4cbd087a639b5e8a3ed395",
        "0x5aaafe6f8e4e44aa5d4cbd087a639b5e8a3ed3",
        "0x5aaafe6f8e4e44aa5d4cbd087a639b5e8a3ed39g",
    ] {
        assert_eq!(wrong.parse::<EthAddress>(), Err(KeyError::Address), "{wrong}");
    }
}

#[test]
fn unusable_private_keys_are_refused() {
    let vectors = vectors("keys.json");
    let cases = list(&vectors, "invalid_nodekey");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let file: Json = serde_json::from_str(text(case, "nodekey_json")).unwrap();
        let key_type = file["type"].as_str().unwrap_or_default().parse::<KeyType>();
        let key = key_type.and_then(|key_type| PrivateKey::from_hex(key_type, text(&file, "key")));
        key.expect_err(text(case, "reason"));
    }
    let zero = PrivateKey::from_bytes(KeyType::Secp256k1, &[0; 32]).unwrap_err();
    assert_eq!(zero, KeyError::ScalarOutOfRange);
}

#[test]
fn malformed_node_ids_are_refused() {
    let vectors = vectors("keys.json");
    let cases = list(&vectors, "invalid_node_id");
    assert_eq!(cases.len(), 6);
    for case in cases {
        text(case, "node_id").parse::<NodeId>().expect_err(text(case, "reason"));
    }
}

#[test]
fn second_encodings_of_a_public_key_are_refused() {
    let vectors = vectors("keys.json");
    let case = &list(&vectors, "keys")[0];
    let uncompressed = bytes(case, "public_uncompressed_hex");
    PublicKey::from_bytes(KeyType::Secp256k1, &uncompressed).unwrap_err();
    let mut hybrid = uncompressed;
    hybrid[0] = 6;
    PublicKey::from_bytes(KeyType::Secp256k1, &hybrid).unwrap_err();

    // Encodings of ed25519 points that reduce to another one, and points of small order.
    let small_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let not_canonical = [
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        // y = 3 + p: a point of full order in a second encoding.
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for key in small_order.iter().chain(&not_canonical) {
        PublicKey::from_hex(KeyType::Ed25519, key).expect_err(key);
    }
    // The first encoding of the last point is accepted, so that its second one is refused for being one.
    let first = "0300000000000000000000000000000000000000000000000000000000000000";
    PublicKey::from_hex(KeyType::Ed25519, first).unwrap();
}

#[test]
fn canonical_order_is_type_then_bytes() {
    let vectors = vectors("keys.json");
    let mut keys: Vec<PublicKey> =
        list(&vectors, "keys").iter().map(|case| private(case).public_key()).collect();
    keys.sort();
    let by_hand = |key: &PublicKey| (key.key_type().id(), key.as_bytes().to_vec());
    assert!(keys.is_sorted_by_key(by_hand));
    assert_eq!(keys.last().unwrap().key_type(), KeyType::Ed25519);
    // A short ed25519 key after all longer secp256k1 keys, although its first byte is smaller.
    assert!(keys.iter().take(5).all(|key| key.key_type() == KeyType::Secp256k1));
}

#[test]
fn private_keys_are_not_printed() {
    let vectors = vectors("keys.json");
    for case in list(&vectors, "keys") {
        let key = private(case);
        let secret = &text(case, "private_hex")[..16];
        let shown =
            format!("{key:?} {:?} {:#?}", Signer::user(key.clone()), Signer::node(key.clone()));
        assert!(!shown.contains(secret), "{shown}");
        assert!(shown.contains(text(case, "public_hex")), "{shown}");
    }
}

#[test]
fn a_stuck_source_of_entropy_does_not_hang() {
    for fill in [0x00, 0xff] {
        let stuck = |buffer: &mut [u8]| {
            buffer.fill(fill);
            Ok::<(), std::convert::Infallible>(())
        };
        PrivateKey::generate(KeyType::Secp256k1, stuck).unwrap();
        PrivateKey::generate(KeyType::Ed25519, stuck).unwrap();
    }
    let failing = PrivateKey::generate(KeyType::Ed25519, |_| Err("no entropy"));
    assert_eq!(failing.unwrap_err(), "no entropy");
}

#[test]
fn hash_texts_are_64_digits_in_any_case() {
    let hash = Hash([0xab; 32]);
    assert_eq!(hash.to_string(), "ab".repeat(32));
    assert_eq!("AB".repeat(32).parse(), Ok(hash));
    assert_eq!(hash.short(), "abababab");
    assert_eq!("ab".repeat(31).parse::<Hash>(), Err(KeyError::HashLength { got: 62 }));
    assert!("zz".repeat(32).parse::<Hash>().is_err());
}

#[test]
fn every_context_is_used_once() {
    let names: BTreeSet<&str> = context::ALL.iter().map(|context| context.name()).collect();
    assert_eq!(names.len(), context::ALL.len());
    for name in names {
        let (words, number) = name.rsplit_once(' ').unwrap();
        assert!(words.starts_with("kwil ") && number.parse::<u32>().is_ok(), "{name}");
    }
}
