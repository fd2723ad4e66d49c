//! The vectors of the client formats, valid and invalid.

use bytes::Bytes;
use kwil_crypto::auth::{self, Signer};
use kwil_crypto::{KeyType, PrivateKey, sha256};
use kwil_types::{
    AccountId, ActionCall, Amount, CallMessage, DataType, EncodedValue, Payload, PayloadError,
    PayloadType, RawTx, ResolutionBody, ResolutionType, Scalar, Transaction, Transfer, TxCode,
    TxError, Value, VotableEvent, json,
};
use serde_json::Value as Json;

fn vectors(name: &str) -> Json {
    let path = format!("{}/../../tests/data/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json[key].as_array().unwrap()
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} in {json}"))
}

fn bytes(json: &Json, key: &str) -> Bytes {
    hex::decode(text(json, key)).unwrap().into()
}

fn from_rpc(params: &Json) -> Result<RawTx, TxError> {
    let mirror: json::Transaction = serde_json::from_value(params.clone()).unwrap();
    RawTx::new(&Transaction::try_from(mirror)?)
}

/// What a decoded argument must be, in the notation of the vectors.
fn expected(kind: &str, value: &Json) -> Value {
    let scalar = |value: &Json| match (kind.trim_end_matches("[]"), value) {
        (_, Json::Null) => None,
        ("text", text) => Some(Scalar::Text(text.as_str().unwrap().to_owned())),
        ("int8", number) => Some(Scalar::Int8(match number {
            Json::String(text) => text.parse().unwrap(),
            number => number.as_i64().unwrap(),
        })),
        ("bool", truth) => Some(Scalar::Bool(truth.as_bool().unwrap())),
        ("uuid", text) => Some(Scalar::Uuid(text.as_str().unwrap().parse().unwrap())),
        ("bytea", Json::Object(bytes)) => {
            Some(Scalar::Bytea(hex::decode(bytes["$bytes"].as_str().unwrap()).unwrap().into()))
        }
        ("bytea", hex) => Some(Scalar::Bytea(hex::decode(hex.as_str().unwrap()).unwrap().into())),
        (numeric, number) => {
            let text = number.as_str().unwrap_or_else(|| number["$numeric"].as_str().unwrap());
            let (precision, scale) = numeric
                .strip_prefix("numeric(")
                .unwrap()
                .trim_end_matches(')')
                .split_once(',')
                .unwrap();
            let number = kwil_types::Decimal::parse(
                text,
                precision.parse().unwrap(),
                scale.parse().unwrap(),
            );
            Some(Scalar::Numeric(number.unwrap()))
        }
    };
    let data_type = data_type(kind);
    match value {
        Json::Array(items) => Value::Array(
            kwil_types::Array::new(data_type.kind(), items.iter().map(scalar).collect()).unwrap(),
        ),
        one => scalar(one).map_or(Value::Null(data_type), Value::Scalar),
    }
}

fn data_type(kind: &str) -> DataType {
    let scalar = kind.trim_end_matches("[]");
    let (name, metadata) = match scalar.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, numbers)) => {
            let (precision, scale) = numbers.split_once(',').unwrap();
            (name, [precision.parse().unwrap(), scale.parse().unwrap()])
        }
        None => (scalar, [0, 0]),
    };
    let kind_of = kwil_types::TypeKind::from_name(name, metadata).unwrap();
    if kind.ends_with("[]") { DataType::array(kind_of) } else { DataType::scalar(kind_of) }
}

fn assert_arguments(got: &[EncodedValue], want: &[Json], case: &str) {
    assert_eq!(got.len(), want.len(), "{case}");
    for (got, want) in got.iter().zip(want) {
        let kind = text(want, "type");
        assert_eq!(got.data_type(), data_type(kind), "{case}");
        assert_eq!(got.to_value().unwrap(), expected(kind, &want["value"]), "{case}");
    }
}

