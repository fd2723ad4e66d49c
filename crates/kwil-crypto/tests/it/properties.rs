//! Properties over generated keys, texts and signatures.

use kwil_crypto::auth::{self, Signer};
use kwil_crypto::{EthAddress, Hasher, KeyType, NodeId, PrivateKey, PublicKey, context, hash};
use proptest::prelude::*;

fn keys() -> impl Strategy<Value = PrivateKey> {
    (any::<bool>(), any::<[u8; 32]>()).prop_map(|(ed25519, seed)| {
        let key_type = if ed25519 { KeyType::Ed25519 } else { KeyType::Secp256k1 };
        PrivateKey::generate(key_type, |buffer| {
            buffer.copy_from_slice(&seed);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_and_identities_survive_every_text_form(key in keys()) {
        let public = key.public_key();
        let again = PrivateKey::from_bytes(key.key_type(), &key.to_bytes()).unwrap();
        prop_assert_eq!(again.public_key(), public);
        prop_assert_eq!(PublicKey::from_bytes(public.key_type(), public.as_bytes()).unwrap(), public);
        prop_assert_eq!(NodeId(public).to_string().parse::<NodeId>().unwrap(), NodeId(public));
        prop_assert_eq!(PublicKey::from_peer_id(&public.to_peer_id()).unwrap(), public);
    }

    #[test]
    fn signatures_verify_and_no_changed_byte_does(
        key in keys(),
        message in prop::collection::vec(any::<u8>(), 0..100),
        place in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let other = [message.as_slice(), b"."].concat();
        for signer in [Signer::user(key.clone()), Signer::node(key.clone())] {
            let (name, sender) = (signer.auth_type().as_str(), signer.sender());
            let mut signature = signer.sign(&message);
            prop_assert!(auth::verify(name, sender, &message, &signature).is_ok());
            prop_assert!(auth::verify(name, sender, &other, &signature).is_err());
            let place = place.index(signature.len());
            let before = signature[place];
            signature[place] ^= change;
            // Wallets write the recovery byte in two forms.
            let pair = (before.min(signature[place]), before.max(signature[place]));
            let same_parity = name == "secp256k1_ep" && place == 64 && [(0, 27), (1, 28)].contains(&pair);
            prop_assert_eq!(auth::verify(name, sender, &message, &signature).is_ok(), same_parity);
        }
        let mut signature = key.sign_network(context::VOTE, &message);
        prop_assert!(key.public_key().verify_network(context::VOTE, &message, &signature).is_ok());
        signature.0[place.index(64)] ^= change;
        prop_assert!(key.public_key().verify_network(context::VOTE, &message, &signature).is_err());
    }

    #[test]
    fn addresses_survive_their_text_in_any_case(bytes: [u8; 20]) {
        let address = EthAddress(bytes);
        let text = address.to_string();
        prop_assert_eq!(text.parse::<EthAddress>().unwrap(), address);
        let upper = format!("0x{}", text[2..].to_uppercase());
        prop_assert_eq!(upper.parse::<EthAddress>().unwrap(), address);
    }

    #[test]
    fn how_input_is_split_does_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..3000), cut in any::<prop::sample::Index>()) {
        let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut hasher = Hasher::new(context::STATE);
        hasher.update(left).update(right);
        prop_assert_eq!(hasher.finalize(), hash(context::STATE, &bytes));
        let mut wide = [0; 2048];
        hasher.finalize_xof(&mut wide);
        prop_assert_eq!(&wide[..32], &hash(context::STATE, &bytes).0[..]);
        prop_assert_eq!(hasher.reset().update(b"x").finalize(), hash(context::STATE, b"x"));
    }
}
