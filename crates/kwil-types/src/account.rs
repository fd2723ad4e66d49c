//! Accounts: who holds a balance and a nonce.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use kwil_crypto::{EthAddress, KeyError, KeyType, PublicKey};

use crate::wire::{Reader, WireError, Writer};

const VERSION: u16 = 0;

/// Identifier and key type of an account, in one of the three combinations that can ever sign.
///
/// Accounts of one secp256k1 key as a user (its Ethereum address) and as a node (its public key) are different
/// accounts. Ordered by key type id, then identifier bytes.
///
/// ```
/// use kwil_types::AccountId;
///
/// let id: AccountId = "c89d42189f0450c2b2c3c61f58ec5d628176a1e7#secp256k1".parse().unwrap();
/// assert_eq!(id.identifier().len(), 20);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountId(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    EthAddress([u8; 20]),
    Secp256k1Key([u8; 33]),
    Ed25519Key([u8; 32]),
}

/// Why bytes or a text name no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// No account of this key type has an identifier of this length.
    #[error("{got} bytes are no {key_type} account identifier")]
    Length {
        /// Key type of the account.
        key_type: KeyType,
        /// Length of the identifier.
        got: usize,
    },
    /// The key type does not exist.
    #[error(transparent)]
    KeyType(#[from] KeyError),
    /// The identifier is not hexadecimal.
    #[error("account identifier {0:?} is not hexadecimal")]
    Hex(String),
    /// The text is not `<identifier hex>#<key type>`.
    #[error("invalid account {0:?}, expected <identifier>#<key type>")]
    Text(String),
    /// The version of the binary form.
    #[error("unsupported account id version {0}")]
    Version(u16),
    /// The bytes are cut or too long.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl AccountId {
    /// From identifier bytes: a 20-byte Ethereum address or a 33-byte public key of secp256k1, or a 32-byte public key
    /// of ed25519. Whether a key is on its curve is not checked: such an account could only receive.
    ///
    /// # Errors
    /// [`AccountError::Length`] for every other length; funds sent there would be lost.
    pub fn new(key_type: KeyType, identifier: &[u8]) -> Result<Self, AccountError> {
        let length = || AccountError::Length { key_type, got: identifier.len() };
        let kind = match (key_type, identifier.len()) {
            (KeyType::Secp256k1, 20) => {
                Kind::EthAddress(identifier.try_into().map_err(|_| length())?)
            }
            (KeyType::Secp256k1, _) => {
                Kind::Secp256k1Key(identifier.try_into().map_err(|_| length())?)
            }
            (KeyType::Ed25519, _) => Kind::Ed25519Key(identifier.try_into().map_err(|_| length())?),
        };
        Ok(Self(kind))
    }

    /// From the hex text of an identifier, with or without `0x`, in any case.
    ///
    /// # Errors
    /// Not hexadecimal, or of the wrong length.
    pub fn from_hex(key_type: KeyType, identifier: &str) -> Result<Self, AccountError> {
        let digits = identifier.strip_prefix("0x").unwrap_or(identifier);
        let bytes = hex::decode(digits)
            .map_err(|_| AccountError::Hex(identifier.chars().take(80).collect()))?;
        Self::new(key_type, &bytes)
    }

    /// The identifier bytes.
    #[must_use]
    pub fn identifier(&self) -> &[u8] {
        match &self.0 {
            Kind::EthAddress(bytes) => bytes,
            Kind::Secp256k1Key(bytes) => bytes,
            Kind::Ed25519Key(bytes) => bytes,
        }
    }

    /// The key type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        match &self.0 {
            Kind::EthAddress(_) | Kind::Secp256k1Key(_) => KeyType::Secp256k1,
            Kind::Ed25519Key(_) => KeyType::Ed25519,
        }
    }

    /// The public key behind the account; `None` for addresses and for bytes that are no valid key.
    #[must_use]
    pub fn public_key(&self) -> Option<PublicKey> {
        match &self.0 {
            Kind::EthAddress(_) => None,
            Kind::Secp256k1Key(_) | Kind::Ed25519Key(_) => {
                PublicKey::from_bytes(self.key_type(), self.identifier()).ok()
            }
        }
    }

    /// Decodes `u16` version 0, identifier with `u32` length, `u32` key type id (little-endian).
    ///
    /// # Errors
    /// Cut or trailing bytes, an unknown key type, an identifier that does not fit it.
    pub fn decode(bytes: &[u8]) -> Result<Self, AccountError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16_le()?;
        if version != VERSION {
            return Err(AccountError::Version(version));
        }
        let identifier = reader.bytes32()?.unwrap_or_default();
        let key_type = KeyType::from_id(reader.u32_le()?)?;
        reader.finish()?;
        Self::new(key_type, identifier)
    }

    /// The binary form that [`AccountId::decode`] reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u16_le(VERSION).bytes32(Some(self.identifier())).u32_le(self.key_type().id());
        writer.into_bytes()
    }
}

