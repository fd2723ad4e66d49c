//! Peer records: a node says where it can be reached.

use kwil_crypto::{Context, PublicKey, context};

use super::{Signed, SignedBody, sealed::Sealed};
use crate::wire::{Reader, WireError, Writer};

/// Most addresses in a record.
pub const MAX_ADDRESSES: usize = 8;
/// Longest address: a DNS name of 253 characters, a colon and a port, rounded up. In bytes.
pub const MAX_ADDRESS_LEN: usize = 260;

/// "I am this node, and these are my addresses." The record with the highest sequence wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerRecordBody {
    /// The node; the same key signs.
    pub node: PublicKey,
    /// Rises with every record of a node; Unix milliseconds.
    pub sequence: u64,
    /// `host:port`, best first; at most [`MAX_ADDRESSES`] of at most [`MAX_ADDRESS_LEN`] bytes.
    pub addresses: Vec<String>,
    /// Properties of the node, one bit each; meaning belongs to the p2p protocol.
    pub flags: u32,
}

/// A peer record with the signature of the node it is about.
pub type PeerRecord = Signed<PeerRecordBody>;

impl Sealed for PeerRecordBody {}

impl SignedBody for PeerRecordBody {
    const CONTEXT: Context = context::PEER_RECORD;

    fn write(&self, writer: &mut Writer) {
        writer.u8(1).key(&self.node).u64_be(self.sequence).count_u32_be(self.addresses.len());
        for address in &self.addresses {
            writer.text(address);
        }
        writer.u32_be(self.flags);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        let (node, sequence, count) = (reader.key()?, reader.u64_be()?, reader.u32_be()?);
        let count = reader.count(u64::from(count), 4)?;
        if count > MAX_ADDRESSES {
            return Err(WireError::Invalid { what: "peer record has more than 8 addresses" });
        }
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let address = reader.text()?;
            if address.len() > MAX_ADDRESS_LEN {
                return Err(WireError::Invalid { what: "address of a peer record is too long" });
            }
            addresses.push(address.to_owned());
        }
        Ok(Self { node, sequence, addresses, flags: reader.u32_be()? })
    }

    fn admits(&self, signer: &PublicKey) -> Result<(), WireError> {
        if *signer == self.node {
            return Ok(());
        }
        Err(WireError::Invalid { what: "peer record is signed by another node" })
    }
}
