//! Queries and view calls: from what was asked to what the state runs, and from its failures to codes.

use kwil_api::read::{CallResult, Column, QueryResult};
use kwil_api::{RpcCode, RpcError};
use kwil_crypto::PublicKey;
use kwil_engine::{Failure, FailureClass, Invocation, Limits, ReadLimits};
use kwil_lang::{ErrorClass, LineColumn};
use kwil_rpc::{Caller, ReadBounds, Script, ViewCall};
use kwil_state::ReadError;
use serde_json::json;
use tokio::time::Instant;

use super::{Services, signed};

impl Services {
    pub(super) async fn run_query(
        &self,
        script: Script,
        bounds: ReadBounds,
    ) -> Result<QueryResult, RpcError> {
        let invocation =
            script.caller.map_or_else(Invocation::default, |caller| self.invocation(caller));
        let answer = self
            .reads
            .query(&script.text, script.parameters, invocation, self.bounds(bounds))
            .await
            .map_err(|error| refused(&error, bounds))?;
        Ok(rows(answer.result, answer.height))
    }

    pub(super) async fn run_call(
        &self,
        call: ViewCall,
        bounds: ReadBounds,
    ) -> Result<CallResult, RpcError> {
        let invocation = self.invocation(call.caller);
        let answer = self
            .reads
            .call(&call.namespace, &call.action, call.arguments, invocation, self.bounds(bounds))
            .await
            .map_err(|error| refused(&error, bounds))?;
        let query_result = rows(answer.result, answer.height);
        Ok(CallResult { query_result, logs: answer.logs, error: answer.error })
    }

    /// What the contextual variables show. The state puts height and time of the block that it reads in their place.
    fn invocation(&self, caller: Caller) -> Invocation {
        let state = self.state();
        let leader = state.network.params().leader;
        Invocation {
            height: signed(state.chain.height),
            block_timestamp: state.chain.time.div_euclid(1000),
            leader: leader.to_hex(),
            leader_sender: leader_sender(&leader, &caller.auth_type),
            caller: caller.identifier,
            signer: (!caller.sender.is_empty()).then_some(caller.sender),
            authenticator: caller.auth_type,
            ..Invocation::default()
        }
    }

    fn bounds(&self, asked: ReadBounds) -> kwil_state::ReadBounds {
        let left = asked.deadline.saturating_duration_since(Instant::now());
        let allowed = self.facts.config.db.read_timeout.to_std().unwrap_or_default();
        kwil_state::ReadBounds {
            time: left.min(allowed),
            answer: ReadLimits { rows: asked.rows, bytes: asked.bytes },
            work: Limits::READ,
            client: asked.client,
        }
    }
}

/// The leader in the form that `@signer` has for an authenticator; NULL where its key is of another type.
fn leader_sender(leader: &PublicKey, auth_type: &str) -> Result<Option<Vec<u8>>, String> {
    if auth_type.is_empty() {
        return Ok(None);
    }
    kwil_state::sender_of(leader, auth_type)
}

fn rows(result: kwil_engine::QueryResult, height: u64) -> QueryResult {
    let columns = result.columns.into_iter();
    QueryResult {
        columns: columns
            .map(|column| Column { name: column.name.into(), data_type: column.data_type })
            .collect(),
        rows: result.rows,
        height: signed(height),
    }
}

/// The code and the text that clients see.
fn refused(error: &ReadError, bounds: ReadBounds) -> RpcError {
    match error {
        ReadError::Failed(failure) => failed(failure, bounds),
        ReadError::Timeout => RpcError::new(RpcCode::TIMEOUT, "db timeout"),
        ReadError::TooLarge(_) => too_large(bounds),
        ReadError::Busy => {
            RpcError::new(RpcCode::TOO_MANY_REQUESTS, "db busy").with("retry_after_ms", 1000)
        }
        ReadError::NoEngine => RpcError::new(RpcCode::NODE, error.to_string()),
        ReadError::Node(fault) => super::unreadable(fault),
        other => {
            tracing::error!(target: "RPC", error = %other, "A read failed");
            RpcError::internal("the read failed")
        }
    }
}

