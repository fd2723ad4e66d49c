//! What a block changed for the next height, kept beside its results: the last entry of the results record.

use bytes::Bytes;
use kwil_types::wire::{Reader, WireError, Writer};
use kwil_types::{ParamName, ParamUpdates, Validator};

/// Shortest encoded validator: key type, length and 32 key bytes, power.
const MIN_VALIDATOR: usize = 48;

/// Updates of one block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BlockUpdates {
    pub(crate) params: ParamUpdates,
    /// In canonical order; power 0 removes.
    pub(crate) validators: Vec<Validator>,
}

impl BlockUpdates {
    /// Whether the block changed the parameter `leader`.
    pub(crate) fn changes_leader(&self) -> bool {
        self.params.get(ParamName::Leader).is_some()
    }

    /// `bytes` of the parameter list ‖ `u32` count ‖ for each validator its key and `u64` power, big-endian.
    pub(crate) fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.bytes(&self.params.encode()).count_u32_be(self.validators.len());
        for validator in &self.validators {
            writer.key(&validator.key).u64_be(validator.power);
        }
        writer.into_bytes().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let params = ParamUpdates::decode(reader.bytes()?)?;
        let listed = reader.u32_be()?;
        let count = reader.count(u64::from(listed), MIN_VALIDATOR)?;
        let mut validators = Vec::with_capacity(count);
        for _ in 0..count {
            validators.push(Validator { key: reader.key()?, power: reader.u64_be()? });
        }
        reader.finish()?;
        Ok(Self { params, validators })
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{KeyType, PrivateKey};
    use kwil_types::ParamValue;

    use super::*;

    #[test]
    fn updates_survive_encoding_and_every_prefix_fails() {
        let key = PrivateKey::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap().public_key();
        let mut params = ParamUpdates::new();
        params.set(ParamValue::Leader(key));
        let updates = BlockUpdates { params, validators: vec![Validator { key, power: 3 }] };
        let bytes = updates.encode();
        assert_eq!(BlockUpdates::decode(&bytes).unwrap(), updates);
        assert!(updates.changes_leader());
        for end in 0..bytes.len() {
            assert!(BlockUpdates::decode(&bytes[..end]).is_err(), "prefix of {end} bytes");
        }
        assert!(BlockUpdates::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
