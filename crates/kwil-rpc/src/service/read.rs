//! Handlers of reads: queries and view calls, and who asks for them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kwil_api::read::{
    AuthenticatedQuery, CallMessage, CallResult, EncodedValue, QueryRequest, QueryResult,
};
use kwil_api::{RpcCode, RpcError, UserAuthenticatedQuery, UserCall, UserQuery};
use kwil_crypto::auth;
use kwil_types::Value;
use kwil_types::json::JsonError;
use tokio::time::Instant;

use crate::api::{Caller, ReadBounds, Script, ViewCall};
use crate::front::{Context, Front, Handle};

/// A read ends this long before its request, so that the client learns that the database was slow.
const ANSWER_TIME: Duration = Duration::from_millis(100);

/// What existing clients look up before they send named arguments; allowed where other ad-hoc queries are not.
const LOOK_UPS: [&str; 2] = [
    "SELECT * FROM info.actions WHERE namespace = $namespace",
    "{info}SELECT parameter_names, parameter_types FROM actions WHERE namespace = $namespace AND name = $action",
];

impl Handle for UserQuery {
    async fn handle(
        front: &Front,
        context: &Context,
        request: QueryRequest,
    ) -> Result<QueryResult, RpcError> {
        may_query(front, &request.query)?;
        if front.settings().private {
            let text = "query is prohibited when authenticated calls are enforced (private mode)";
            return Err(RpcError::new(RpcCode::NO_QUERIES, text));
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in request.params {
            let value = parameter(&name, &value)?;
            parameters.insert(name, value);
        }
        let script = Script { text: request.query, parameters, caller: None };
        let result = front.apis.user.query(script, bounds(front, context)).await?;
        context.answers_at(result.height);
        Ok(result)
    }
}

impl Handle for UserAuthenticatedQuery {
    async fn handle(
        front: &Front,
        context: &Context,
        request: AuthenticatedQuery,
    ) -> Result<QueryResult, RpcError> {
        let query: kwil_types::AuthenticatedQuery = request.try_into().map_err(malformed)?;
        may_query(front, &query.statement.statement)?;
        let text = query.signed_text().map_err(|error| invalid(&error))?;
        let caller = Claim {
            auth_type: query.auth_type,
            sender: query.sender.into(),
            challenge: query.challenge.into(),
            signature: query.signature.into(),
        }
        .settle(front, &text)?;
        let mut parameters = BTreeMap::new();
        for kwil_types::Parameter { name, value } in query.statement.parameters {
            let value = value.to_value().map_err(|error| undecodable(&name, &error))?;
            if parameters.insert(name.clone(), value).is_some() {
                return Err(RpcError::invalid_params(format!("duplicate parameter {name:?}")));
            }
        }
        let script = Script { text: query.statement.statement, parameters, caller: Some(caller) };
        let result = front.apis.user.query(script, bounds(front, context)).await?;
        context.answers_at(result.height);
        Ok(result)
    }
}

impl Handle for UserCall {
    async fn handle(
        front: &Front,
        context: &Context,
        request: CallMessage,
    ) -> Result<CallResult, RpcError> {
        let message: kwil_types::CallMessage = request.try_into().map_err(malformed)?;
        let call = message.call().map_err(|error| invalid(&error))?;
        let text = message.signed_text().map_err(|error| invalid(&error))?;
        let caller = Claim {
            auth_type: message.auth_type,
            sender: message.sender.into(),
            challenge: message.challenge.into(),
            signature: message.signature.into(),
        }
        .settle(front, &text)?;
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for value in &call.arguments {
            arguments.push(value.to_value().map_err(|error| invalid(&error))?);
        }
        let kwil_types::ActionCall { namespace, action, .. } = call;
        let call = ViewCall { namespace, action, arguments, caller };
        let result = front.apis.user.call(call, bounds(front, context)).await?;
        context.answers_at(result.query_result.height);
        Ok(result)
    }
}

/// A public node may answer calls only.
fn may_query(front: &Front, statement: &str) -> Result<(), RpcError> {
    if front.settings().disable_query && !LOOK_UPS.contains(&statement.trim()) {
        let text = "ad-hoc queries are disabled on this node";
        return Err(RpcError::new(RpcCode::NO_QUERIES, text));
    }
    Ok(())
}

fn bounds(front: &Front, context: &Context) -> ReadBounds {
    let now = Instant::now();
    let time = context.left().saturating_sub(ANSWER_TIME);
    ReadBounds {
        deadline: now.checked_add(time).unwrap_or(now),
        rows: front.limits().max_rows,
        bytes: u64::try_from(front.limits().max_response).unwrap_or(u64::MAX),
        client: context.network(),
    }
}

fn invalid(error: &dyn std::error::Error) -> RpcError {
    RpcError::invalid_params(error.to_string())
}

fn malformed(error: JsonError) -> RpcError {
    match error {
        JsonError::Missing(part) => RpcError::invalid_params(format!("missing {part}")),
        JsonError::Value { name, source } => undecodable(&name, &source),
        other => invalid(&other),
    }
}

fn undecodable(name: &str, error: &dyn std::error::Error) -> RpcError {
    RpcError::invalid_params(format!("failed to decode parameter: {name}: {error}"))
}

fn parameter(name: &str, value: &EncodedValue) -> Result<Value, RpcError> {
    let value: kwil_types::EncodedValue =
        value.try_into().map_err(|error: kwil_types::ValueError| undecodable(name, &error))?;
    value.to_value().map_err(|error| undecodable(name, &error))
}

/// Who a request says that it is from.
struct Claim {
    auth_type: String,
    sender: Vec<u8>,
    challenge: Vec<u8>,
    signature: Vec<u8>,
}

impl Claim {
    /// The caller that the read sees: proven by a signature over `text` where the node wants that or the client offers
    /// it, else as claimed.
    fn settle(self, front: &Front, text: &str) -> Result<Caller, RpcError> {
        let settings = front.settings();
        let is_named = !self.sender.is_empty();
        let is_signed = is_named && !self.signature.is_empty();
        let offers_proof = is_signed && !self.challenge.is_empty();
        if settings.private && !is_signed || settings.signed_callers && is_named && !offers_proof {
            let text = "signed call message with challenge required";
            return Err(RpcError::new(RpcCode::CHALLENGE_NOT_FOUND, text));
        }
        if settings.private || offers_proof {
            front.challenges().redeem(&self.challenge, now_ms())?;
            auth::verify(&self.auth_type, &self.sender, text.as_bytes(), &self.signature).map_err(
                |_wrong| {
                    let text = "invalid signature on call message";
                    RpcError::new(RpcCode::CALL_SIGNATURE, text)
                },
            )?;
        }
        let mut identifier = String::new();
        if is_named {
            identifier = auth::identifier(&self.auth_type, &self.sender).map_err(|error| {
                let text = format!("failed to get caller: {error}");
                RpcError::new(RpcCode::IDENTITY_INVALID, text)
            })?;
        }
        Ok(Caller { identifier, sender: self.sender, auth_type: self.auth_type })
    }
}

/// Unix milliseconds.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(now).unwrap_or(u64::MAX)
}
