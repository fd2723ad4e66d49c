//! Queries and view calls, and the transactions that run SQL and actions.

use std::collections::BTreeMap;

use kwil_api::read::{
    AuthenticatedQuery, AuthenticatedQueryBody, CallMessage, CallResult, EncodedValue, Parameter,
    QueryRequest, QueryResult,
};
use kwil_api::{UserAuthenticatedQuery, UserCall, UserQuery};
use kwil_crypto::auth::Signer;
use kwil_types::{ActionCall, Execute, Payload, RawStatement, TxError, Value};

use crate::error::ClientError;
use crate::tx::TxDraft;
use crate::user::UserClient;

/// Values by parameter name, with or without `$`.
pub type Parameters = BTreeMap<String, Value>;

/// Who calls an action.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// Nobody.
    Anonymous,
    /// The owner of this key, by its word alone. Nodes that are not private believe it.
    Claimed(&'a Signer),
    /// The owner of this key, proven over a challenge of the node.
    Signed(&'a Signer),
}

fn encoding(what: impl Into<String>, error: &dyn std::error::Error) -> ClientError {
    ClientError::Encoding { what: what.into(), problem: error.to_string() }
}

fn encoded(what: &str, value: &Value) -> Result<kwil_types::EncodedValue, ClientError> {
    kwil_types::EncodedValue::from_value(value).map_err(|error| encoding(what, &error))
}

fn json_value(name: &str, value: &kwil_types::EncodedValue) -> Result<EncodedValue, ClientError> {
    EncodedValue::try_from(value).map_err(|error| encoding(name, &error))
}

fn statement(sql: &str, parameters: &Parameters) -> Result<RawStatement, ClientError> {
    let mut all = Vec::with_capacity(parameters.len());
    for (name, value) in parameters {
        let value = encoded(name, value)?;
        all.push(kwil_types::Parameter { name: name.clone(), value });
    }
    Ok(RawStatement { statement: sql.to_owned(), parameters: all })
}

impl TxDraft {
    /// SQL to run in a transaction.
    ///
    /// # Errors
    /// When a value cannot be encoded.
    pub fn raw_statement(sql: &str, parameters: &Parameters) -> Result<Self, ClientError> {
        let payload = Payload::RawStatement(statement(sql, parameters)?);
        Ok(Self::new(&payload).map_err(TxError::from)?)
    }

    /// Calls of one action in a transaction, one for each row of arguments; no row is one call without arguments.
    ///
    /// # Errors
    /// When a value cannot be encoded, or there are too many.
    pub fn execute(
        namespace: &str,
        action: &str,
        rows: &[Vec<Value>],
    ) -> Result<Self, ClientError> {
        let row = |row: &Vec<Value>| row.iter().map(|value| encoded("argument", value)).collect();
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let execute =
            Execute::new(namespace, action, rows).map_err(|error| encoding("arguments", &error))?;
        Ok(Self::new(&Payload::Execute(execute)).map_err(TxError::from)?)
    }
}

impl UserClient {
    /// Runs SQL that reads. Private nodes want [`UserClient::query_as`].
    ///
    /// # Errors
    /// As [`Self::call`](UserClient::call); code -300 and its neighbours when the statement is wrong.
    pub async fn query(
        &self,
        sql: &str,
        parameters: &Parameters,
    ) -> Result<QueryResult, ClientError> {
        let mut params = BTreeMap::new();
        for (name, value) in parameters {
            params.insert(name.clone(), json_value(name, &encoded(name, value)?)?);
        }
        self.call::<UserQuery>(QueryRequest { query: sql.to_owned(), params }).await
    }

    /// Runs SQL that reads, with a signature over a challenge of the node.
    ///
    /// # Errors
    /// As [`UserClient::query`].
    pub async fn query_as(
        &self,
        signer: &Signer,
        sql: &str,
        parameters: &Parameters,
    ) -> Result<QueryResult, ClientError> {
        let challenge = self.challenge().await?.challenge;
        let mut query = kwil_types::AuthenticatedQuery {
            statement: statement(sql, parameters)?,
            challenge: challenge.clone().into(),
            auth_type: signer.auth_type().as_str().to_owned(),
            sender: signer.sender().to_vec().into(),
            signature: Vec::new().into(),
        };
        let text = query.signed_text().map_err(TxError::from)?;
        query.signature = signer.sign(text.as_bytes()).into();
        let mut parameters = Vec::new();
        for kwil_types::Parameter { name, value } in query.statement.parameters {
            let value = json_value(&name, &value)?;
            parameters.push(Parameter { name, value });
        }
        self.call::<UserAuthenticatedQuery>(AuthenticatedQuery {
            body: Some(AuthenticatedQueryBody { statement: query.statement.statement, parameters }),
            challenge,
            auth_type: query.auth_type,
            sender: query.sender.to_vec(),
            signature: query.signature.to_vec(),
        })
        .await
    }

    /// Calls a view action.
    ///
    /// # Errors
    /// As [`UserClient::query`]. What the action refuses itself is [`CallResult::error`].
    pub async fn call_action(
        &self,
        namespace: &str,
        action: &str,
        arguments: &[Value],
        caller: Caller<'_>,
    ) -> Result<CallResult, ClientError> {
        let arguments =
            arguments.iter().map(|value| encoded("argument", value)).collect::<Result<_, _>>()?;
        let (namespace, action) = (namespace.to_owned(), action.to_owned());
        let call = ActionCall { namespace, action, arguments };
        let mut message = kwil_types::CallMessage {
            payload: call.encode().map_err(TxError::from)?.into(),
            challenge: Vec::new().into(),
            auth_type: String::new(),
            sender: Vec::new().into(),
            signature: Vec::new().into(),
        };
        if let Caller::Claimed(signer) | Caller::Signed(signer) = caller {
            signer.auth_type().as_str().clone_into(&mut message.auth_type);
            message.sender = signer.sender().to_vec().into();
        }
        if let Caller::Signed(signer) = caller {
            message.challenge = self.challenge().await?.challenge.into();
            let text = message.signed_text().map_err(|error| encoding("call", &error))?;
            message.signature = signer.sign(text.as_bytes()).into();
        }
        self.call::<UserCall>(CallMessage::from(&message)).await
    }
}
