//! Bodies of the built-in resolution types: what validators vote on.

mod credit_account;
mod migration;
mod param_update;
mod validator_change;

pub use credit_account::CreditAccount;
pub use migration::MigrationProposal;
pub use param_update::ParamUpdateProposal;
pub use validator_change::ValidatorChange;

use std::fmt;

use crate::wire::{LengthOverflow, Reader, WireError};
use crate::{PayloadError, VotableEvent};

/// A resolution type that comes with the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResolutionType {
    /// Tokens for an account, seen as a deposit on another chain.
    CreditAccount,
    /// The network moves to a new one.
    Migration,
    /// New values of network parameters.
    ParamUpdates,
    /// A node becomes a validator.
    ValidatorJoin,
    /// A validator is removed.
    ValidatorRemove,
}

impl ResolutionType {
    /// Every built-in type, in name order.
    pub const ALL: [Self; 5] = [
        Self::CreditAccount,
        Self::Migration,
        Self::ParamUpdates,
        Self::ValidatorJoin,
        Self::ValidatorRemove,
    ];

    /// The name in events and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreditAccount => "credit_account",
            Self::Migration => "migration",
            Self::ParamUpdates => "param_updates",
            Self::ValidatorJoin => "validator_join",
            Self::ValidatorRemove => "validator_remove",
        }
    }

    /// The built-in type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl fmt::Display for ResolutionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A decoded body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolutionBody {
    /// Tokens for an account.
    CreditAccount(CreditAccount),
    /// The network moves.
    Migration(MigrationProposal),
    /// New parameter values.
    ParamUpdates(ParamUpdateProposal),
    /// A node becomes a validator.
    ValidatorJoin(ValidatorChange),
    /// A validator is removed.
    ValidatorRemove(ValidatorChange),
}

impl ResolutionBody {
    /// Decodes the body of a built-in type exactly: a second encoding of the same meaning would have a second id.
    ///
    /// # Errors
    /// [`PayloadError::Body`] with the type and the reason.
    pub fn decode(kind: ResolutionType, body: &[u8]) -> Result<Self, PayloadError> {
        let decoded = match kind {
            ResolutionType::CreditAccount => CreditAccount::decode(body).map(Self::CreditAccount),
            ResolutionType::Migration => MigrationProposal::decode(body).map(Self::Migration),
            ResolutionType::ParamUpdates => {
                ParamUpdateProposal::decode(body).map(Self::ParamUpdates)
            }
            ResolutionType::ValidatorJoin => ValidatorChange::decode(body).map(Self::ValidatorJoin),
            ResolutionType::ValidatorRemove => {
                ValidatorChange::decode(body).map(Self::ValidatorRemove)
            }
        };
        decoded.map_err(|reason| PayloadError::Body { event_type: kind.name(), reason })
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> ResolutionType {
        match self {
            Self::CreditAccount(_) => ResolutionType::CreditAccount,
            Self::Migration(_) => ResolutionType::Migration,
            Self::ParamUpdates(_) => ResolutionType::ParamUpdates,
            Self::ValidatorJoin(_) => ResolutionType::ValidatorJoin,
            Self::ValidatorRemove(_) => ResolutionType::ValidatorRemove,
        }
    }

    /// The event to vote on.
    ///
    /// # Errors
    /// [`PayloadError::Body`] when a part is longer than its length field can say.
    pub fn event(&self) -> Result<VotableEvent, PayloadError> {
        let body = match self {
            Self::CreditAccount(body) => body.encode(),
            Self::Migration(body) => body.encode(),
            Self::ParamUpdates(body) => body.encode(),
            Self::ValidatorJoin(body) | Self::ValidatorRemove(body) => body.encode(),
        };
        let event_type = self.kind().name();
        let body = body.map_err(|error: LengthOverflow| PayloadError::Body {
            event_type,
            reason: error.to_string(),
        })?;
        VotableEvent::new(event_type, body)
    }
}

/// A reader behind the `u16` little-endian version 0.
fn start(body: &[u8]) -> Result<Reader<'_>, String> {
    let mut reader = Reader::new(body);
    match reader.u16_le().map_err(text)? {
        0 => Ok(reader),
        version => Err(format!("unsupported version {version}")),
    }
}

fn text(error: WireError) -> String {
    error.to_string()
}
