//! Payloads of SQL and actions in the transaction of a block.

use std::collections::BTreeMap;

use kwil_crypto::auth::AuthType;
use kwil_crypto::{KeyType, PublicKey};
use kwil_engine::{
    Calls, Engine, EngineError, Failure, FailureClass, Invocation, Limits, Outcome, Results,
    Session, Terms,
};
use kwil_lang::ErrorClass;
use kwil_types::{EncodedValue, Execute, RawStatement, TxCode, Value, ValueError};

use super::TxContext;
use super::state::BlockContext;
use crate::fault::NodeFault;

/// A payload that needs the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Statement<'p> {
    /// SQL text with parameters.
    Raw(&'p RawStatement),
    /// Calls of one action.
    Execute(&'p Execute),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Anything but [`TxCode::Ok`] undoes what the statement did.
    pub(crate) code: TxCode,
    /// Notices, then the error.
    pub(crate) log: String,
}

/// Runs a payload on a session that is open for it.
pub(crate) async fn run_payload<S: Session<Fault = NodeFault>>(
    engine: &Engine,
    session: &mut S,
    invocation: &Invocation,
    statement: Statement<'_>,
) -> Result<Ran, NodeFault> {
    let terms = Terms { invocation, limits: &Limits::NETWORK };
    let outcome = match statement {
        Statement::Raw(raw) => match parameters(raw) {
            Ok(parameters) => {
                let source = &raw.statement;
                engine.run_script(session, terms, source, parameters, Results::Discard).await
            }
            Err(error) => return Ok(undecodable(&error)),
        },
        Statement::Execute(execute) => match argument_lists(execute) {
            Ok(arguments) => {
                let (namespace, action) = (execute.namespace(), execute.action());
                let calls = Calls { namespace, action, arguments };
                engine.execute(session, terms, calls).await
            }
            Err(error) => return Ok(undecodable(&error)),
        },
    };
    finished(outcome)
}

fn finished(outcome: Outcome<NodeFault>) -> Result<Ran, NodeFault> {
    let Outcome { result, log } = outcome;
    match result {
        Ok(_) => Ok(Ran { code: TxCode::Ok, log }),
        Err(EngineError::Failed(failure)) => {
            Ok(Ran { code: code_of(&failure), log: with_error(log, &failure.message) })
        }
        Err(EngineError::Fault(fault)) => Err(fault),
    }
}

fn undecodable(error: &ValueError) -> Ran {
    Ran { code: TxCode::EncodingError, log: with_error(String::new(), &error.to_string()) }
}

/// Notices, then the error with the prefix that clients look for.
pub(super) fn with_error(mut log: String, error: &str) -> String {
    if !log.is_empty() {
        log.push('\n');
    }
    if !error.starts_with("ERROR: ") {
        log.push_str("ERROR: ");
    }
    log.push_str(error);
    log
}

fn code_of(failure: &Failure) -> TxCode {
    match failure.class {
        FailureClass::Lang(ErrorClass::NamespaceNotFound) => TxCode::DatasetMissing,
        FailureClass::Lang(ErrorClass::NamespaceExists) => TxCode::DatasetExists,
        FailureClass::Lang(_)
        | FailureClass::Sql(_)
        | FailureClass::ResultTooLarge { .. }
        | FailureClass::Timeout => TxCode::Unknown,
    }
}

fn parameters(raw: &RawStatement) -> Result<BTreeMap<String, Value>, ValueError> {
    let value = |parameter: &kwil_types::Parameter| {
        Ok((parameter.name.clone(), parameter.value.to_value()?))
    };
    raw.parameters.iter().map(value).collect()
}

fn argument_lists(execute: &Execute) -> Result<Vec<Vec<Value>>, ValueError> {
    execute.calls().map(|call| call.iter().map(EncodedValue::to_value).collect()).collect()
}

/// The proposer of a block as the contextual variables show it; computed once, because it takes curve arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaderForms {
    key: PublicKey,
    hex: String,
    senders: BTreeMap<&'static str, Result<Option<Vec<u8>>, String>>,
}

