//! Fixtures and fuzz entry points (feature `testing`).

use kwil_crypto::{KeyType, PrivateKey};
use rustls::pki_types::CertificateDer;

use crate::certificate::decode_binding;
use crate::certificate_node_id;

/// A fixed node key; another `seed` gives another key.
#[must_use]
pub fn node_key(key_type: KeyType, seed: u8) -> PrivateKey {
    let made = PrivateKey::generate(key_type, |bytes| {
        bytes.fill(seed.max(1));
        Ok::<(), std::convert::Infallible>(())
    });
    match made {
        Ok(key) => key,
        Err(never) => match never {},
    }
}

/// Any bytes as an identity certificate: never panics.
pub fn fuzz_certificate(data: &[u8]) {
    drop(certificate_node_id(&CertificateDer::from(data)));
}

/// Any bytes as the value of the identity extension: never panics.
pub fn fuzz_identity_binding(data: &[u8]) {
    drop(decode_binding(data));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    /// A small generator, so that the inputs are the same in every run.
    fn pseudo_random(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.push(state.to_le_bytes()[3]);
        }
        bytes
    }

    #[test]
    fn random_bytes_never_panic() {
        for seed in 0..3000 {
            let bytes = pseudo_random(seed, usize::try_from(seed % 200).unwrap());
            fuzz_certificate(&bytes);
            fuzz_identity_binding(&bytes);
        }
    }

    #[test]
    fn damaged_certificate_never_panics_and_names_nobody_else() {
        let identity = Identity::new(node_key(KeyType::Secp256k1, 9)).unwrap();
        let good = identity.certificate().to_vec();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fuzz_certificate(&bad);
            if let Ok(id) = certificate_node_id(&CertificateDer::from(bad)) {
                assert_eq!(id, identity.node_id(), "bit {bit}");
            }
        }
        for end in 0..good.len() {
            assert!(certificate_node_id(&CertificateDer::from(good[..end].to_vec())).is_err());
        }
    }
}
