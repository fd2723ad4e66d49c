//! What the ledger answers to reads: what arrived, so that tests see every value there and back.

use kwil_api::read::{CallResult, Column, QueryResult};
use kwil_api::{RpcCode, RpcError};
use kwil_rpc::{Caller, ReadBounds, Script, ViewCall};
use kwil_types::{Scalar, Value};

fn row(named: Vec<(String, Value)>, height: i64) -> QueryResult {
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (name, value) in named {
        columns.push(Column { name, data_type: value.data_type() });
        values.push(value);
    }
    QueryResult { columns, rows: vec![values], height }
}

fn caller_columns(caller: Caller) -> [(String, Value); 3] {
    let signer = Scalar::Bytea(caller.sender.into());
    [
        ("caller".to_owned(), caller.identifier.as_str().into()),
        ("signer".to_owned(), signer.into()),
        ("authenticator".to_owned(), caller.auth_type.as_str().into()),
    ]
}

/// One row: the parameters by name, then the text and the caller.
pub(crate) fn query(
    script: Script,
    bounds: ReadBounds,
    height: i64,
) -> Result<QueryResult, RpcError> {
    if script.text.starts_with("ROWS") {
        let limits = RpcError::new(RpcCode::RESULT_TOO_LARGE, "too many rows");
        return Err(limits.with("limit_rows", bounds.rows).with("limit_bytes", bounds.bytes));
    }
    if script.text.starts_with("SELEC ") {
        let error = RpcError::new(RpcCode::ENGINE, "parse error: syntax error");
        return Err(error.with("class", "Parse.Syntax"));
    }
    let mut named: Vec<(String, Value)> = script.parameters.into_iter().collect();
    named.push(("text".to_owned(), script.text.as_str().into()));
    named.extend(script.caller.into_iter().flat_map(caller_columns));
    Ok(row(named, height))
}

/// One row: the arguments, then what was called and by whom. The action `fail` refuses.
pub(crate) fn call(call: ViewCall, height: i64) -> Result<CallResult, RpcError> {
    let arguments = call.arguments.into_iter().enumerate();
    let mut named: Vec<_> = arguments.map(|(at, value)| (format!("a{at}"), value)).collect();
    named
        .push(("action".to_owned(), format!("{}.{}", call.namespace, call.action).as_str().into()));
    named.extend(caller_columns(call.caller));
    let error = (call.action == "fail").then(|| "it refuses".to_owned());
    Ok(CallResult { query_result: row(named, height), logs: "1. called".to_owned(), error })
}
