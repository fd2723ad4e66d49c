//! Messages that a node signs with its identity key: a body, the signer's key and 64 signature bytes.

mod abort;
mod directive;
mod heartbeat;
mod justification;
mod peer_record;
mod proposal;
mod view_change;

use kwil_crypto::{Context, NetworkSignature, PrivateKey, PublicKey, SignatureError};

pub use abort::{Abort, AbortBody};
pub use directive::{DirectiveBody, LeaderDirective};
pub use heartbeat::{Heartbeat, HeartbeatBody, HeartbeatFlags};
pub use justification::justification_hash;
pub use peer_record::{MAX_ADDRESS_LEN, MAX_ADDRESSES, PeerRecord, PeerRecordBody};
pub use proposal::{ProposalBody, SignedProposal};
pub use view_change::{ReportedVote, ViewChange, ViewChangeBody};

use crate::wire::{Reader, WireError, Writer};

/// Shape of the bodies in this module: one layout under one context. Closed: a new signed thing is a change of the
/// protocol.
pub trait SignedBody: Sized + sealed::Sealed {
    /// Context of the signature.
    const CONTEXT: Context;

    /// Appends the body bytes.
    fn write(&self, writer: &mut Writer);

    /// Reads the body bytes.
    ///
    /// # Errors
    /// [`WireError`].
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Whether this body may come from this signer.
    ///
    /// # Errors
    /// [`WireError::Invalid`] naming the rule.
    fn admits(&self, _signer: &PublicKey) -> Result<(), WireError> {
        Ok(())
    }
}

pub(crate) mod sealed {
    /// Keeps [`SignedBody`](super::SignedBody) closed.
    pub trait Sealed {}
}

/// A body with its signer and signature. Decoding says nothing about the signature: call [`Signed::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signed<B> {
    /// What is said.
    pub body: B,
    /// Who says so.
    pub signer: PublicKey,
    /// Signature of the body bytes under the context of the body.
    pub signature: NetworkSignature,
}

impl<B: SignedBody> Signed<B> {
    /// Signs a body.
    #[must_use]
    pub fn sign(body: B, key: &PrivateKey) -> Self {
        let signature = key.sign_network(B::CONTEXT, &body_bytes(&body));
        Self { body, signer: key.public_key(), signature }
    }

    /// Checks the signature. Whether the signer has a say is the caller's question.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self) -> Result<(), SignatureError> {
        self.signer.verify_network(B::CONTEXT, &self.body_bytes(), &self.signature)
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn body_bytes(&self) -> Vec<u8> {
        body_bytes(&self.body)
    }

    /// Body, key, signature.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(256);
        self.body.write(&mut writer);
        writer.key(&self.signer).signature(&self.signature);
        writer.into_bytes()
    }

    /// Reads a signed message, exactly.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let signed = Self {
            body: B::read(&mut reader)?,
            signer: reader.key()?,
            signature: reader.signature()?,
        };
        signed.body.admits(&signed.signer)?;
        reader.finish()?;
        Ok(signed)
    }
}

fn body_bytes<B: SignedBody>(body: &B) -> Vec<u8> {
    let mut writer = Writer::with_capacity(160);
    body.write(&mut writer);
    writer.into_bytes()
}