fn failed(failure: &Failure, bounds: ReadBounds) -> RpcError {
    let code = match &failure.class {
        FailureClass::Lang(ErrorClass::NamespaceNotFound) => RpcCode::NAMESPACE_NOT_FOUND,
        FailureClass::Lang(ErrorClass::NamespaceExists) => RpcCode::NAMESPACE_EXISTS,
        FailureClass::Lang(_) | FailureClass::Sql(_) => RpcCode::ENGINE,
        FailureClass::ResultTooLarge { .. } => return too_large(bounds),
        FailureClass::Timeout => return RpcError::new(RpcCode::TIMEOUT, "db timeout"),
    };
    let mut error =
        RpcError::new(code, failure.message.clone()).with("class", failure.class_name());
    if let FailureClass::Sql(sqlstate) = &failure.class {
        error = error.with("sqlstate", sqlstate.to_string());
    }
    let Some(origin) = failure.origin() else { return error };
    if let Some(LineColumn { line, column }) = origin.position {
        error = error.with("position", json!({ "line": line, "column": column }));
    }
    for (key, name) in [("namespace", &origin.namespace), ("action", &origin.action)] {
        if let Some(name) = name {
            error = error.with(key, &**name);
        }
    }
    error
}

fn too_large(ReadBounds { rows, bytes, .. }: ReadBounds) -> RpcError {
    let text = format!("the result has more than {rows} rows or {bytes} bytes");
    RpcError::new(RpcCode::RESULT_TOO_LARGE, text)
        .with("limit_rows", rows)
        .with("limit_bytes", bytes)
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{KeyType, PrivateKey};
    use kwil_engine::Origin;

    use super::*;

    fn bounds() -> ReadBounds {
        ReadBounds { deadline: Instant::now(), rows: 5, bytes: 100, client: None }
    }

    fn code(error: ReadError) -> (i32, String) {
        let error = refused(&error, bounds());
        (error.code().0, error.message().to_owned())
    }

    fn of(class: FailureClass) -> ReadError {
        ReadError::Failed(Box::new(Failure::with_message(class, "text".to_owned())))
    }

    #[test]
    fn failures_have_the_documented_codes() {
        for (error, want, text) in [
            (of(FailureClass::Lang(ErrorClass::NamespaceNotFound)), -301, "text"),
            (of(FailureClass::Lang(ErrorClass::NamespaceExists)), -302, "text"),
            (of(FailureClass::Lang(ErrorClass::Syntax)), -300, "text"),
            (of(FailureClass::Sql("22012".into())), -300, "text"),
            (of(FailureClass::Timeout), -32001, "db timeout"),
            (ReadError::Timeout, -32001, "db timeout"),
            (ReadError::Busy, -32005, "db busy"),
            (
                ReadError::TooLarge(ReadLimits { rows: 5, bytes: 100 }),
                -32002,
                "the result has more than 5 rows or 100 bytes",
            ),
            (
                of(FailureClass::ResultTooLarge { rows: 5, bytes: 100 }),
                -32002,
                "the result has more than 5 rows or 100 bytes",
            ),
        ] {
            assert_eq!(code(error), (want, text.to_owned()));
        }
        let error = refused(&of(FailureClass::Sql("22012".into())), bounds());
        assert_eq!(error.detail("sqlstate"), Some(&"22012".into()));
        assert_eq!(error.detail("class"), Some(&"Pg(22012)".into()));
    }

    #[test]
    fn failures_tell_where_they_happened() {
        let plain = refused(&of(FailureClass::Lang(ErrorClass::Cast)), bounds());
        for key in ["position", "namespace", "action", "sqlstate"] {
            assert_eq!(plain.detail(key), None);
        }
        let mut origin = Origin::default();
        origin.position = Some(LineColumn { line: 2, column: 7 });
        (origin.namespace, origin.action) = (Some("shop".into()), Some("get".into()));
        let failure = Failure::new(ErrorClass::Cast, "text").at(origin);
        let error = refused(&ReadError::Failed(Box::new(failure)), bounds());
        assert_eq!(error.detail("position"), Some(&json!({ "line": 2, "column": 7 })));
        assert_eq!(error.detail("namespace"), Some(&"shop".into()));
        assert_eq!(error.detail("action"), Some(&"get".into()));
        assert_eq!(error.message(), "type cast error: text");
        let back = RpcError::from_status(&error.to_status("r")).unwrap();
        assert_eq!(back.detail("position"), error.detail("position"));
    }

    #[test]
    fn the_leader_is_shown_in_the_form_of_the_caller() {
        let leader = PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap().public_key();
        let length =
            |auth: &str| leader_sender(&leader, auth).map(|sender| sender.map(|s| s.len()));
        assert_eq!(length("secp256k1_ep"), Ok(Some(20)));
        assert_eq!(length("secp256k1"), Ok(Some(33)));
        assert_eq!(length("ed25519"), Ok(None));
        assert_eq!(length(""), Ok(None));
        assert_eq!(length("x"), Err("unsupported authenticator: x".to_owned()));
    }
}
