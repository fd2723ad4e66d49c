//! Fuzz entry points: what meets bytes and texts from outside must neither panic nor accept two forms of one value.

use crate::auth::{self, AuthType, Authenticator as _};
use crate::{EthAddress, KeyType, NetworkSignature, NodeId, PublicKey, context};

/// Reads the bytes as every text form of an identity.
///
/// # Panics
/// When a text that is accepted is written back as another identity.
pub fn fuzz_node_id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(id) = text.parse::<NodeId>() {
        assert!(id.to_string().eq_ignore_ascii_case(text), "a node id has a second spelling");
    }
    if let Ok(key) = PublicKey::from_peer_id(text) {
        assert_eq!(key.to_peer_id(), text, "a peer id has a second spelling");
    }
    if let Ok(address) = text.parse::<EthAddress>() {
        assert!(address.to_string().eq_ignore_ascii_case(text), "an address has a second spelling");
    }
}

/// Reads the bytes as public keys.
///
/// # Panics
/// When a key that is accepted has other bytes than it was read from.
pub fn fuzz_public_key(data: &[u8]) {
    for key_type in KeyType::ALL {
        if let Ok(key) = PublicKey::from_bytes(key_type, data) {
            assert_eq!(key.as_bytes(), data, "a key has a second encoding");
        }
    }
    if let Ok(key) = PublicKey::from_wire_bytes(data) {
        assert_eq!(key.to_wire_bytes(), data, "a wire key has a second encoding");
    }
}

/// Reads the bytes as an authenticator (first byte), a sender of its length, a signature of its length and a message.
pub fn fuzz_signature(data: &[u8]) {
    const ALL: [AuthType; 4] =
        [AuthType::EthPersonal, AuthType::Secp256k1, AuthType::Ed25519, AuthType::Ed25519Sha256];
    let Some((choice, rest)) = data.split_first() else { return };
    for (number, auth_type) in (0_u8..).zip(ALL) {
        if choice & 3 != number {
            continue;
        }
        let (sender_len, signature_len) = match auth_type {
            AuthType::EthPersonal => (20, 65),
            AuthType::Secp256k1 => (33, 65),
            AuthType::Ed25519 | AuthType::Ed25519Sha256 => (32, 64),
        };
        let (sender, rest) = rest.split_at_checked(sender_len).unwrap_or((rest, &[]));
        let (signature, message) = rest.split_at_checked(signature_len).unwrap_or((rest, &[]));
        // Neither answer matters here; both must come without a panic.
        drop(auth_type.verify(sender, message, signature));
        drop(auth::identifier(auth_type.as_str(), sender));
        if let (Ok(key), Ok(signature)) =
            (PublicKey::from_bytes(auth_type.key_type(), sender), signature.try_into())
        {
            drop(key.verify_network(context::VOTE, message, &NetworkSignature(signature)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Signer;
    use crate::{Hash, PrivateKey, hash};

    /// Pseudo-random bytes that depend on the number only.
    fn noise(number: u64) -> Vec<u8> {
        let seed = hash(context::STATE, &number.to_be_bytes());
        let mut bytes = vec![0; usize::from(seed.0[0])];
        let mut hasher = crate::Hasher::new(context::STATE);
        hasher.update(&seed.0).finalize_xof(&mut bytes);
        bytes
    }

    #[test]
    fn noise_and_damaged_identities_pass_through_the_fuzz_entries() {
        let corpus = include_str!("../tests/data/node-ids.txt");
        for number in 0..2000 {
            let bytes = noise(number);
            fuzz_node_id(&bytes);
            fuzz_public_key(&bytes);
            fuzz_signature(&bytes);
        }
        for line in corpus.lines() {
            fuzz_node_id(line.as_bytes());
            for place in 0..line.len() {
                let mut damaged = line.as_bytes().to_vec();
                damaged[place] = damaged[place].wrapping_add(1);
                fuzz_node_id(&damaged);
                damaged.remove(place);
                fuzz_node_id(&damaged);
            }
        }
    }

    #[test]
    fn damaged_signatures_pass_through_the_fuzz_entry() {
        let keys = [KeyType::Secp256k1, KeyType::Ed25519].map(|key_type| {
            let fill = |buffer: &mut [u8]| {
                buffer.copy_from_slice(&Hash([7; 32]).0);
                Ok::<(), std::convert::Infallible>(())
            };
            PrivateKey::generate(key_type, fill).unwrap()
        });
        let [first, second] = keys;
        let signers = [Signer::user(first.clone()), Signer::node(first), Signer::user(second)];
        for (choice, signer) in (0_u8..).zip(signers) {
            let input = [&[choice], signer.sender(), &signer.sign(b"m"), b"m"].concat();
            for place in 0..input.len() {
                for bit in 0..8 {
                    let mut damaged = input.clone();
                    damaged[place] ^= 1 << bit;
                    fuzz_signature(&damaged);
                }
            }
        }
    }
}
