//! Requests out of bytes, answers into bytes.

use std::io::{self, Write};

use kwil_api::{RpcCode, RpcError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::strict::{DUPLICATE, Strict};

/// What a client calls its request; echoed in the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    Signed(i64),
    Unsigned(u64),
    Text(String),
    /// The request has none that could be echoed.
    Null,
    /// The body is not JSON.
    Unreadable,
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Signed(id) => serializer.serialize_i64(*id),
            Self::Unsigned(id) => serializer.serialize_u64(*id),
            Self::Text(id) => serializer.serialize_str(id),
            Self::Null => serializer.serialize_unit(),
            Self::Unreadable => serializer.serialize_i64(-1),
        }
    }
}

/// A well-formed request.
#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: Id,
    pub(crate) method: String,
    pub(crate) params: Map<String, Value>,
}

/// A request that gets an error without being run.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed {
    pub(crate) id: Id,
    pub(crate) error: RpcError,
}

/// What one body asks.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    One(Box<Result<Request, Malformed>>),
    Batch(Vec<Result<Request, Malformed>>),
}

/// Reads a body.
pub(crate) fn parse(body: &[u8], batch_max: usize) -> Body {
    let one = |malformed| Body::One(Box::new(Err(malformed)));
    match serde_json::from_slice::<Strict>(body) {
        Ok(Strict(Value::Array(entries))) => {
            if entries.is_empty() || entries.len() > batch_max {
                let text = format!("a batch has 1 to {batch_max} requests, got {}", entries.len());
                return one(Malformed {
                    id: Id::Null,
                    error: RpcError::new(RpcCode::INVALID_REQUEST, text),
                });
            }
            Body::Batch(entries.into_iter().map(request).collect())
        }
        Ok(Strict(value)) => Body::One(Box::new(request(value))),
        Err(error) => one(unreadable(&error)),
    }
}

fn unreadable(error: &serde_json::Error) -> Malformed {
    let text = error.to_string();
    if text.starts_with(DUPLICATE) {
        // The position follows the message; clients get it apart.
        let message = text.split(" at line ").next().unwrap_or(&text);
        return Malformed { id: Id::Null, error: RpcError::invalid_params(message) };
    }
    let error = RpcError::new(RpcCode::PARSE, "invalid request")
        .with("line", error.line())
        .with("column", error.column());
    Malformed { id: Id::Unreadable, error }
}

fn request(value: Value) -> Result<Request, Malformed> {
    let invalid = |id: Id, code, text: &str| Malformed { id, error: RpcError::new(code, text) };
    let Value::Object(mut object) = value else {
        return Err(invalid(Id::Unreadable, RpcCode::PARSE, "invalid request"));
    };
    let id = id(object.remove("id"));
    let bad = "invalid json-rpc request object";
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") || id == Id::Null {
        return Err(invalid(id, RpcCode::INVALID_REQUEST, bad));
    }
    let method = match object.remove("method") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(method)) => method,
        Some(_) => return Err(invalid(id, RpcCode::INVALID_REQUEST, bad)),
    };
    if method.is_empty() {
        return Err(invalid(id, RpcCode::UNKNOWN_METHOD, "no route was supplied"));
    }
    let params = match object.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(invalid(id, RpcCode::INVALID_PARAMS, "params must be an object")),
    };
    Ok(Request { id, method, params })
}

/// Whole numbers and texts are ids; anything else is none.
fn id(value: Option<Value>) -> Id {
    match value {
        Some(Value::String(text)) => Id::Text(text),
        Some(Value::Number(number)) => number
            .as_i64()
            .map(Id::Signed)
            .or_else(|| number.as_u64().map(Id::Unsigned))
            .unwrap_or(Id::Null),
        _ => Id::Null,
    }
}

/// The bytes of an answer with a result; an error when it has more than `limit`.
pub(crate) fn result(id: &Id, result: &impl Serialize, limit: usize) -> Result<Vec<u8>, RpcError> {
    let mut out = Limited { bytes: head(id), limit, full: false };
    out.bytes.extend_from_slice(b",\"result\":");
    if let Err(error) = serde_json::to_writer(&mut out, result) {
        if out.full {
            let text = format!("result is larger than {limit} bytes");
            return Err(RpcError::new(RpcCode::RESULT_TOO_LARGE, text).with("limit_bytes", limit));
        }
        tracing::error!(%error, "a result cannot be encoded");
        return Err(RpcError::new(RpcCode::RESULT_ENCODING, "result cannot be encoded"));
    }
    out.bytes.push(b'}');
    Ok(out.bytes)
}

