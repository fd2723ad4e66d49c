//! Client signatures of every authenticator, and network signatures.

use std::sync::Arc;

use kwil_crypto::auth::{self, AuthType, Authenticator, Registry, RegistryError, Signer};
use kwil_crypto::{KeyType, NetworkSignature, PrivateKey, SignatureError, context, keccak256};
use serde_json::Value as Json;

use crate::{bytes, list, text, vectors};

fn key(name: &str) -> PrivateKey {
    let vectors = vectors("keys.json");
    let case =
        list(&vectors, "keys").iter().find(|case| text(case, "name") == name).unwrap().clone();
    PrivateKey::from_hex(text(&case, "type").parse().unwrap(), text(&case, "private_hex")).unwrap()
}

/// The registry of a node with the optional authenticator.
fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register(Arc::new(AuthType::Ed25519Sha256)).unwrap();
    registry
}

#[test]
fn personal_signatures_are_those_of_wallets() {
    let vectors = vectors("eip191.json");
    let cases = list(&vectors, "personal_sign");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let (message, sender) = (bytes(case, "message_hex"), bytes(case, "address_hex"));
        let prefixed =
            [format!("\x19Ethereum Signed Message:\n{}", message.len()).as_bytes(), &message]
                .concat();
        assert_eq!(keccak256(&prefixed).to_string(), text(case, "digest_hex"));
        let signer = Signer::user(key(text(case, "key")));
        assert_eq!(hex::encode(signer.sign(&message)), text(case, "signature_hex"));
        for form in ["signature_hex", "signature_v27_hex"] {
            auth::verify("secp256k1_ep", &sender, &message, &bytes(case, form)).unwrap();
        }
        let wrong = auth::verify(
            "secp256k1_ep",
            &sender,
            b"another message",
            &bytes(case, "signature_hex"),
        );
        assert!(wrong.is_err());
    }
    for case in list(&vectors, "external") {
        let (message, signature) = (bytes(case, "message_hex"), bytes(case, "signature_hex"));
        auth::verify("secp256k1_ep", &bytes(case, "address_hex"), &message, &signature).unwrap();
    }
}

#[test]
fn node_signatures_are_those_of_the_vectors() {
    let vectors = vectors("eip191.json");
    let cases = list(&vectors, "other_auth_types");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let signer = Signer::node(key(text(case, "key")));
        let (message, signature) = (bytes(case, "message_hex"), bytes(case, "signature_hex"));
        let name = text(case, "auth_type");
        registry().verify(name, signer.sender(), &message, &signature).unwrap();
        registry().verify(name, signer.sender(), b"another message", &signature).unwrap_err();
        if name == signer.auth_type().as_str() {
            assert_eq!(signer.sign(&message), signature);
        }
    }
}

#[test]
fn every_signature_to_reject_is_rejected() {
    let vectors = vectors("eip191.json");
    let cases = list(&vectors, "must_reject");
    assert_eq!(cases.len(), 16);
    for case in cases {
        let (sender, message) = (bytes(case, "sender_hex"), bytes(case, "message_hex"));
        let name = text(case, "auth_type");
        let error = registry().verify(name, &sender, &message, &bytes(case, "signature_hex"));
        let error = error.expect_err(text(case, "reason"));
        let expected = match text(case, "reason") {
            "high s" => Some(SignatureError::HighS),
            "64 bytes" => Some(SignatureError::Length { want: 65, got: 64 }),
            "63 bytes" => Some(SignatureError::Length { want: 64, got: 63 }),
            "recovery byte 29" => Some(SignatureError::RecoveryByte { got: 29 }),
            "recovery byte 9" => Some(SignatureError::RecoveryByte { got: 9 }),
            "recovery byte 2/3" => Some(SignatureError::RecoveryByte { got: 3 }),
            "recovery byte 4..7" => Some(SignatureError::RecoveryByte { got: 5 }),
            "r = 0" | "s = 0" | "r = n" => Some(SignatureError::ScalarOutOfRange),
            _ => None,
        };
        if let Some(expected) = expected {
            assert_eq!(error, expected, "{case}");
        }
    }
}

#[test]
fn names_are_exact_and_the_optional_authenticator_is_optional() {
    let signer = Signer::node(key("go-test-ed25519"));
    let signature = signer.sign(b"m");
    for name in ["ED25519", "Ed25519", " ed25519", "ed25519_nr", ""] {
        let error = auth::verify(name, signer.sender(), b"m", &signature).unwrap_err();
        assert_eq!(error, SignatureError::UnknownAuthenticator { name: name.to_owned() });
    }
    assert_eq!(
        Registry::default().names().collect::<Vec<_>>(),
        ["ed25519", "secp256k1", "secp256k1_ep"]
    );
}

