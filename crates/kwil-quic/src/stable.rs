//! Keys that survive a restart, so that peers learn at once that the old process is gone.
//!
//! A restarted process answers packets of old connections with a stateless reset only when it recognises their
//! connection ids and owns the reset key. With random keys a peer waits for its idle time-out instead.

use std::fmt;
use std::sync::Arc;

use kwil_crypto::PrivateKey;
use quinn_proto::HashedConnectionIdGenerator;
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

const RESET_LABEL: &[u8] = b"kwil-quic-reset-v1";
const CONNECTION_ID_LABEL: &[u8] = b"kwil-quic-cid-v1";

/// Reset key and connection id key of one listener, derived from the node key by HKDF-SHA256.
#[derive(Clone)]
pub struct StableKeys {
    reset: Zeroizing<[u8; 32]>,
    connection_id: u64,
}

impl StableKeys {
    pub(crate) fn derive(node_key: &PrivateKey, listener: &str) -> Self {
        let secret = node_key.to_bytes();
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"").extract(secret.as_slice());
        let mut id = [0; 8];
        let mut reset = Zeroizing::new([0; 32]);
        expand(&prk, &[RESET_LABEL, listener.as_bytes()], reset.as_mut_slice());
        expand(&prk, &[CONNECTION_ID_LABEL, listener.as_bytes()], &mut id);
        Self { reset, connection_id: u64::from_be_bytes(id) }
    }

    /// The endpoint configuration with these keys.
    #[must_use]
    pub fn endpoint_config(&self) -> quinn::EndpointConfig {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.reset.as_slice());
        let mut config = quinn::EndpointConfig::new(Arc::new(key));
        let id_key = self.connection_id;
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id_key)));
        config
    }
}

impl fmt::Debug for StableKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StableKeys(redacted)")
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) {
    // Both calls fail only for outputs above 255 digests; ours has one.
    let filled = prk.expand(info, Length(out.len())).and_then(|okm| okm.fill(out));
    debug_assert!(filled.is_ok(), "hkdf output of {} bytes", out.len());
}

#[cfg(test)]
mod tests {
    use kwil_crypto::KeyType;

    use super::*;
    use crate::testing::node_key;

    #[test]
    fn keys_depend_on_node_and_listener_only() {
        let one = StableKeys::derive(&node_key(KeyType::Secp256k1, 1), "p2p");
        let again = StableKeys::derive(&node_key(KeyType::Secp256k1, 1), "p2p");
        let other_node = StableKeys::derive(&node_key(KeyType::Secp256k1, 2), "p2p");
        let other_listener = StableKeys::derive(&node_key(KeyType::Secp256k1, 1), "rpc");
        let parts = |keys: &StableKeys| (*keys.reset, keys.connection_id);
        assert_eq!(parts(&one), parts(&again));
        for other in [other_node, other_listener] {
            assert_ne!(one.reset, other.reset);
            assert_ne!(one.connection_id, other.connection_id);
        }
        assert_ne!(*one.reset, [0; 32]);
    }

    #[test]
    fn debug_hides_the_keys() {
        let keys = StableKeys::derive(&node_key(KeyType::Secp256k1, 1), "p2p");
        assert_eq!(format!("{keys:?}"), "StableKeys(redacted)");
    }
}
