//! Every BLAKE3 context of the network formats.
//!
//! A context names one use of a hash with one layout. No two uses share one, and a changed layout gets a new number,
//! so a hash or a signature can never be taken for another.

/// The name of one use of BLAKE3 in derive-key mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context(&'static str);

impl Context {
    /// The context string.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

macro_rules! contexts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Context = Context($text);)*
        /// Every context there is, in the order of this file.
        pub const ALL: &[Context] = &[$($name),*];
    };
}

contexts! {
    /// Canonical genesis document; the result is the chain hash.
    GENESIS = "kwil genesis 1";
    /// Header bytes; the result is the block hash.
    HEADER = "kwil header 1";
    /// Transaction id; a leaf of the transaction tree.
    TX_LEAF = "kwil tx leaf 1";
    /// Left and right child; an inner node of the transaction tree.
    TX_NODE = "kwil tx node 1";
    /// Validator set.
    VALIDATORS = "kwil validators 1";
    /// Parameter list.
    PARAMS = "kwil params 1";
    /// View changes that justify a proposal.
    JUSTIFICATION = "kwil justification 1";
    /// Block hash, signed by the proposer.
    BLOCK = "kwil block 1";
    /// Vote body, signed by a validator.
    VOTE = "kwil vote 1";
    /// Proposal body, signed by the leader of the view.
    PROPOSAL = "kwil proposal 1";
    /// View change body, signed by a validator.
    VIEW = "kwil view 1";
    /// Heartbeat body, signed by a validator.
    HEARTBEAT = "kwil heartbeat 1";
    /// Leader directive body, signed by a validator for its operator.
    DIRECTIVE = "kwil directive 1";
    /// Abort body, signed by the leader.
    ABORT = "kwil abort 1";
    /// Public key of a TLS certificate, signed by the identity key of the node.
    PEER = "kwil peer 1";
    /// Peer record body, signed by the peer.
    PEER_RECORD = "kwil peer record 1";
    /// Catalog and tables; the result is the state root.
    STATE = "kwil state 1";
    /// Result codes and gas of a block.
    RESULTS = "kwil results 1";
    /// Validator and parameter updates of a block.
    UPDATES = "kwil updates 1";
    /// Height, previous app hash and roots; the result is the app hash.
    APP = "kwil app 1";
    /// One row of a table; extended to the width of a lattice.
    ROW = "kwil row 1";
    /// The summed lattice of a table.
    LATTICE = "kwil lattice 1";
    /// The catalog: namespaces, tables, actions, roles.
    CATALOG = "kwil catalog 1";
    /// Snapshot manifest; the result is the snapshot id.
    SNAPSHOT = "kwil snapshot 1";
    /// Raw content of one snapshot chunk.
    CHUNK = "kwil chunk 1";
}