/// The bytes of an answer with an error.
pub(crate) fn error(id: &Id, error: &RpcError, request_id: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Object<'a> {
        code: i32,
        message: &'a str,
        data: kwil_api::ErrorData,
    }

    let object =
        Object { code: error.code().0, message: error.message(), data: error.data(request_id) };
    let mut bytes = head(id);
    bytes.extend_from_slice(b",\"error\":");
    // Texts and numbers only: this cannot fail.
    bytes.extend(serde_json::to_vec(&object).unwrap_or_else(|_never| b"null".to_vec()));
    bytes.push(b'}');
    bytes
}

fn head(id: &Id) -> Vec<u8> {
    let mut bytes = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    bytes.extend(serde_json::to_vec(id).unwrap_or_else(|_never| b"null".to_vec()));
    bytes
}

struct Limited {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(more.len()) > self.limit {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Request, (Id, i32, String)> {
        match parse(text.as_bytes(), 64) {
            Body::One(request) => {
                request.map_err(|bad| (bad.id, bad.error.code().0, bad.error.message().to_owned()))
            }
            Body::Batch(_) => panic!("a batch"),
        }
    }

    #[test]
    fn ids_are_echoed_exactly() {
        for (text, id) in [
            ("1", Id::Signed(1)),
            ("0", Id::Signed(0)),
            ("-7", Id::Signed(-7)),
            ("9223372036854775808", Id::Unsigned(1 << 63)),
            ("\"\"", Id::Text(String::new())),
            ("\"a\"", Id::Text("a".to_owned())),
        ] {
            let request = one(&format!(r#"{{"jsonrpc":"2.0","id":{text},"method":"m"}}"#)).unwrap();
            assert_eq!(request.id, id);
            assert!(String::from_utf8(head(&id)).unwrap().ends_with(text));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["null", "1.5", "true", "{}", "[]"] {
            let (id, code, _) =
                one(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#)).unwrap_err();
            assert_eq!((id, code), (Id::Null, -32600));
        }
        assert_eq!(one(r#"{"jsonrpc":"2.0","method":"m"}"#).unwrap_err().1, -32600);
    }

    #[test]
    fn envelope_rules() {
        let error = |text| one(text).unwrap_err();
        assert_eq!(
            error(r#"{"id":1,"method":"m"}"#),
            (Id::Signed(1), -32600, "invalid json-rpc request object".into())
        );
        assert_eq!(
            error(r#"{"jsonrpc":"2.0","id":1}"#),
            (Id::Signed(1), -32601, "no route was supplied".into())
        );
        assert_eq!(
            error(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#),
            (Id::Signed(1), -32602, "params must be an object".into())
        );
        for text in
            ["", "nonsense", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"} x", "1", "\"x\""]
        {
            assert_eq!(error(text), (Id::Unreadable, -32700, "invalid request".into()), "{text}");
        }
        assert!(one(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null,"more":1}"#).is_ok());
    }

    #[test]
    fn repeated_keys_are_refused_at_any_depth() {
        let (_, code, text) =
            one(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":{"x":1,"x":2}}}"#)
                .unwrap_err();
        assert_eq!((code, text.as_str()), (-32602, r#"duplicate key "x""#));
    }

    #[test]
    fn deep_nesting_is_malformed() {
        let nested = |depth: usize| {
            let params = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            one(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{params}}}}}"#))
        };
        assert!(nested(30).is_ok());
        assert_eq!(nested(31).unwrap_err().1, -32700);
        assert_eq!(nested(100_000).unwrap_err().1, -32700);
    }

    #[test]
    fn batches_are_bounded() {
        let entry = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
        let batch =
            |count: usize| parse(format!("[{}]", vec![entry; count].join(",")).as_bytes(), 2);
        assert!(matches!(batch(2), Body::Batch(entries) if entries.len() == 2));
        for count in [0, 3] {
            assert!(
                matches!(batch(count), Body::One(bad) if bad.as_ref().as_ref().unwrap_err().error.code().0 == -32600)
            );
        }
    }

    #[test]
    fn answers_are_bounded() {
        let id = Id::Signed(3);
        assert_eq!(
            result(&id, &"abc", 1000).unwrap(),
            br#"{"jsonrpc":"2.0","id":3,"result":"abc"}"#
        );
        assert_eq!(
            result(&id, &"x".repeat(100), 100).unwrap_err().code(),
            RpcCode::RESULT_TOO_LARGE
        );
    }
}
