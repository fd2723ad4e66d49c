//! The language of the planner: what happens, and what to do.

use std::sync::Arc;

use bytes::Bytes;
use kwil_crypto::{Hash, NodeId};
use kwil_types::{Block, CommitCertificate, Height};

use super::pace::Progress;

/// Names one request to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// A block with its certificate, decoded and not yet believed.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The block.
    pub(crate) block: Arc<Block>,
    /// Its bytes as they came.
    pub(crate) raw: Bytes,
    /// The certificate.
    pub(crate) certificate: CommitCertificate,
    /// Its bytes as they came.
    pub(crate) raw_certificate: Bytes,
}

impl Candidate {
    /// From the bytes of an answer.
    pub(crate) fn decode(raw: Bytes, raw_certificate: Bytes) -> Result<Self, Fault> {
        let block = Block::decode(&raw).map_err(|error| Fault::Block(error.to_string()))?;
        let certificate = CommitCertificate::decode(&raw_certificate)
            .map_err(|error| Fault::Certificate(error.to_string()))?;
        Ok(Self { block: Arc::new(block), raw, certificate, raw_certificate })
    }

    pub(crate) fn height(&self) -> Height {
        self.block.header().height
    }

    pub(crate) fn bytes(&self) -> usize {
        self.raw.len().saturating_add(self.raw_certificate.len())
    }
}

/// What a peer did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes are no block, or the block breaks a rule.
    Block(String),
    /// The certificate is not one for this block, or not valid under the validator set.
    Certificate(String),
    /// The answer holds another height than the next one.
    Order {
        /// The height that had to come.
        want: Height,
        /// The height that came.
        got: Height,
    },
}

/// Outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything that was asked for holds.
    Good,
    /// It does not, and whoever sent the block is to blame.
    Bad(Fault),
}

/// Something happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A peer is connected or says where it stands.
    Peer {
        /// The peer.
        peer: NodeId,
        /// Lowest height whose block it has.
        base: Height,
        /// Highest.
        height: Height,
    },
    /// A peer is gone.
    PeerGone(NodeId),
    /// A block of an answer, in the order of the answer.
    Block {
        /// Which answer.
        request: RequestId,
        /// The block.
        candidate: Box<Candidate>,
    },
    /// A block of an answer did not decode.
    Garbage {
        /// Which answer.
        request: RequestId,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An answer is complete.
    Ended(RequestId),
    /// An answer was cut: time-out, reset, connection lost.
    Failed(RequestId),
    /// A check is done.
    Checked {
        /// From the action.
        token: u64,
        /// Its outcome.
        verdict: Verdict,
    },
    /// Blocks up to this height are in the block log and on disk.
    Appended(Height),
    /// The block at this height is executed and committed in PostgreSQL.
    Executed {
        /// Its height.
        height: Height,
        /// Hash of the validator set of the next height.
        next_validators: Hash,
    },
    /// Time passes: send one at least every second.
    Tick,
}

/// What the owner must do.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Ask a peer for consecutive blocks.
    Fetch {
        /// Names the answer.
        request: RequestId,
        /// Whom.
        peer: NodeId,
        /// First height.
        from: Height,
        /// Blocks at most.
        count: u32,
        /// Bytes at most; a single block may exceed it.
        max_bytes: u32,
    },
    /// Stop reading an answer; nothing of it is wanted any more.
    Cancel(RequestId),
    /// Check size, transaction tree, proposer's signature and signatures of transactions, on any core, in any order.
    CheckBody {
        /// For the verdict.
        token: u64,
        /// What to check.
        candidate: Arc<Candidate>,
    },
    /// Check the certificate, and that the header names this set, under the set of the height after the executed tip.
    CheckCertificate {
        /// For the verdict.
        token: u64,
        /// What to check.
        candidate: Arc<Candidate>,
    },
    /// Append to the block log, in this order, with one fsync behind the last.
    Append(Vec<Arc<Candidate>>),
    /// Execute, compare the app hash with the certificate's, commit.
    Execute(Arc<Candidate>),
    /// The peer broke the rules: score and disconnect it.
    Punish {
        /// The peer.
        peer: NodeId,
        /// What it did.
        fault: Fault,
    },
    /// The peer does not have what it claimed; its claim is ignored for ten minutes.
    Refuted(NodeId),
    /// Two certified blocks do not follow each other: stop everything and hold.
    Fork {
        /// Height of the upper one.
        height: Height,
        /// Hash of the block below as this node has it.
        ours: Hash,
        /// Hash of the block below as the certified block has it.
        theirs: Hash,
    },
    /// Tell people how far it is.
    Report(Progress),
    /// Nothing moved for a while: say which peers and ranges are concerned.
    Stalled {
        /// Executed height.
        height: Height,
        /// Peers that claim to have the next block.
        peers: Vec<NodeId>,
        /// Answers that are open: peer and first height.
        open: Vec<(NodeId, Height)>,
    },
    /// The node has caught up, or nobody can back a claim above its tip.
    Done,
}
