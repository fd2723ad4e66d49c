//! Commit certificates: the signatures of more than half of the validators for one block and one app hash.

use std::collections::BTreeMap;

use kwil_crypto::{Hash, NetworkSignature, PublicKey, SignatureError, context};

use crate::signed::Signed;
use crate::wire::{Reader, WireError, Writer};
use crate::{Height, ValidatorSet, View, Vote, VoteBody, VoteKind};

/// Proof that a block is committed with an app hash. With the header and the validator set it is all that a light
/// client or a snapshot needs.
///
/// Decoding says nothing about the signatures: call [`CommitCertificate::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommitCertificate {
    height: Height,
    view: View,
    block_hash: Hash,
    app_hash: Hash,
    set_size: u32,
    /// By position in the canonical order of the validator set; every position is below `set_size`.
    signatures: BTreeMap<u32, NetworkSignature>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It was made for a set of another size.
    #[error("certificate is for {got} validators, the set has {want}")]
    SetSize {
        /// Validators in the set.
        want: usize,
        /// Validators that the certificate speaks of.
        got: u32,
    },
    /// Not more than half signed.
    #[error("{got} signatures of {want} that are needed")]
    Quorum {
        /// Signatures needed.
        want: usize,
        /// Signatures present.
        got: usize,
    },
    /// A signature is not that validator's.
    #[error("signature of {validator}: {source}")]
    Signature {
        /// Whose signature it claims to be.
        validator: PublicKey,
        /// What is wrong with it.
        source: SignatureError,
    },
    /// A vote is not for this block, view and app hash, or not by a member.
    #[error("vote of {validator} does not belong into this certificate")]
    Vote {
        /// Who voted.
        validator: PublicKey,
    },
    /// There are no votes.
    #[error("a certificate needs votes")]
    NoVotes,
}

impl CommitCertificate {
    /// Collects commit votes that agree in everything. Their signatures must have been checked.
    ///
    /// # Errors
    /// No vote, votes that differ, a voter outside the set, or too few of them.
    pub fn from_votes(set: &ValidatorSet, votes: &[Vote]) -> Result<Self, CertificateError> {
        let VoteBody { height, view, block_hash, app_hash, .. } =
            votes.first().ok_or(CertificateError::NoVotes)?.body;
        let mut signatures = BTreeMap::new();
        for vote in votes {
            let agrees = vote.body.kind == VoteKind::Commit
                && votes.first().is_some_and(|first| first.body == vote.body);
            let index = set
                .index_of(&vote.signer)
                .filter(|_| agrees)
                .and_then(|index| u32::try_from(index).ok());
            let index = index.ok_or(CertificateError::Vote { validator: vote.signer })?;
            signatures.insert(index, vote.signature);
        }
        let set_size = u32::try_from(set.len()).unwrap_or(u32::MAX);
        let certificate = Self { height, view, block_hash, app_hash, set_size, signatures };
        certificate.check_quorum(set)?;
        Ok(certificate)
    }