#[test]
fn primitive_encodings_read_and_write_as_given() {
    use kwil_types::wire::{Reader, Writer};
    let file = vectors("values.json");
    let check =
        |name: &str, write: &dyn Fn(&mut Writer, &Json), read: &dyn Fn(&mut Reader<'_>, &Json)| {
            for pair in file["primitives"][name].as_array().unwrap() {
                let bytes = hex::decode(pair[1].as_str().unwrap()).unwrap();
                let mut writer = Writer::new();
                write(&mut writer, &pair[0]);
                assert_eq!(hex::encode(writer.finish().unwrap()), pair[1], "{name}");
                let mut reader = Reader::new(&bytes);
                read(&mut reader, &pair[0]);
                reader.finish().unwrap();
            }
        };
    let number = |json: &Json| {
        json.as_i64().map_or_else(|| json.as_str().unwrap().parse::<i128>().unwrap(), i128::from)
    };
    let hex_of = |json: &Json| hex::decode(json.as_str().unwrap()).unwrap();
    check(
        "uvarint",
        &|w, json| {
            w.uvarint(u64::try_from(number(json)).unwrap());
        },
        &|r, json| assert_eq!(i128::from(r.uvarint().unwrap()), number(json)),
    );
    check(
        "signed_varint",
        &|w, json| {
            w.svarint(i64::try_from(number(json)).unwrap());
        },
        &|r, json| assert_eq!(i128::from(r.svarint().unwrap()), number(json)),
    );
    check(
        "compact_string",
        &|w, json| {
            w.cstr(json.as_str().unwrap());
        },
        &|r, json| assert_eq!(r.cstr().unwrap(), json.as_str().unwrap()),
    );
    check(
        "compact_bytes",
        &|w, json| {
            w.cbytes(&hex_of(json));
        },
        &|r, json| assert_eq!(r.cbytes().unwrap().unwrap(), hex_of(json)),
    );
    check(
        "bytes_u32",
        &|w, json| {
            w.bytes32(json.as_str().map(|text| hex::decode(text).unwrap()).as_deref());
        },
        &|r, json| {
            assert_eq!(r.bytes32().unwrap().map(hex::encode).as_deref(), json.as_str());
        },
    );
}

#[test]
fn data_types_read_and_write_as_given() {
    for case in list(&vectors("values.json"), "data_types") {
        let raw = bytes(case, "hex");
        let decoded = DataType::decode(&raw).unwrap();
        assert_eq!(decoded.encode(), raw, "{case}");
        let mirror: json::DataType = serde_json::from_value(case.clone()).unwrap();
        assert_eq!(DataType::try_from(&mirror).unwrap(), decoded);
        assert_eq!(json::DataType::from(decoded), mirror);
    }
}

