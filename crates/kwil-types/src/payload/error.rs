//! Why bytes are not a payload.

use kwil_crypto::KeyError;

use super::MAX_NAME;
use crate::wire::WireError;
use crate::{AccountError, AmountError, TxCode, ValueError};

/// Why bytes are not a payload of their type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// No payload has this name.
    #[error("unknown payload type {0:?}")]
    UnknownType(String),
    /// The version field.
    #[error("unsupported payload version {0}")]
    Version(u16),
    /// The bytes are cut, too long, or hold an impossible marker.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A field that may not be absent is.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A text with a NUL character.
    #[error("{what} contains NUL")]
    Nul {
        /// Which text.
        what: &'static str,
    },
    /// A name above its limit.
    #[error("{what} of {got} bytes is longer than {MAX_NAME}")]
    NameTooLong {
        /// Which name.
        what: &'static str,
        /// Its bytes.
        got: usize,
    },
    /// A name that may not be empty is.
    #[error("{what} is empty")]
    EmptyName {
        /// Which name.
        what: &'static str,
    },
    /// More arguments or parameters than one payload may have.
    #[error("more than 65535 values in one payload")]
    TooManyValues,
    /// An argument or parameter.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// An account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A public key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An amount that is absent, negative or not canonical.
    #[error("invalid transfer amount: {0}")]
    Amount(String),
    /// A resolution id is 16 bytes.
    #[error("resolution id of {0} bytes")]
    IdLength(usize),
    /// An Ethereum address is 20 bytes.
    #[error("address of {0} bytes")]
    AddressLength(usize),
    /// The body of a resolution does not fit its type.
    #[error("invalid {event_type} body: {reason}")]
    Body {
        /// Type of the resolution.
        event_type: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl PayloadError {
    /// The result code of a transaction with this payload.
    #[must_use]
    pub fn tx_code(&self) -> TxCode {
        match self {
            Self::UnknownType(_) => TxCode::InvalidTxType,
            Self::Amount(_) => TxCode::InvalidAmount,
            Self::Version(_)
            | Self::Wire(_)
            | Self::Missing(_)
            | Self::Nul { .. }
            | Self::NameTooLong { .. }
            | Self::EmptyName { .. }
            | Self::TooManyValues
            | Self::Value(_)
            | Self::Account(_)
            | Self::Key(_)
            | Self::IdLength(_)
            | Self::AddressLength(_)
            | Self::Body { .. } => TxCode::EncodingError,
        }
    }

    pub(crate) fn amount(error: &AmountError) -> Self {
        match error {
            AmountError::Text(text) => Self::Amount(text.clone()),
            AmountError::TooLarge => Self::Amount("above 2^256 - 1".to_owned()),
        }
    }
}
