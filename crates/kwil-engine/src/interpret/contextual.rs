//! Contextual variables: what a program can ask about the transaction it runs in.

use bytes::Bytes;
use kwil_lang::ErrorClass;
use kwil_types::{DataType, Scalar, TypeKind, Value};

use crate::context::Invocation;
use crate::error::Failure;

/// A contextual variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contextual {
    Caller,
    Signer,
    Txid,
    Height,
    BlockTimestamp,
    Authenticator,
    Leader,
    LeaderSender,
    ForeignCaller,
}

impl Contextual {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "@caller" => Self::Caller,
            "@signer" => Self::Signer,
            "@txid" => Self::Txid,
            "@height" => Self::Height,
            "@block_timestamp" => Self::BlockTimestamp,
            "@authenticator" => Self::Authenticator,
            "@leader" => Self::Leader,
            "@leader_sender" => Self::LeaderSender,
            "@foreign_caller" => Self::ForeignCaller,
            _ => return None,
        })
    }

    /// Its value for an action that another one in the namespace `foreign` called; empty at top level.
    pub(super) fn value(self, from: &Invocation, foreign: &str) -> Result<Value, Failure> {
        if !from.has_transaction {
            let detail = "there is no transaction to take the variable from";
            return Err(Failure::new(ErrorClass::InvalidTxCtx, detail));
        }
        Ok(match self {
            Self::Caller => Value::from(from.caller.as_str()),
            Self::Signer => bytea(from.signer.as_deref()),
            Self::Txid => Value::from(from.txid.as_str()),
            Self::Height => Value::from(from.height),
            Self::BlockTimestamp => Value::from(from.block_timestamp),
            Self::Authenticator => Value::from(from.authenticator.as_str()),
            Self::Leader => Value::from(from.leader.as_str()),
            Self::LeaderSender => match &from.leader_sender {
                Ok(sender) => bytea(sender.as_deref()),
                Err(text) => return Err(Failure::new(ErrorClass::Other, text)),
            },
            Self::ForeignCaller => Value::from(foreign),
        })
    }
}

fn bytea(bytes: Option<&[u8]>) -> Value {
    match bytes {
        Some(bytes) => Value::Scalar(Scalar::Bytea(Bytes::copy_from_slice(bytes))),
        None => Value::Null(DataType::scalar(TypeKind::Bytea)),
    }
}

/// The value of a contextual variable outside any action.
///
/// # Errors
/// `InvalidVariable` for another name, `InvalidTxCtx` without a transaction.
pub(crate) fn contextual(invocation: &Invocation, name: &str) -> Result<Value, Failure> {
    match Contextual::named(name) {
        Some(variable) => variable.value(invocation, ""),
        None => Err(Failure::new(ErrorClass::InvalidVariable, name)),
    }
}