#[test]
fn values_read_and_write_as_given() {
    let file = vectors("values.json");
    for case in list(&file, "values") {
        let name = text(case, "name");
        let raw = bytes(case, "encoded_hex");
        let value =
            EncodedValue::decode(raw.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(value.as_bytes(), raw, "{name}");

        let mirror = serde_json::json!({"type": case["type"], "data": case["data_base64"]});
        let mirror: json::EncodedValue = serde_json::from_value(mirror).unwrap();
        assert_eq!(
            EncodedValue::try_from(&mirror).unwrap(),
            value,
            "{name}: JSON and binary form differ"
        );

        let kind = value.data_type().to_string();
        let want = expected(&kind, &case["value"]);
        assert_eq!(value.to_value().unwrap(), want, "{name}");

        // What clients write in more than one way we write in one.
        let canonical = EncodedValue::from_value(&want).unwrap();
        let one_of_many =
            ["null_go", "null_go_nil_element", "int8_js_metadata", "alias_string", "alias_bigint"];
        let rounded = ["numeric_wide", "numeric_exponent", "numeric_leading_plus"];
        if !one_of_many.contains(&name) && !rounded.contains(&name) {
            assert_eq!(hex::encode(canonical.as_bytes()), hex::encode(&raw), "{name}");
        }
        assert_eq!(canonical.to_value().unwrap(), want, "{name}");
    }
}

#[test]
fn transactions_of_kwil_js_have_its_bytes_ids_texts_and_signatures() {
    let file = vectors("tx-kwiljs.json");
    let mut seen = 0;
    for case in list(&file, "transactions") {
        let name = text(case, "name");
        if !case["kwil_js_error"].is_null() {
            continue; // the client could not make this one
        }
        let params = &case["rpc_params"]["tx"];
        let raw = from_rpc(params).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex::encode(raw.bytes()), text(case, "tx_binary_hex"), "{name}");
        assert_eq!(raw.id().to_string(), text(case, "tx_hash"), "{name}");
        assert_eq!(RawTx::decode(raw.bytes().clone()).unwrap(), raw, "{name}");

        let tx = raw.transaction();
        assert_eq!(hex::encode(tx.body.encode().unwrap()), text(case, "body_binary_hex"), "{name}");
        let message = tx.signed_message().unwrap();
        assert_eq!(hex::encode(&message), text(case, "signed_message_hex"), "{name}");
        assert_eq!(tx.body.signed_text().unwrap(), text(case, "signed_text"), "{name}");
        auth::verify(&tx.signature.auth_type, &tx.sender, &message, &tx.signature.bytes).unwrap();
        assert_eq!(
            auth::identifier(&tx.signature.auth_type, &tx.sender).unwrap(),
            text(case, "caller"),
            "{name}"
        );

        let mirror = serde_json::to_value(json::Transaction::from(tx)).unwrap();
        assert_eq!(mirror, *params, "{name}");
        check_estimate(&case["estimate_price_params"]["tx"], tx);
        check_payload(case, tx);
        seen += 1;
    }
    assert!(seen >= 26, "{seen}");
}

/// A price is asked for before anybody signs: null fee, nonce and signature.
fn check_estimate(params: &Json, signed: &Transaction) {
    let mirror: json::Transaction = serde_json::from_value(params.clone()).unwrap();
    let unsigned = Transaction::try_from(mirror).unwrap();
    assert_eq!(unsigned.body.payload, signed.body.payload);
    assert_eq!((unsigned.body.nonce, unsigned.body.fee.is_zero()), (0, true));
    assert_eq!(RawTx::new(&unsigned), Err(TxError::Unsigned));
}

fn check_payload(case: &Json, tx: &Transaction) {
    let name = text(case, "name");
    let payload = Payload::decode(&tx.body.payload_type, &tx.body.payload);
    if let Some(reason) = case["decode_error_ours"].as_str() {
        let error = payload.unwrap_err();
        let array = "non-null element in an array of type null";
        let text = error.to_string();
        assert!(
            text.contains(reason) || (reason == "null type with data" && text == array),
            "{name}: {error}"
        );
        assert_eq!(error.tx_code(), TxCode::EncodingError);
        return;
    }
    let payload = payload.unwrap_or_else(|error| panic!("{name}: {error}"));
    let want = &case["decoded"];
    match &payload {
        Payload::Execute(execute) => {
            assert_eq!(
                (execute.namespace(), execute.action()),
                (text(want, "namespace"), text(want, "action"))
            );
            assert_eq!(execute.calls().len(), list(want, "calls").len(), "{name}");
            for (got, want) in execute.calls().zip(list(want, "calls")) {
                assert_arguments(got, want.as_array().unwrap(), name);
            }
        }
        Payload::RawStatement(raw) => {
            assert_eq!(raw.statement, text(want, "statement"));
            let names: Vec<_> =
                raw.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            let wanted: Vec<_> =
                list(want, "parameters").iter().map(|parameter| text(parameter, "name")).collect();
            assert_eq!(names, wanted, "{name}");
            let values: Vec<_> =
                raw.parameters.iter().map(|parameter| parameter.value.clone()).collect();
            assert_arguments(&values, list(want, "parameters"), name);
        }
        Payload::Transfer(transfer) => {
            let to = AccountId::from_hex(text(want, "key_type").parse().unwrap(), text(want, "to"))
                .unwrap();
            assert_eq!(*transfer, Transfer { to, amount: text(want, "amount").parse().unwrap() });
            assert_eq!(hex::encode(transfer.encode_js().unwrap()), text(case, "payload_hex"));
            let ours = Transfer::decode(&transfer.encode().unwrap().into()).unwrap();
            assert_eq!(ours, *transfer);
            return; // encode() writes the other form
        }
        other => panic!("{name}: {other:?}"),
    }
    assert_eq!(hex::encode(payload.encode().unwrap()), text(case, "payload_hex"), "{name}");
}