/// What an embedder adds: the sender is a public key, the signature is over the reversed message.
#[derive(Debug)]
struct Reversed(&'static str);

impl Authenticator for Reversed {
    fn name(&self) -> &str {
        self.0
    }

    fn key_type(&self) -> KeyType {
        KeyType::Ed25519
    }

    fn verify(
        &self,
        sender: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let reversed: Vec<u8> = message.iter().rev().copied().collect();
        auth::verify("ed25519", sender, &reversed, signature)
    }

    fn identifier(&self, sender: &[u8]) -> Result<String, SignatureError> {
        auth::identifier("ed25519", sender)
    }
}

#[test]
fn an_embedder_registers_an_authenticator_under_a_free_name() {
    let mut registry = Registry::default();
    registry.register(Arc::new(Reversed("reversed"))).unwrap();
    let signer = Signer::user(key("go-test-ed25519"));
    registry.verify("reversed", signer.sender(), b"abc", &signer.sign(b"cba")).unwrap();
    registry.verify("reversed", signer.sender(), b"abc", &signer.sign(b"abc")).unwrap_err();
    for taken in ["reversed", "ed25519"] {
        let error = registry.register(Arc::new(Reversed(taken))).unwrap_err();
        assert_eq!(error, RegistryError::Duplicate { name: taken.to_owned() });
    }
    for wrong in ["", "Reversed", "two words", "é"] {
        let error = registry.register(Arc::new(Reversed(wrong))).unwrap_err();
        assert_eq!(error, RegistryError::Name { name: wrong.to_owned() });
    }
}

#[test]
fn senders_of_the_wrong_kind_are_refused() {
    let signer = Signer::user(key("go-test-key"));
    let signature = signer.sign(b"m");
    let node = Signer::node(key("go-test-key"));
    let error = auth::verify("secp256k1_ep", node.sender(), b"m", &signature).unwrap_err();
    assert_eq!(error, SignatureError::SenderLength { want: 20, got: 33 });
    let error = auth::verify("secp256k1", signer.sender(), b"m", &node.sign(b"m")).unwrap_err();
    assert!(matches!(error, SignatureError::Sender(_)));
    auth::identifier("secp256k1_ep", &[1; 19]).unwrap_err();
    auth::identifier("ed25519", &[0; 32]).unwrap_err();
}

#[test]
fn network_signatures_belong_to_one_key_context_and_message() {
    for name in ["guide-sample", "go-test-ed25519"] {
        let key = key(name);
        let public = key.public_key();
        let signature = key.sign_network(context::VOTE, b"body");
        assert_eq!(key.sign_network(context::VOTE, b"body"), signature);
        public.verify_network(context::VOTE, b"body", &signature).unwrap();
        public.verify_network(context::VOTE, b"Body", &signature).unwrap_err();
        for other in context::ALL.iter().filter(|other| **other != context::VOTE) {
            public.verify_network(*other, b"body", &signature).unwrap_err();
        }
    }
    let (one, other) = (key("go-test-key"), key("go-test-key-2"));
    let signature = one.sign_network(context::VOTE, b"body");
    let error = other.public_key().verify_network(context::VOTE, b"body", &signature).unwrap_err();
    assert_eq!(error, SignatureError::Mismatch);
}

#[test]
fn the_other_form_of_a_network_signature_is_refused() {
    let order =
        hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let key = key("go-test-key");
    let signature = key.sign_network(context::VOTE, b"body");
    // n - s, digit by digit from the right.
    let mut high = signature.0;
    let mut borrow = 0_i32;
    for place in (0..32).rev() {
        let digit = i32::from(order[place]) - i32::from(signature.0[32 + place]) - borrow;
        borrow = i32::from(digit < 0);
        high[32 + place] = u8::try_from(digit + 256 * borrow).unwrap();
    }
    let verify =
        |bytes| key.public_key().verify_network(context::VOTE, b"body", &NetworkSignature(bytes));
    assert_eq!(verify(high), Err(SignatureError::HighS));
    assert_eq!(verify([0; 64]), Err(SignatureError::ScalarOutOfRange));
    assert_eq!(verify([0xff; 64]), Err(SignatureError::ScalarOutOfRange));
}

#[test]
fn network_and_client_signatures_of_one_key_do_not_mix() {
    let key = key("go-test-key");
    let node = Signer::node(key.clone());
    let network = key.sign_network(context::VOTE, b"body");
    for v in [0, 1] {
        let client = [network.0.as_slice(), &[v]].concat();
        auth::verify("secp256k1", node.sender(), b"body", &client).unwrap_err();
    }
    let client: [u8; 65] = node.sign(b"body").try_into().unwrap();
    let network = NetworkSignature(client[..64].try_into().unwrap());
    key.public_key().verify_network(context::VOTE, b"body", &network).unwrap_err();
}

#[test]
fn signatures_of_the_consensus_vectors_are_reproduced() {
    let vectors = vectors("consensus.json");
    let votes: &[Json] = list(&vectors, "votes");
    let digest =
        |vote: &Json| kwil_crypto::hash(context::VOTE, &bytes(vote, "body_hex")).to_string();
    for vote in votes {
        assert_eq!(digest(vote), text(vote, "digest_hex"));
        let id: kwil_crypto::NodeId = text(vote, "validator").parse().unwrap();
        let signature = NetworkSignature(bytes(vote, "signature_hex").try_into().unwrap());
        id.public_key()
            .verify_network(context::VOTE, &bytes(vote, "body_hex"), &signature)
            .unwrap();
    }
}