impl From<&PublicKey> for AccountId {
    fn from(key: &PublicKey) -> Self {
        // A public key has the one length of its type, so the fallback never stands in.
        Self::new(key.key_type(), key.as_bytes()).unwrap_or(Self(Kind::EthAddress([0; 20])))
    }
}

impl From<EthAddress> for AccountId {
    fn from(address: EthAddress) -> Self {
        Self(Kind::EthAddress(address.0))
    }
}

impl Ord for AccountId {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |id: &Self| id.key_type().id();
        key(self).cmp(&key(other)).then_with(|| self.identifier().cmp(other.identifier()))
    }
}

impl PartialOrd for AccountId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `<identifier hex>#<key type>`.
impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", hex::encode(self.identifier()), self.key_type())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccountId {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let bad = || AccountError::Text(text.chars().take(100).collect());
        let (identifier, key_type) = text.split_once('#').ok_or_else(bad)?;
        if key_type.contains('#') {
            return Err(bad());
        }
        Self::from_hex(key_type.parse()?, identifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lengths_that_can_sign_are_accounts() {
        for (key_type, lengths) in
            [(KeyType::Secp256k1, vec![20, 33]), (KeyType::Ed25519, vec![32])]
        {
            for length in 0..70 {
                let made = AccountId::new(key_type, &vec![7; length]);
                assert_eq!(made.is_ok(), lengths.contains(&length), "{key_type} {length}");
            }
        }
    }

    #[test]
    fn order_is_key_type_then_bytes() {
        let long = AccountId::new(KeyType::Secp256k1, &[2; 33]).unwrap();
        let short = AccountId::new(KeyType::Secp256k1, &[3; 20]).unwrap();
        let other = AccountId::new(KeyType::Ed25519, &[0; 32]).unwrap();
        assert!(long < short && short < other);
    }

    #[test]
    fn texts_read_back_and_accept_0x() {
        let id = AccountId::new(KeyType::Secp256k1, &[0xab; 20]).unwrap();
        assert_eq!(id.to_string().parse::<AccountId>().unwrap(), id);
        assert_eq!(format!("0x{}#secp256k1", "AB".repeat(20)).parse::<AccountId>().unwrap(), id);
        for bad in ["", "ab", "zz#secp256k1", "ab#rsa", &format!("{id}#ed25519")] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn binary_form_reads_back_and_is_exact() {
        let id = AccountId::new(KeyType::Ed25519, &[9; 32]).unwrap();
        let bytes = id.encode();
        assert_eq!(AccountId::decode(&bytes).unwrap(), id);
        for cut in 0..bytes.len() {
            assert!(AccountId::decode(&bytes[..cut]).is_err());
        }
        let mut long = bytes;
        long.push(0);
        assert!(AccountId::decode(&long).is_err());
    }
}
