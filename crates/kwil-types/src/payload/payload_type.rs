//! Names of payload types.

use std::fmt;

use super::PayloadError;

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What kind of payload a transaction carries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PayloadType {
            $($(#[$doc])* $name,)*
        }

        impl PayloadType {
            /// Every type that has a binary form.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in transactions.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Finds a type by its exact name.
            ///
            /// # Errors
            /// [`PayloadError::UnknownType`].
            pub fn from_name(name: &str) -> Result<Self, PayloadError> {
                match name {
                    $($text => Ok(Self::$name),)*
                    _ => Err(PayloadError::UnknownType(name.chars().take(64).collect())),
                }
            }
        }
    };
}

types! {
    /// SQL text with parameters.
    RawStatement = "raw_statement";
    /// Calls of one action.
    Execute = "execute";
    /// Tokens to another account.
    Transfer = "transfer";
    /// A node asks to become a validator.
    ValidatorJoin = "validator_join";
    /// A validator leaves.
    ValidatorLeave = "validator_leave";
    /// A validator approves a join request.
    ValidatorApprove = "validator_approve";
    /// A validator votes to remove another.
    ValidatorRemove = "validator_remove";
    /// Votes for resolutions by id.
    ValidatorVoteIds = "validator_vote_ids";
    /// Events that become resolutions.
    ValidatorVoteBodies = "validator_vote_bodies";
    /// A proposal of an operator.
    CreateResolution = "create_resolution";
    /// A vote for a proposal.
    ApproveResolution = "approve_resolution";
    /// Withdrawal of a proposal; has a form but no effect.
    DeleteResolution = "delete_resolution";
    /// An action run through a multi-agent account; has a form but is not enabled.
    MaaExec = "maa_exec";
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