#[test]
fn transactions_of_nodes_have_the_given_bytes_ids_and_signatures() {
    let file = vectors("tx-node.json");
    for case in list(&file, "transactions") {
        let name = text(case, "payload_type");
        let raw = RawTx::decode(bytes(case, "tx_binary_hex"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(raw.id().to_string(), text(case, "tx_hash"), "{name}");
        let tx = raw.transaction();
        assert_eq!(hex::encode(tx.body.encode().unwrap()), text(case, "body_binary_hex"), "{name}");
        assert_eq!(RawTx::new(tx).unwrap(), raw, "{name}");
        assert_eq!(tx.sender, bytes(case, "sender_hex"));
        assert_eq!(tx.serialization.name(), text(case, "serialization"));

        let message = tx.signed_message().unwrap();
        assert_eq!(hex::encode(&message), text(case, "signed_message_hex"), "{name}");
        auth::verify(&tx.signature.auth_type, &tx.sender, &message, &tx.signature.bytes).unwrap();

        let payload = Payload::decode(name, &tx.body.payload)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(payload.payload_type().name(), name);
        assert_eq!(hex::encode(payload.encode().unwrap()), text(case, "payload_hex"), "{name}");
        if !case["rpc_tx"].is_null() {
            assert_eq!(from_rpc(&case["rpc_tx"]).unwrap(), raw, "{name}");
        }
    }
    let names: Vec<_> =
        list(&file, "transactions").iter().map(|case| text(case, "payload_type")).collect();
    for payload_type in PayloadType::ALL {
        assert!(names.contains(&payload_type.name()), "no vector for {payload_type}");
    }
}

#[test]
fn a_node_signs_the_transactions_of_the_vectors() {
    let file = vectors("tx-node.json");
    let key =
        PrivateKey::from_hex(KeyType::Secp256k1, text(&file["private_keys"], "secp256k1")).unwrap();
    let signer = Signer::node(key);
    for case in
        list(&file, "transactions").iter().filter(|case| text(case, "auth_type") == "secp256k1")
    {
        let tx = RawTx::decode(bytes(case, "tx_binary_hex")).unwrap();
        let signature = signer.sign(&tx.transaction().signed_message().unwrap());
        assert_eq!(hex::encode(signature), text(case, "signature_hex"));
    }
}

#[test]
fn transactions_without_fee_or_signature_never_become_raw() {
    let file = vectors("tx-node.json");
    for name in ["unsigned", "smallest"] {
        let raw = bytes(&file[name], "tx_binary_hex");
        assert_eq!(sha256(&raw).to_string(), text(&file[name], "tx_hash"));
        assert_eq!(RawTx::decode(raw).unwrap_err().tx_code(), TxCode::InvalidSignature, "{name}");
    }
}

#[test]
fn resolutions_have_the_ids_that_operator_tools_print() {
    for case in list(&vectors("tx-node.json"), "resolutions") {
        let event = VotableEvent::new(text(case, "type"), bytes(case, "body_hex")).unwrap();
        assert_eq!(event.id().to_string(), text(case, "id"));
        assert_eq!(hex::encode(event.encode().unwrap()), text(case, "event_binary_hex"));
        assert_eq!(VotableEvent::decode(&event.encode().unwrap().into()).unwrap(), event);
        let kind = ResolutionType::from_name(event.event_type()).unwrap();
        let body = ResolutionBody::decode(kind, event.body()).unwrap();
        assert_eq!(body.event().unwrap(), event);
        for end in 0..event.body().len() {
            assert!(ResolutionBody::decode(kind, &event.body()[..end]).is_err());
        }
        assert!(ResolutionBody::decode(kind, &[event.body(), &[0][..]].concat()).is_err());
    }
}

#[test]
fn calls_of_kwil_js_decode_and_verify() {
    let file = vectors("call.json");
    for case in list(&file, "calls") {
        let name = text(case, "name");
        let mirror: json::CallMessage = serde_json::from_value(case["rpc_params"].clone()).unwrap();
        let message = CallMessage::try_from(mirror).unwrap();
        assert_eq!(message.payload, bytes(case, "payload_hex"), "{name}");
        let call: ActionCall = message.call().unwrap();
        assert_eq!(
            (call.namespace.as_str(), call.action.as_str()),
            (text(&case["decoded"], "namespace"), text(&case["decoded"], "action"))
        );
        assert_arguments(&call.arguments, list(&case["decoded"], "arguments"), name);
        assert_eq!(call.encode().unwrap(), message.payload, "{name}");
        if text(case, "mode") == "private" {
            let signed = message.signed_text().unwrap();
            assert_eq!(signed, text(case, "signed_text"), "{name}");
            auth::verify(
                &message.auth_type,
                &message.sender,
                signed.as_bytes(),
                &message.signature,
            )
            .unwrap();
        }
    }
}

#[test]
fn authenticated_queries_rebuild_the_signed_text() {
    let case = &vectors("call.json")["authenticated_query"];
    let capital: json::AuthenticatedQuery =
        serde_json::from_value(case["rpc_params"].clone()).unwrap();
    let lower: json::AuthenticatedQuery = serde_json::from_str(
        &case["rpc_params"]
            .to_string()
            .replace("Statement", "statement")
            .replace("Parameters", "parameters")
            .replace("Name", "name")
            .replace("Value", "value")
            .replace("Challenge", "challenge"),
    )
    .unwrap();
    assert_eq!(capital, lower);
    let query = kwil_types::AuthenticatedQuery::try_from(capital).unwrap();
    assert_eq!(hex::encode(query.statement.encode().unwrap()), text(case, "payload_hex"));
    let signed = query.signed_text().unwrap();
    assert_eq!(signed, text(case, "signed_text"));
    auth::verify(&query.auth_type, &query.sender, signed.as_bytes(), &query.signature).unwrap();
}

#[test]
fn malformed_bytes_are_refused() {
    for case in list(&vectors("invalid.json"), "binary") {
        let raw = bytes(case, "hex");
        let kind = text(case, "kind");
        let refused = match kind {
            "transaction" => RawTx::decode(raw).is_err(),
            "value" => EncodedValue::decode(raw).is_err(),
            "data_type" => DataType::decode(&raw).is_err(),
            payload => Payload::decode(payload.strip_prefix("payload:").unwrap(), &raw).is_err(),
        };
        assert!(refused, "{kind}: {}", text(case, "reason"));
    }
}

#[test]
fn amounts_that_cannot_be_transferred_have_their_own_code() {
    for case in list(&vectors("invalid.json"), "binary") {
        if ["negative amount", "nil amount"].contains(&text(case, "reason")) {
            let error = Payload::decode("transfer", &bytes(case, "hex")).unwrap_err();
            assert_eq!(error.tx_code(), TxCode::InvalidAmount, "{error}");
            assert!(matches!(error, PayloadError::Amount(_)));
        }
    }
}

/// Why a JSON transaction of the vectors is no acceptable transaction, following the checks of admission.
fn refusal(params: &Json, chain_id: &str) -> Option<String> {
    let mirror: json::Transaction = match serde_json::from_value(params.clone()) {
        Ok(mirror) => mirror,
        Err(error) => return Some(error.to_string()),
    };
    let raw = match Transaction::try_from(mirror).and_then(|tx| RawTx::new(&tx)) {
        Ok(raw) => raw,
        Err(error) => return Some(error.to_string()),
    };
    let tx = raw.transaction();
    if tx.body.chain_id != chain_id {
        return Some("wrong chain ID".to_owned());
    }
    if let Err(error) = auth::verify(
        &tx.signature.auth_type,
        &tx.sender,
        &tx.signed_message().unwrap(),
        &tx.signature.bytes,
    ) {
        return Some(error.to_string());
    }
    Payload::decode(&tx.body.payload_type, &tx.body.payload).err().map(|error| error.to_string())
}

#[test]
fn bad_json_transactions_are_refused() {
    let file = vectors("invalid.json");
    let cases = &file["json_transactions"];
    for case in list(cases, "cases") {
        let reason = text(case, "reason");
        let refused = refusal(&case["tx"], text(cases, "chain_id"));
        assert!(refused.is_some(), "{reason}");
        let want = match reason {
            "body missing" => "body is missing",
            "signature missing" => "signature is missing",
            "payload is not base64" | "payload in base64url" => "invalid base64",
            "unknown serialization" => "invalid serialization type",
            "other chain" => "wrong chain ID",
            "description longer than 200 bytes" => "description is too long",
            "fee not decimal" | "fee negative" => "fee",
            _ => continue,
        };
        assert!(refused.clone().unwrap().contains(want), "{reason}: {refused:?}");
    }
}

#[test]
fn repeated_keys_are_refused() {
    let twice = r#"{"signature":{"sig":null,"type":"a"},"body":{"nonce":1,"nonce":2},"serialization":"concat","sender":""}"#;
    let error = serde_json::from_str::<json::Transaction>(twice).unwrap_err();
    assert!(error.to_string().contains("duplicate field `nonce`"), "{error}");
}

#[test]
fn sender_and_identifier_may_carry_0x() {
    let file = vectors("tx-kwiljs.json");
    let case = &list(&file, "transactions")[0];
    let mut params = case["rpc_params"]["tx"].clone();
    params["sender"] = Json::String(format!("0x{}", text(&params, "sender").to_uppercase()));
    assert_eq!(from_rpc(&params).unwrap().id().to_string(), text(case, "tx_hash"));
    let account: json::AccountId = serde_json::from_str(
        r#"{"identifier":"0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7","key_type":"secp256k1"}"#,
    )
    .unwrap();
    assert_eq!(AccountId::try_from(&account).unwrap().identifier().len(), 20);
}

#[test]
fn descriptions_cannot_draw_other_control_characters() {
    let file = vectors("tx-kwiljs.json");
    let mut params = list(&file, "transactions")[0]["rpc_params"]["tx"].clone();
    params["body"]["desc"] = Json::String("a\u{8}b".to_owned());
    assert_eq!(from_rpc(&params), Err(TxError::DescriptionControl('\u{8}')));
    params["body"]["desc"] = Json::String("é".repeat(101));
    assert_eq!(from_rpc(&params), Err(TxError::Description));
}

#[test]
fn fees_are_bounded() {
    let file = vectors("tx-kwiljs.json");
    let mut params = list(&file, "transactions")[0]["rpc_params"]["tx"].clone();
    params["body"]["fee"] = Json::String("9".repeat(100));
    assert!(matches!(from_rpc(&params), Err(TxError::Fee(_))));
    params["body"]["fee"] = Json::String(String::new());
    assert_eq!(from_rpc(&params).unwrap().transaction().body.fee, Amount::ZERO);
}
