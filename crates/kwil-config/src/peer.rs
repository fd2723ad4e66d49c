//! Peers as operators write them: `<node id>@<host>:<port>`.

use std::fmt;
use std::str::FromStr;

use kwil_crypto::NodeId;

use crate::host_port::{HostPort, HostPortError};
use crate::setting::Word;

/// A node and where it is reached. Only QUIC over UDP is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who must answer.
    pub node_id: NodeId,
    /// Where.
    pub address: HostPort,
}

/// Why a text is not a peer or a node id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// There is no `@`.
    #[error("invalid peer '{0}', expected <pubkey>#<type>@<host>:<port>")]
    NoAddress(String),
    /// The part before the `@` is wrong.
    #[error("invalid node ID in '{text}': {cause}")]
    NodeId {
        /// The whole text.
        text: String,
        /// Text of the cause.
        cause: String,
    },
    /// The part after the `@` is wrong.
    #[error("invalid address in '{text}': {cause}")]
    Address {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        cause: HostPortError,
    },
}

/// Reads a node id. The numeric types of old releases, `#0` and `#1`, stand for `secp256k1` and `ed25519`.
fn node_id(text: &str, whole: &str) -> Result<NodeId, PeerError> {
    let modern = match text.rsplit_once('#') {
        Some((key, "0")) => format!("{key}#secp256k1"),
        Some((key, "1")) => format!("{key}#ed25519"),
        _ => text.to_owned(),
    };
    NodeId::from_str(&modern)
        .map_err(|error| PeerError::NodeId { text: whole.to_owned(), cause: error.to_string() })
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let text = text.trim();
        let (id, address) =
            text.split_once('@').ok_or_else(|| PeerError::NoAddress(text.to_owned()))?;
        let node_id = node_id(id, text)?;
        let address: HostPort =
            address.parse().map_err(|cause| PeerError::Address { text: text.to_owned(), cause })?;
        Ok(Self { node_id, address })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.node_id, self.address)
    }
}

impl Word for Peer {
    const WHAT: &'static str = "peers like '<pubkey>#secp256k1@host:6600'";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: PeerError| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A node id in a list of nodes; an address after `@` is accepted and dropped, so that a peer can be pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhitelistEntry(pub NodeId);

impl Word for WhitelistEntry {
    const WHAT: &'static str = "node IDs like '<pubkey>#secp256k1'";

    fn parse(text: &str) -> Result<Self, String> {
        let id = text.trim().split('@').next().unwrap_or("");
        node_id(id, text.trim()).map(Self).map_err(|error| error.to_string())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl FromStr for WhitelistEntry {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let id = text.trim().split('@').next().unwrap_or("");
        node_id(id, text.trim()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82";

    #[test]
    fn names_and_old_numbers_of_key_types_are_read() {
        let peer: Peer = format!("{KEY}#secp256k1@23.45.67.89:6600").parse().unwrap();
        assert_eq!(peer.to_string(), format!("{KEY}#secp256k1@23.45.67.89:6600"));
        let old: Peer = format!(" {KEY}#0@[::1]:6600 ").parse().unwrap();
        assert_eq!(old.node_id, peer.node_id);
        let pasted: WhitelistEntry = format!("{KEY}#secp256k1@h:1").parse().unwrap();
        assert_eq!(pasted.0, peer.node_id);
    }

    #[test]
    fn the_faulty_part_is_named() {
        for (text, want) in [
            ("nonsense".to_owned(), "invalid peer 'nonsense'"),
            (format!("{KEY}@h:1"), "invalid node ID in"),
            (format!("{KEY}#secp256k1@h"), "invalid address in"),
        ] {
            let error = text.parse::<Peer>().unwrap_err().to_string();
            assert!(error.starts_with(want), "{error}");
        }
    }
}
