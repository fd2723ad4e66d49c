//! The first message of both sides, and what must be equal in it.

use std::net::SocketAddr;

use bytes::Bytes;
use kwil_crypto::NodeId;
use kwil_proto::p2p::v1 as proto;
use kwil_types::{Height, PeerRecord, View};

use crate::close::escaped;
use crate::{Chain, CloseCode, LastSigned, PeerStatus, Release, wire};

/// Highest minor version of the protocol that this node speaks.
pub(crate) const PROTOCOL_MINOR: u32 = 0;
const FLAG_SEEDER: u32 = 1;
const FLAG_SYNCING: u32 = 2;
const FLAG_SNAPSHOTS: u32 = 4;
/// Longest chain id that is printed.
const MAX_CHAIN_ID: usize = 64;

/// Why a peer cannot be talked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelloError {
    #[error("chain mismatch: ours {ours}, theirs {theirs}")]
    Chain { ours: String, theirs: String },
    #[error("incompatible version: ours {ours}, theirs {theirs}; MAJOR.MINOR must be equal")]
    Version { ours: Release, theirs: String },
    #[error("malformed hello: {0}")]
    Malformed(&'static str),
}

impl HelloError {
    pub(crate) const fn code(&self) -> CloseCode {
        match self {
            Self::Chain { .. } => CloseCode::Chain,
            Self::Version { .. } => CloseCode::Version,
            Self::Malformed(_) => CloseCode::Protocol,
        }
    }
}

/// What this node says of itself to one peer.
#[derive(Debug, Clone)]
pub(crate) struct OwnHello {
    pub(crate) chain: Chain,
    pub(crate) release: Release,
    pub(crate) incarnation: u64,
    pub(crate) is_validator: bool,
    pub(crate) status: PeerStatus,
    pub(crate) record: Option<PeerRecord>,
    pub(crate) observed: SocketAddr,
    pub(crate) last_signed_seen: Option<LastSigned>,
    pub(crate) unix_ms: u64,
}

/// What a peer says of itself, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerHello {
    pub(crate) release: Release,
    pub(crate) incarnation: u64,
    pub(crate) status: PeerStatus,
    pub(crate) record: Option<PeerRecord>,
    pub(crate) observed: Option<SocketAddr>,
    pub(crate) last_signed_seen: Option<LastSigned>,
    pub(crate) unix_ms: u64,
}

pub(crate) const fn flags_of(status: &PeerStatus) -> u32 {
    let mut flags = 0;
    if status.seeder {
        flags |= FLAG_SEEDER;
    }
    if status.syncing {
        flags |= FLAG_SYNCING;
    }
    if status.serves_snapshots {
        flags |= FLAG_SNAPSHOTS;
    }
    flags
}

pub(crate) fn status_to_proto(status: &PeerStatus) -> proto::Status {
    proto::Status {
        base: status.base.0,
        height: status.height.0,
        best_hash: Bytes::copy_from_slice(status.best_hash.as_bytes()),
        flags: flags_of(status),
    }
}

pub(crate) fn status_from_proto(status: &proto::Status) -> Option<PeerStatus> {
    Some(PeerStatus {
        base: Height(status.base),
        height: Height(status.height),
        best_hash: wire::hash(&status.best_hash)?,
        syncing: status.flags & FLAG_SYNCING != 0,
        serves_snapshots: status.flags & FLAG_SNAPSHOTS != 0,
        seeder: status.flags & FLAG_SEEDER != 0,
    })
}

impl OwnHello {
    pub(crate) fn to_proto(&self) -> proto::Hello {
        let role = if self.status.seeder {
            3
        } else if self.is_validator {
            1
        } else {
            2
        };
        proto::Hello {
            chain_hash: Bytes::copy_from_slice(self.chain.hash.as_bytes()),
            chain_id: self.chain.id.clone(),
            release: self.release.to_string(),
            protocol_minor: PROTOCOL_MINOR,
            incarnation: self.incarnation,
            role,
            flags: flags_of(&self.status),
            features: 0,
            status: Some(status_to_proto(&self.status)),
            peer_record: self
                .record
                .as_ref()
                .map(|record| record.encode().into())
                .unwrap_or_default(),
            observed_address: self.observed.to_string(),
            last_signed_seen: self
                .last_signed_seen
                .map(|seen| proto::LastSigned { height: seen.height.0, view: seen.view.0 }),
            unix_ms: self.unix_ms,
        }
    }