    /// Height of the block.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.height
    }

    /// View of all votes.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// The block.
    #[must_use]
    pub const fn block_hash(&self) -> Hash {
        self.block_hash
    }

    /// App hash after the block.
    #[must_use]
    pub const fn app_hash(&self) -> Hash {
        self.app_hash
    }

    /// Validators of the height.
    #[must_use]
    pub const fn set_size(&self) -> u32 {
        self.set_size
    }

    /// Positions of the signers in the validator set with their signatures, ascending.
    pub fn signatures(&self) -> impl ExactSizeIterator<Item = (u32, &NetworkSignature)> {
        self.signatures.iter().map(|(index, signature)| (*index, signature))
    }

    /// The vote body that every signer signed.
    #[must_use]
    pub const fn vote_body(&self, chain_hash: Hash) -> VoteBody {
        VoteBody {
            kind: VoteKind::Commit,
            chain_hash,
            height: self.height,
            view: self.view,
            block_hash: self.block_hash,
            app_hash: self.app_hash,
        }
    }

    /// The votes behind the certificate, after checking that their number suffices. Each still has to be verified, so a
    /// caller with several cores can do that in parallel.
    ///
    /// # Errors
    /// Another set size, or not more than half of the set.
    pub fn votes(
        &self,
        chain_hash: Hash,
        set: &ValidatorSet,
    ) -> Result<Vec<Vote>, CertificateError> {
        self.check_quorum(set)?;
        let body = self.vote_body(chain_hash);
        let votes = self.signatures.iter().filter_map(|(index, signature)| {
            let member = set.get(usize::try_from(*index).ok()?)?;
            Some(Signed { body, signer: member.key, signature: *signature })
        });
        Ok(votes.collect())
    }

    /// Checks everything: size of the set, more than half of it, every signature.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify(&self, chain_hash: Hash, set: &ValidatorSet) -> Result<(), CertificateError> {
        self.check_quorum(set)?;
        let mut writer = Writer::with_capacity(crate::vote::VOTE_BODY_LEN);
        crate::signed::SignedBody::write(&self.vote_body(chain_hash), &mut writer);
        let body = writer.into_bytes();
        for vote in self.votes(chain_hash, set)? {
            vote.signer
                .verify_network(context::VOTE, &body, &vote.signature)
                .map_err(|source| CertificateError::Signature { validator: vote.signer, source })?;
        }
        Ok(())
    }

    fn check_quorum(&self, set: &ValidatorSet) -> Result<(), CertificateError> {
        if usize::try_from(self.set_size) != Ok(set.len()) {
            return Err(CertificateError::SetSize { want: set.len(), got: self.set_size });
        }
        let (want, got) = (set.quorum(), self.signatures.len());
        if got < want {
            return Err(CertificateError::Quorum { want, got });
        }
        Ok(())
    }

    /// Version, height, view, hashes, set size, bitmap (least significant bit first), one signature per set bit.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bitmap = vec![0_u8; usize::try_from(self.set_size.div_ceil(8)).unwrap_or(0)];
        for index in self.signatures.keys() {
            let byte = usize::try_from(index >> 3).ok().and_then(|byte| bitmap.get_mut(byte));
            if let Some(byte) = byte {
                *byte |= bit(*index);
            }
        }
        let mut writer = Writer::with_capacity(512);
        writer
            .u8(1)
            .u64_be(self.height.0)
            .u64_be(self.view.0)
            .hash(&self.block_hash)
            .hash(&self.app_hash)
            .u32_be(self.set_size)
            .raw(&bitmap);
        for signature in self.signatures.values() {
            writer.signature(signature);
        }
        writer.into_bytes()
    }

    /// Reads an encoded certificate, exactly.
    ///
    /// # Errors
    /// [`WireError`]; bits beyond the set size must be zero.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version_u8(1)?;
        let (height, view) = (Height(reader.u64_be()?), View(reader.u64_be()?));
        let (block_hash, app_hash) = (reader.hash()?, reader.hash()?);
        let set_size = reader.u32_be()?;
        let bitmap = reader.take(reader.count(u64::from(set_size.div_ceil(8)), 1)?)?;
        let mut signatures = BTreeMap::new();
        for (start, byte) in (0_u32..).step_by(8).zip(bitmap) {
            for index in (start..=start | 7).filter(|index| byte & bit(*index) != 0) {
                if index >= set_size {
                    return Err(WireError::Invalid {
                        what: "certificate has a bit beyond the set size",
                    });
                }
                signatures.insert(index, reader.signature()?);
            }
        }
        reader.finish()?;
        Ok(Self { height, view, block_hash, app_hash, set_size, signatures })
    }
}

/// The bit of a position within its byte.
const fn bit(index: u32) -> u8 {
    1_u8.rotate_left(index & 7)
}
