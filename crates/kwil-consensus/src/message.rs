//! What nodes tell each other about a height. Byte strings of the signed parts live in `kwil-types`; here are the
//! composites that travel, are stored as evidence, and are kept in the consensus log.

use std::sync::Arc;

use kwil_crypto::{Hash, NetworkSignature, PublicKey};
use kwil_types::{
    Abort, Block, CommitCertificate, Evidence, Header, Heartbeat, Height, LeaderDirective,
    SignedProposal, TxId, View, ViewChange, Vote,
};

/// Blocks up to this many encoded bytes travel inside their proposal.
pub const INLINE_BLOCK_MAX: usize = 64 * 1024;
/// A proposal lists at most this many transaction ids; a block with more is pulled whole.
pub const TX_IDS_MAX: usize = 131_072;
/// Most validators whose messages one proposal may carry.
pub const VALIDATORS_MAX: usize = 100;
/// Longest text of a [`Nack`] in bytes.
pub const NACK_TEXT_MAX: usize = 200;

/// A leader's offer of one block in one view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// Height, view, block hash and justification hash, signed by the leader of the view.
    pub signed: SignedProposal,
    /// Header of the proposed block. Its proposer and view are those of its creation.
    pub header: Header,
    /// The proposer's signature over the block hash.
    pub block_signature: NetworkSignature,
    /// Transaction ids in block order; empty with a non-empty block when the list would not fit.
    pub tx_ids: Vec<TxId>,
    /// The whole block when it is small (at most [`INLINE_BLOCK_MAX`] encoded bytes).
    pub inline: Option<Arc<Block>>,
    /// Orders of validators that justify `header.new_leader` of a fresh block; otherwise empty.
    pub directives: Vec<LeaderDirective>,
    /// The view changes that justify a view above 0, in validator set order; empty in view 0.
    pub justification: Vec<ViewChangeMessage>,
}

/// Proof that a reported vote was for a block which the leader of its view really proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoteProof {
    /// Justification hash of the proposal voted for.
    pub justification: Hash,
    /// The leader's signature over that proposal.
    pub signature: NetworkSignature,
}

/// A signed view change and, when it reports a vote, the proof of the proposal voted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ViewChangeMessage {
    /// The signed part.
    pub signed: ViewChange,
    /// Present exactly when the signed part reports a vote. Proves itself, so it is not under the signature.
    pub proof: Option<VoteProof>,
}

/// Why a validator rejects a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NackReason {
    /// The header or the body breaks a rule.
    InvalidBlock,
    /// The block time is too far ahead of the local clock.
    Clock,
    /// Nobody could supply the body.
    BodyUnavailable,
    /// This validator is held.
    Held,
    /// The database failed repeatedly.
    ExecutionFailed,
}

impl NackReason {
    /// Number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::InvalidBlock => 1,
            Self::Clock => 2,
            Self::BodyUnavailable => 3,
            Self::Held => 4,
            Self::ExecutionFailed => 5,
        }
    }

    /// Reverse of [`NackReason::code`]; `None` for an unknown number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::InvalidBlock),
            2 => Some(Self::Clock),
            3 => Some(Self::BodyUnavailable),
            4 => Some(Self::Held),
            5 => Some(Self::ExecutionFailed),
            _ => None,
        }
    }
}

/// A signed rejection. Reason and text are not signed: they inform, they prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nack {
    /// Vote of kind reject.
    pub vote: Vote,
    /// Why.
    pub reason: NackReason,
    /// For people; at most [`NACK_TEXT_MAX`] bytes.
    pub text: String,
}

/// A committed block without its transactions: enough to prove block hash and app hash to whoever knows the set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommitAnnounce {
    /// Header of the committed block.
    pub header: Header,
    /// The proposer's signature over the block hash.
    pub block_signature: NetworkSignature,
    /// Votes of a quorum.
    pub certificate: CommitCertificate,
}

/// Every message of the consensus stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// A block on offer.
    Proposal(Arc<Proposal>),
    /// "I executed this block and got this app hash", durable at the signer.
    Vote(Vote),
    /// "I have left all lower views", durable at the signer.
    ViewChange(Arc<ViewChangeMessage>),
    /// A committed block.
    Commit(Arc<CommitAnnounce>),
    /// A rejection; promises nothing.
    Nack(Nack),
    /// "I am here"; promises nothing.
    Heartbeat(Heartbeat),
    /// An operator's order to replace the leader.
    Directive(LeaderDirective),
    /// The leader gives up its own block.
    Abort(Abort),
    /// Proof of misbehaviour.
    Evidence(Arc<Evidence>),
}

/// Short name of a message, for logs, metrics and queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// [`Message::Proposal`].
    Proposal,
    /// [`Message::Vote`].
    Vote,
    /// [`Message::ViewChange`].
    ViewChange,
    /// [`Message::Commit`].
    Commit,
    /// [`Message::Nack`].
    Nack,
    /// [`Message::Heartbeat`].
    Heartbeat,
    /// [`Message::Directive`].
    Directive,
    /// [`Message::Abort`].
    Abort,
    /// [`Message::Evidence`].
    Evidence,
}

impl Message {
    /// Which message this is.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Proposal(_) => MessageKind::Proposal,
            Self::Vote(_) => MessageKind::Vote,
            Self::ViewChange(_) => MessageKind::ViewChange,
            Self::Commit(_) => MessageKind::Commit,
            Self::Nack(_) => MessageKind::Nack,
            Self::Heartbeat(_) => MessageKind::Heartbeat,
            Self::Directive(_) => MessageKind::Directive,
            Self::Abort(_) => MessageKind::Abort,
            Self::Evidence(_) => MessageKind::Evidence,
        }
    }

    /// The validator that signed it; `None` for certificates and evidence, which have several signers.
    #[must_use]
    pub fn signer(&self) -> Option<PublicKey> {
        match self {
            Self::Proposal(proposal) => Some(proposal.signed.signer),
            Self::Vote(vote) => Some(vote.signer),
            Self::ViewChange(change) => Some(change.signed.signer),
            Self::Nack(nack) => Some(nack.vote.signer),
            Self::Heartbeat(beat) => Some(beat.signer),
            Self::Directive(directive) => Some(directive.signer),
            Self::Abort(abort) => Some(abort.signer),
            Self::Commit(_) | Self::Evidence(_) => None,
        }
    }

    /// The height it is about: for heartbeats the committed height, for directives the first one they apply to.
    #[must_use]
    pub fn height(&self) -> Height {
        match self {
            Self::Proposal(proposal) => proposal.signed.body.height,
            Self::Vote(vote) => vote.body.height,
            Self::ViewChange(change) => change.signed.body.height,
            Self::Commit(announce) => announce.certificate.height(),
            Self::Nack(nack) => nack.vote.body.height,
            Self::Heartbeat(beat) => beat.body.committed,
            Self::Directive(directive) => directive.body.from_height,
            Self::Abort(abort) => abort.body.height,
            Self::Evidence(evidence) => evidence.height(),
        }
    }

    /// The view it is about; `None` where a message has none.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        match self {
            Self::Proposal(proposal) => Some(proposal.signed.body.view),
            Self::Vote(vote) => Some(vote.body.view),
            Self::ViewChange(change) => Some(change.signed.body.view),
            Self::Commit(announce) => Some(announce.certificate.view()),
            Self::Nack(nack) => Some(nack.vote.body.view),
            Self::Heartbeat(beat) => Some(beat.body.view),
            Self::Abort(abort) => Some(abort.body.view),
            Self::Directive(_) | Self::Evidence(_) => None,
        }
    }
}
