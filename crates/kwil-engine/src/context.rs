//! What a script or a call knows about the world outside the database.

/// Who asks, in which transaction and block: the source of the contextual variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// `@caller`: text identity of the signer; empty for nobody.
    pub caller: String,
    /// `@signer`: compact identity; `None` is NULL.
    pub signer: Option<Vec<u8>>,
    /// `@authenticator`: name of the signature type; empty for nobody.
    pub authenticator: String,
    /// `@txid`: hash of the transaction in lower-case hex; empty in reads.
    pub txid: String,
    /// `@height`: height of the block, or of the last one in reads; -1 while unknown.
    pub height: i64,
    /// `@block_timestamp`: Unix seconds.
    pub block_timestamp: i64,
    /// `@leader`: public key of the proposer in lower-case hex; empty when unknown.
    pub leader: String,
    /// `@leader_sender`: the proposer in the form that `@signer` has for the authenticator; `Err` is the text of the
    /// error that the use of the variable gives.
    pub leader_sender: Result<Option<Vec<u8>>, String>,
    /// False where no transaction exists at all: every contextual variable is then an error.
    pub has_transaction: bool,
    /// System code: privileges and access modifiers are not asked.
    pub is_system: bool,
}

impl Default for Invocation {
    /// An unauthenticated read.
    fn default() -> Self {
        Self {
            caller: String::new(),
            signer: None,
            authenticator: String::new(),
            txid: String::new(),
            height: -1,
            block_timestamp: 0,
            leader: String::new(),
            leader_sender: Ok(None),
            has_transaction: true,
            is_system: false,
        }
    }
}

/// Bounds of one payload or call. Network constants in blocks, the node's own in reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Statements, loop iterations, calls, rows delivered to an action, and KiB of text built.
    pub steps: u64,
    /// Calls inside each other.
    pub call_depth: u32,
    /// Bytes of all values that the running actions hold.
    pub held_bytes: u64,
    /// Elements of one array.
    pub array_elements: usize,
    /// Bytes of one text or bytea.
    pub value_bytes: usize,
}

impl Limits {
    /// The bounds in blocks: the same on every node.
    pub const NETWORK: Self = Self {
        steps: 50_000_000,
        call_depth: 256,
        held_bytes: 64 << 20,
        array_elements: 1_000_000,
        value_bytes: 16 << 20,
    };

    /// The bounds of a read.
    pub const READ: Self = Self { steps: 5_000_000, ..Self::NETWORK };
}

/// How much a read may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Rows at most.
    pub rows: u64,
    /// Bytes of all values at most.
    pub bytes: u64,
}
