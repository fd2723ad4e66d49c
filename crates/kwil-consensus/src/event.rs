//! What can happen to a machine. Each event says when the driver must send it.

use std::sync::Arc;

use kwil_crypto::{Hash, NodeId, PublicKey};
use kwil_types::{Block, Evidence, Height, RawTx, TxId, View};

use crate::height::NextHeight;
use crate::message::CommitAnnounce;
use crate::verify::Verified;

/// Input of [`Machine::step`](crate::Machine::step).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// First event, exactly once, after the network can send. `Machine::new` has replayed the log already.
    Start,
    /// Time passed. Send it at [`Machine::next_wakeup`](crate::Machine::next_wakeup), or earlier.
    Tick,
    /// A message arrived and its signatures are valid ([`Verified::check`], on any thread).
    Message {
        /// Peer that delivered it (not necessarily its signer).
        from: NodeId,
        /// The message.
        message: Verified,
        /// Local wall clock at receipt, Unix milliseconds.
        wall_ms: u64,
    },
    /// A peer finished its handshake.
    Hello {
        /// The peer.
        peer: NodeId,
        /// Its committed height.
        height: Height,
        /// The highest (height, view) it has seen signed by this node's key.
        last_signed_seen: Option<(Height, View)>,
    },
    /// A peer reported a new committed height (control stream), or disconnected (`None`).
    PeerHeight {
        /// The peer.
        peer: NodeId,
        /// Its committed height; `None` when it is gone.
        height: Option<Height>,
    },
    /// What the mempool holds now. Send it when it was empty and is not any more, when a transaction arrives while
    /// this node may have to produce or wait for a block, and after each commit.
    Pending(Pending),
    /// Answer to [`Effect::BuildBlock`](crate::Effect::BuildBlock).
    Built {
        /// `height` of the effect.
        height: Height,
        /// `view` of the effect.
        view: View,
        /// Local wall clock, Unix milliseconds; becomes the block time.
        wall_ms: u64,
        /// Transactions in block order.
        txs: Vec<RawTx>,
    },
    /// Answer to [`Effect::FetchBody`](crate::Effect::FetchBody): the complete block. The driver has checked that it
    /// decodes, hashes to the asked hash and matches its transaction root (a body that does not is dropped and asked
    /// elsewhere), and the rules of [`Event::BodyInvalid`].
    Body(Arc<Block>),
    /// Answer to [`Effect::FetchBody`](crate::Effect::FetchBody): the body is the right one for its hash and breaks a
    /// block rule (size, transaction form or signature, duplicate, vote transactions). Also the right event when an
    /// inline block of an [`Effect::Execute`](crate::Effect::Execute) breaks such a rule.
    BodyInvalid {
        /// Block hash.
        block: Hash,
        /// For people.
        reason: String,
    },
    /// Answer to [`Effect::Execute`](crate::Effect::Execute). Not sent for a cancelled token (a late one is ignored).
    Executed {
        /// `token` of the effect.
        token: u64,
        /// The app hash, or why there is none.
        result: Result<Hash, ExecutionFailure>,
    },
    /// One transaction of the execution runs for longer than this node would put into a block as leader. The leader gives its
    /// own fresh block up; on every other node this is nothing.
    Slow {
        /// `token` of the effect.
        token: u64,
    },
    /// Answer to [`Effect::Commit`](crate::Effect::Commit): block log fsynced, then PostgreSQL COMMIT returned.
    Committed {
        /// Height committed.
        height: Height,
        /// What is in force at `height + 1`.
        next: NextHeight,
    },
    /// The sync component took over (state sync at start, or its own judgement). The machine also decides by itself.
    StartSync,
    /// Sync made one block durable and executed.
    Synced {
        /// Header and certificate of the block.
        announce: Arc<CommitAnnounce>,
        /// What is in force at the next height.
        next: NextHeight,
    },
    /// Sync executed a certified block and got another app hash: the block is rolled back, the node held.
    Diverged {
        /// Height.
        height: Height,
        /// Block.
        block: Hash,
        /// App hash in the certificate.
        certified: Hash,
        /// App hash of this node.
        own: Hash,
    },
    /// Sync has no range outstanding and the committed height is at least the best known one − 1, or every higher
    /// claim was refuted.
    SyncDone,
    /// A peer could not back its claimed height with blocks within 30 s: its claims are ignored for 10 min.
    ClaimRefuted {
        /// The peer.
        peer: NodeId,
    },
    /// Two certificates of one height with different values exist, and the driver verified both against the sets of
    /// its block log (heights below the newest; the machine finds those at the tip itself).
    ForkFound(Arc<Evidence>),
    /// The database works again, or ceased to.
    Database {
        /// Whether it is usable.
        usable: bool,
    },
    /// Free disk space fell below, or rose above, the reserve of 256 MiB.
    Disk {
        /// Whether it is too low to go on voting.
        low: bool,
    },
    /// An operator's command. Answered by [`Effect::Reply`](crate::Effect::Reply) with the same `request`.
    Operator {
        /// Chosen by the driver.
        request: u64,
        /// The command.
        command: Command,
    },
}

/// Summary of the mempool (executable transactions and local events).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Pending {
    /// Executable transactions, counting local events that would become one.
    pub txs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Admission number of the youngest of them; numbers rise by at least one per admitted transaction.
    pub newest: u64,
}

/// Why an execution gave no app hash. None of these is a result of the block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExecutionFailure {
    /// The database failed or the ceiling of execution time passed; retried three times.
    Database(String),
    /// The block is invalid in a way that shows only at execution; counts as an invalid body.
    InvalidBlock(String),
}

/// What operators may order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// `validators replace-leader`.
    ReplaceLeader {
        /// The validator that shall lead.
        candidate: PublicKey,
        /// First height at which it shall.
        from_height: Height,
    },
    /// `block abort`: give up the block in execution and drop the named transactions.
    Abort {
        /// Transactions to drop and bar.
        drop: Vec<TxId>,
    },
    /// Orderly stop: hand the leadership on, then [`Effect::Drained`](crate::Effect::Drained).
    Drain,
    /// Leave a held state after its cause was repaired.
    Resume,
}
