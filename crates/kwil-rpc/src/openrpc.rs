//! The OpenRPC document, from the same table that the handlers hang on.

use kwil_api::{METHODS, Method, Service};
use serde_json::{Value, json};

use crate::front::Front;

/// The methods that a listener serves, sorted by name.
pub(crate) fn document(front: &Front) -> Value {
    let mut methods: Vec<&Method> =
        METHODS.iter().filter(|method| front.serves(method.service)).collect();
    methods.sort_by_key(|method| method.name);
    let title =
        if front.serves(Service::Admin) { "Kwil DB admin service" } else { "Kwil DB user service" };
    json!({
        "openrpc": "1.2.4",
        "info": {
            "title": title,
            "description": "JSON-RPC 2.0 over POST /rpc/v1; every method has a gRPC twin",
            "license": {"name": "CC0-1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"},
            "version": Service::User.version_text(),
        },
        "methods": methods.into_iter().map(entry).collect::<Vec<_>>(),
        "components": {"schemas": {}},
    })
}

fn entry(method: &Method) -> Value {
    json!({
        "name": method.name,
        "description": method.summary,
        "params": [],
        "result": {"name": "result", "schema": {"type": "object"}, "description": method.summary},
        "paramStructure": "by-name",
        "x-grpc": method.path.trim_start_matches('/'),
        "x-idempotent": method.idempotent,
    })
}
