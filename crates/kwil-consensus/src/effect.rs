//! What the driver must do. Effects of one step are performed in order; a crash may happen between any two.

use std::sync::Arc;

use kwil_crypto::{Hash, NodeId, PublicKey};
use kwil_types::{Block, CommitCertificate, Evidence, Height, TxId, View};

use crate::directive::Directive;
use crate::held::HeldReason;
use crate::message::{CommitAnnounce, Message, Proposal};
use crate::operator::OperatorError;
use crate::record::Record;

/// Output of [`Machine::step`](crate::Machine::step).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Append the records to the consensus log and fsync. **A barrier**: nothing after it happens before the fsync
    /// returned. If it fails the process stops; a failed fsync is never retried.
    Persist(Vec<Record>),
    /// Append the records to the consensus log without fsync. The next `Persist` makes them durable.
    Append(Vec<Record>),
    /// Flood to every peer.
    Broadcast {
        /// The message.
        message: Message,
        /// Unsigned envelope counter: raised at each repetition so that relays let it pass.
        resend: u32,
    },
    /// Send to one node; drop it when that node is not connected.
    Send {
        /// Receiver.
        to: NodeId,
        /// The message.
        message: Message,
        /// As in `Broadcast`.
        resend: u32,
    },
    /// Tell peers whose last known height is below this one that it is committed; nothing to do when there is none.
    Announce(Arc<CommitAnnounce>),
    /// Send header and certificate of an old height to a node that is still there (from the block log).
    SendCommit {
        /// Receiver.
        to: NodeId,
        /// Committed height.
        height: Height,
    },
    /// Ask a peer for the certificate of a height (`Certificate{height}` request; another connected peer when this
    /// one is not connected). The answer is an ordinary [`Message::Commit`]; no answer needs no event.
    RequestCertificate {
        /// Wanted height.
        height: Height,
        /// Who has it.
        peer: NodeId,
    },
    /// Choose transactions for a new block; answer [`Event::Built`](crate::Event::Built), also when there are none.
    /// A later `BuildBlock` for another (height, view) replaces an unanswered one.
    BuildBlock {
        /// Height of the block.
        height: Height,
        /// View it is for.
        view: View,
        /// Committed parent; the content is built on its post-execution state.
        parent: Hash,
    },
    /// Get the body of a block: from the mempool by `plan.tx_ids`, missing transactions or the whole block from
    /// peers, the listed ones first, others after 200 ms, again and again until `Body`, `BodyInvalid` or a
    /// `FetchBody`/`Execute` for another block.
    FetchBody {
        /// Block hash.
        block: Hash,
        /// The proposal, when one is known; without it the whole block must be pulled.
        plan: Option<Arc<Proposal>>,
        /// Nodes that have (or had) it.
        from: Vec<NodeId>,
    },
    /// Execute the block in a new database transaction and leave that open; answer
    /// [`Event::Executed`](crate::Event::Executed). Waits for the rollback of a cancelled execution.
    Execute {
        /// Names this execution; rises with each one of a process.
        token: u64,
        /// The block.
        block: Arc<Block>,
    },
    /// Stop that execution if it runs and roll its transaction back. No answer.
    Cancel {
        /// `token` of the execution.
        token: u64,
    },
    /// Append block and certificate to the block log, fsync, then PostgreSQL COMMIT of the open execution; answer
    /// [`Event::Committed`](crate::Event::Committed). If any part fails the process stops; restart replays.
    Commit {
        /// `token` of the execution whose result the certificate confirms.
        token: u64,
        /// The block.
        block: Arc<Block>,
        /// Its certificate.
        certificate: CommitCertificate,
    },
    /// Leave live mode: fetch, verify, execute and commit blocks from `height() + 1` on; each gives
    /// [`Event::Synced`](crate::Event::Synced), the end [`Event::SyncDone`](crate::Event::SyncDone).
    EnterSync {
        /// Highest height somebody claims; later claims go on arriving through peer heights.
        target: Height,
    },
    /// A height far ahead was seen. Informs the sync component; nothing has to be done.
    NoteBest(Height),
    /// Store in `consensus/evidence/` (newest 1000). The flood is a separate `Broadcast`.
    StoreEvidence(Arc<Evidence>),
    /// Write (`Some`) or delete (`None`) `leader-updates.json`, with fsync. A barrier like `Persist`.
    StoreDirective(Option<Directive>),
    /// Write `consensus/held.json` when the reason is durable, report unhealthy, write diagnosis files. For
    /// [`HeldReason::Diverged`] the execution is still open, so per-table digests can be taken before the `Cancel`
    /// that follows.
    Hold(HeldReason),
    /// Remove `consensus/held.json`; healthy again.
    Unhold,
    /// Remove transactions from the mempool and bar them for ten minutes.
    DropTransactions {
        /// The ones an operator named.
        ids: Vec<TxId>,
        /// Also the one that this execution was running when it was cancelled.
        running_of: Option<u64>,
    },
    /// Result of an [`Event::Operator`](crate::Event::Operator).
    Reply {
        /// `request` of the event.
        request: u64,
        /// Accepted, or why not.
        result: Result<(), OperatorError>,
    },
    /// The drain is over (or not needed): stop the node.
    Drained,
    /// Something worth a log line or a metric; nothing has to be done.
    Notice(Notice),
}

/// Log-worthy facts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Notice {
    /// `Leader not responding, starting view change`.
    LeaderNotResponding {
        /// Height.
        height: Height,
        /// View that is left.
        view: View,
        /// Its leader.
        leader: PublicKey,
        /// Silence in milliseconds.
        silent_ms: u64,
    },
    /// `New view`.
    NewView {
        /// Height.
        height: Height,
        /// View entered.
        view: View,
        /// Its leader.
        leader: PublicKey,
        /// What made this node leave the old one.
        trigger: Trigger,
    },
    /// `Quorum lost` / `Quorum restored`.
    Quorum {
        /// Whether it is there now.
        restored: bool,
        /// Validators alive, this node included.
        alive: usize,
        /// Validators needed.
        needed: usize,
    },
    /// A proposal of the leader was rejected by this node.
    Rejected {
        /// Block hash.
        block: Hash,
        /// The broken rule.
        why: String,
    },
    /// A validator rejected our proposal.
    Nacked {
        /// Who.
        validator: PublicKey,
        /// Its unsigned text.
        text: String,
    },
    /// This node does not vote until the network has moved on, because its consensus log is lost or old.
    Muted {
        /// What told so.
        why: &'static str,
    },
    /// A message of a validator breaks the protocol and was dropped.
    Misbehaviour {
        /// Who.
        validator: PublicKey,
        /// Which rule.
        what: &'static str,
    },
    /// A directive expired without success.
    DirectiveExpired(Directive),
}

/// What made a node leave a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// T1: the leader is silent or not ready.
    LeaderSilent,
    /// T2: work is pending and no proposal came.
    NoProposal,
    /// T3: votes did not add up in time.
    NoQuorum,
    /// T4: a later view brought no proposal.
    ViewTimeout,
    /// T5: the proposal was rejected here, or its body was not obtained.
    BadProposal,
    /// Too many validators rejected our proposal.
    Nacked,
    /// Other validators left it.
    Joined,
    /// This node led the view before it restarted.
    Restarted,
    /// Leadership is handed on.
    Resigned,
    /// An operator's replace-leader order.
    Directive,
    /// The leader gave its block up.
    Aborted,
}