impl LeaderForms {
    pub(crate) fn of(proposer: &PublicKey) -> Self {
        let stock = AuthType::STOCK.map(AuthType::as_str);
        let senders = stock.into_iter().map(|name| (name, sender_of(proposer, name))).collect();
        Self { key: *proposer, hex: hex::encode(proposer.as_bytes()), senders }
    }

    fn sender(&self, auth_type: &str) -> Result<Option<Vec<u8>>, String> {
        let known = self.senders.get(auth_type).cloned();
        known.unwrap_or_else(|| sender_of(&self.key, auth_type))
    }
}

/// What the contextual variables show in a transaction.
pub(crate) fn invocation_of(
    tx: &TxContext,
    signer: &[u8],
    block: &BlockContext,
    leader: &LeaderForms,
) -> Invocation {
    Invocation {
        caller: tx.caller.clone(),
        signer: Some(signer.to_vec()),
        authenticator: tx.auth_type.clone(),
        txid: tx.id.to_string(),
        height: i64::try_from(block.height).unwrap_or(i64::MAX),
        block_timestamp: block.time,
        leader: leader.hex.clone(),
        leader_sender: leader.sender(&tx.auth_type),
        has_transaction: true,
        is_system: false,
    }
}

/// A node's key in the form that senders of an authenticator have; `None` when its key is of another type.
///
/// # Errors
/// The text of the error that a program gets: the authenticator is not one of ours.
pub fn sender_of(key: &PublicKey, auth_type: &str) -> Result<Option<Vec<u8>>, String> {
    let Ok(auth) = AuthType::stock(auth_type) else {
        return Err(format!("unsupported authenticator: {auth_type}"));
    };
    let bytes = |of: KeyType| (key.key_type() == of).then(|| key.as_bytes().to_vec());
    Ok(match auth {
        AuthType::EthPersonal => key.eth_address().map(|address| address.as_bytes().to_vec()),
        AuthType::Secp256k1 => bytes(KeyType::Secp256k1),
        AuthType::Ed25519 | AuthType::Ed25519Sha256 => bytes(KeyType::Ed25519),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_come_before_the_error_and_the_prefix_is_there_once() {
        assert_eq!(with_error(String::new(), "a"), "ERROR: a");
        assert_eq!(
            with_error("1. n".into(), "ERROR: a (SQLSTATE 22012)"),
            "1. n\nERROR: a (SQLSTATE 22012)"
        );
    }

    #[test]
    fn namespaces_have_codes_of_their_own() {
        let code = |class| code_of(&Failure::new(class, "x"));
        assert_eq!(code(ErrorClass::NamespaceNotFound), TxCode::DatasetMissing);
        assert_eq!(code(ErrorClass::NamespaceExists), TxCode::DatasetExists);
        assert_eq!(code(ErrorClass::Type), TxCode::Unknown);
    }

    #[test]
    fn the_leader_has_the_form_of_a_sender() {
        let node = |key_type| {
            let fill = |bytes: &mut [u8]| -> Result<(), std::convert::Infallible> {
                bytes.fill(7);
                Ok(())
            };
            kwil_crypto::PrivateKey::generate(key_type, fill).unwrap().public_key()
        };
        let (edwards, koblitz) = (node(KeyType::Ed25519), node(KeyType::Secp256k1));
        let length = |key, auth| sender_of(key, auth).map(|sender| sender.map(|bytes| bytes.len()));
        assert_eq!(length(&koblitz, "secp256k1_ep"), Ok(Some(20)));
        assert_eq!(length(&koblitz, "secp256k1"), Ok(Some(33)));
        assert_eq!(length(&koblitz, "ed25519"), Ok(None));
        assert_eq!(length(&edwards, "ed25519"), Ok(Some(32)));
        assert_eq!(length(&edwards, "secp256k1_ep"), Ok(None));
        assert_eq!(length(&edwards, "x"), Err("unsupported authenticator: x".into()));
    }
}
