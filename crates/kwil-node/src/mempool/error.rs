//! Why a transaction is not taken, in the words and numbers that clients know.

use kwil_state::Refused;
use kwil_types::{TxCode, TxId};

/// A transaction that the mempool does not hold, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Rejected {
    /// Number for clients.
    pub code: TxCode,
    /// Sentence for clients.
    pub text: String,
    /// What the mempool should remember of it.
    pub blame: Blame,
}

/// Whose problem a rejection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The bytes can never be valid: a peer that sent them is at fault.
    Sender,
    /// The account's state or this node's limits stand against it for now.
    Circumstances,
    /// Another transaction with the same signed content is pending under this id.
    Twin(TxId),
}

impl Rejected {
    /// A transaction that may be taken later or elsewhere.
    pub(crate) fn for_now(code: TxCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), blame: Blame::Circumstances }
    }

    pub(crate) fn plain(code: TxCode) -> Self {
        Self::for_now(code, code.text())
    }

    /// Whether a peer that relayed the transaction loses reputation.
    #[must_use]
    pub fn punishes_peer(&self) -> bool {
        self.blame == Blame::Sender
    }

    /// Whether the same bytes may be accepted if they are sent again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.blame == Blame::Circumstances
    }
}

impl From<Refused> for Rejected {
    fn from(Refused { code, message }: Refused) -> Self {
        let blame = match code {
            TxCode::InvalidSignature
            | TxCode::WrongChain
            | TxCode::EncodingError
            | TxCode::InvalidTxType
            | TxCode::InvalidAmount => Blame::Sender,
            _ => Blame::Circumstances,
        };
        Self { code, text: message, blame }
    }
}