    /// Compares a peer's hello with this one. Chain first, then version, then form.
    pub(crate) fn check(
        &self,
        peer: &NodeId,
        hello: &proto::Hello,
    ) -> Result<PeerHello, HelloError> {
        let same_chain = hello.chain_hash == self.chain.hash.as_bytes().as_slice()
            && hello.chain_id == self.chain.id;
        if !same_chain {
            let id: String = hello.chain_id.chars().take(MAX_CHAIN_ID).collect();
            let hash = wire::hash(&hello.chain_hash)
                .map_or_else(|| "?".to_owned(), |hash| hash.to_string());
            let theirs = format!("{}/{hash}", id.escape_debug());
            return Err(HelloError::Chain { ours: self.chain.to_string(), theirs });
        }
        let version =
            |ours| HelloError::Version { ours, theirs: escaped(hello.release.as_bytes()) };
        let release: Release = hello.release.parse().map_err(|_| version(self.release))?;
        if !release.is_compatible(self.release) {
            return Err(version(self.release));
        }
        let status = hello.status.as_ref().and_then(status_from_proto);
        let mut status = status.ok_or(HelloError::Malformed("status"))?;
        status.seeder |= hello.flags & FLAG_SEEDER != 0;
        Ok(PeerHello {
            release,
            incarnation: hello.incarnation,
            status,
            record: own_record(peer, &hello.peer_record)?,
            observed: hello.observed_address.parse().ok(),
            last_signed_seen: hello
                .last_signed_seen
                .as_ref()
                .map(|seen| LastSigned { height: Height(seen.height), view: View(seen.view) }),
            unix_ms: hello.unix_ms,
        })
    }
}

/// A peer speaks for itself only.
fn own_record(peer: &NodeId, bytes: &[u8]) -> Result<Option<PeerRecord>, HelloError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let record = PeerRecord::decode(bytes).map_err(|_| HelloError::Malformed("peer record"))?;
    if record.signer != *peer.public_key() {
        return Err(HelloError::Malformed("peer record of another node"));
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{Hash, KeyType};

    use super::*;

    pub(super) fn hello(chain: &str, hash: u8, release: &str) -> OwnHello {
        OwnHello {
            chain: Chain { id: chain.to_owned(), hash: Hash([hash; 32]) },
            release: release.parse().unwrap(),
            incarnation: 9,
            is_validator: true,
            status: PeerStatus {
                base: Height(1),
                height: Height(7),
                best_hash: Hash([3; 32]),
                syncing: false,
                serves_snapshots: true,
                seeder: false,
            },
            record: None,
            observed: "10.0.0.7:6600".parse().unwrap(),
            last_signed_seen: Some(LastSigned { height: Height(6), view: View(2) }),
            unix_ms: 5,
        }
    }

    fn peer() -> NodeId {
        NodeId::new(kwil_quic::testing::node_key(KeyType::Secp256k1, 1).public_key())
    }

    #[test]
    fn hello_survives_the_wire() {
        let (ours, theirs) = (hello("kwil", 1, "0.1.0"), hello("kwil", 1, "0.1.9"));
        let got = ours.check(&peer(), &theirs.to_proto()).unwrap();
        assert_eq!(got.status, theirs.status);
        assert_eq!(got.release, theirs.release);
        assert_eq!(got.observed, Some(theirs.observed));
        assert_eq!(got.last_signed_seen, theirs.last_signed_seen);
        assert_eq!((got.incarnation, got.unix_ms, got.record), (9, 5, None));
    }

    #[test]
    fn other_chain_is_refused_with_both_names() {
        let ours = hello("kwil", 1, "0.1.0");
        for theirs in [hello("kwil", 2, "0.1.0"), hello("other", 1, "0.1.0")] {
            let error = ours.check(&peer(), &theirs.to_proto()).unwrap_err();
            assert_eq!(error.code(), CloseCode::Chain);
            assert_eq!(
                error.to_string(),
                format!("chain mismatch: ours {}, theirs {}", ours.chain, theirs.chain)
            );
        }
    }

    #[test]
    fn other_minor_version_is_refused_with_both_versions() {
        let ours = hello("kwil", 1, "0.1.0");
        for theirs in ["0.2.0", "1.1.0"] {
            let error = ours.check(&peer(), &hello("kwil", 1, theirs).to_proto()).unwrap_err();
            assert_eq!(error.code(), CloseCode::Version);
            let text = format!(
                "incompatible version: ours 0.1.0, theirs {theirs}; MAJOR.MINOR must be equal"
            );
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let ours = hello("kwil", 1, "0.1.0");
        let good = ours.to_proto();
        let no_status = proto::Hello { status: None, ..good.clone() };
        let bad_release = proto::Hello { release: "\x1b[2J".to_owned(), ..good.clone() };
        let bad_record = proto::Hello { peer_record: Bytes::from_static(b"x"), ..good };
        assert_eq!(ours.check(&peer(), &no_status).unwrap_err().code(), CloseCode::Protocol);
        assert_eq!(ours.check(&peer(), &bad_record).unwrap_err().code(), CloseCode::Protocol);
        let text = ours.check(&peer(), &bad_release).unwrap_err().to_string();
        assert!(text.contains("theirs \\u{1b}[2J"), "{text}");
    }
}

/// Encoded samples for the fuzz corpus.
#[cfg(test)]
pub(crate) mod tests_support {
    use prost::Message as _;
    use proto::control_frame::Message;

    use super::*;

    pub(crate) fn controls() -> Vec<Vec<u8>> {
        let hello = tests::hello("kwil", 1, "0.1.0").to_proto();
        let status = hello.status.clone().unwrap();
        let goodbye = proto::Goodbye {
            code: 5,
            reason: "full".to_owned(),
            peers: vec![Bytes::from_static(b"x")],
        };
        let all = [Message::Hello(hello), Message::Status(status), Message::Goodbye(goodbye)];
        all.map(|message| proto::ControlFrame { message: Some(message) }.encode_to_vec()).into()
    }
}
