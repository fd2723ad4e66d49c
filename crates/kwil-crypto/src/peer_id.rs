//! libp2p peer ids: how old address books and blacklists name a node.
//!
//! A peer id is base58btc of an identity multihash (`00`, length) around the protobuf message
//! `{1: key type, 2: raw public key}`. Small keys are inlined, so the conversion works both ways.

use crate::{KeyError, KeyType, PublicKey};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Longer than any peer id with an inlined key, so that hostile text costs nothing.
const MAX_TEXT: usize = 64;

impl PublicKey {
    /// The libp2p peer id of this key: `16Uiu2HA…` for secp256k1, `12D3KooW…` for ed25519.
    #[must_use]
    pub fn to_peer_id(&self) -> String {
        let mut bytes = prefix(self.key_type()).to_vec();
        bytes.extend_from_slice(self.as_bytes());
        base58_encode(&bytes)
    }

    /// The key inside a libp2p peer id.
    ///
    /// # Errors
    /// [`KeyError::PeerId`] when the text is no peer id with an inlined key of a known type; otherwise what is wrong
    /// with the key.
    pub fn from_peer_id(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_TEXT {
            return Err(KeyError::PeerId { reason: "too long" });
        }
        let bytes = base58_decode(text).ok_or(KeyError::PeerId { reason: "not base58" })?;
        for key_type in KeyType::ALL {
            if let Some(key) = bytes.strip_prefix(prefix(key_type).as_slice()) {
                return Self::from_bytes(key_type, key);
            }
        }
        Err(KeyError::PeerId { reason: "not an inlined secp256k1 or ed25519 key" })
    }
}

/// Identity multihash and protobuf header up to the raw key.
const fn prefix(key_type: KeyType) -> [u8; 6] {
    match key_type {
        KeyType::Secp256k1 => [0x00, 37, 0x08, 2, 0x12, 33],
        KeyType::Ed25519 => [0x00, 36, 0x08, 1, 0x12, 32],
    }
}

/// Multiplies the little-endian number `digits` by `from` and adds `carry`, in base `to`.
fn mul_add(digits: &mut Vec<u8>, from: u32, carry: u32, to: u32) {
    let mut carry = carry;
    for digit in digits.iter_mut() {
        let value = u32::from(*digit).wrapping_mul(from).wrapping_add(carry);
        *digit = u8::try_from(value.checked_rem(to).unwrap_or(0)).unwrap_or(0);
        carry = value.checked_div(to).unwrap_or(0);
    }
    while carry > 0 {
        digits.push(u8::try_from(carry.checked_rem(to).unwrap_or(0)).unwrap_or(0));
        carry = carry.checked_div(to).unwrap_or(0);
    }
}

fn base58_encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut digits = Vec::new();
    for byte in bytes {
        mul_add(&mut digits, 256, u32::from(*byte), 58);
    }
    let digits = digits.iter().rev().filter_map(|digit| ALPHABET.get(usize::from(*digit)));
    std::iter::repeat_n(&b'1', zeros).chain(digits).map(|byte| char::from(*byte)).collect()
}

fn base58_decode(text: &str) -> Option<Vec<u8>> {
    let zeros = text.bytes().take_while(|byte| *byte == b'1').count();
    let mut bytes = Vec::new();
    for character in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == character)?;
        mul_add(&mut bytes, 58, u32::try_from(digit).ok()?, 256);
    }
    Some(std::iter::repeat_n(0, zeros).chain(bytes.into_iter().rev()).collect())
}
