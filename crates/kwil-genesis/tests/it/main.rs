//! The genesis vectors, valid and invalid, and what the vectors do not say: paths, lines and the written file.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

mod properties;

use kwil_genesis::{Document, Genesis};
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/genesis.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn guide_sample() -> String {
    vectors()["valid"][0]["json"].as_str().unwrap().to_owned()
}

#[test]
fn valid_vectors_have_the_encodings_and_hashes_of_the_vectors() {
    let vectors = vectors();
    let cases = vectors["valid"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let genesis = Genesis::from_json(case["json"].as_str().unwrap()).unwrap();
        assert_eq!(
            hex::encode(genesis.encode()),
            case["genesis_encoding_hex"].as_str().unwrap(),
            "{name}"
        );
        assert_eq!(genesis.hash().to_string(), case["genesis_hash"].as_str().unwrap(), "{name}");
        let params = genesis.params();
        assert_eq!(
            hex::encode(params.encode()),
            case["params_encoding_hex"].as_str().unwrap(),
            "{name}"
        );
        assert_eq!(params.hash().to_string(), case["params_hash"].as_str().unwrap(), "{name}");
        let validators = genesis.validators().hash().to_string();
        assert_eq!(validators, case["validators_hash"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn invalid_vectors_are_refused_with_their_field_first() {
    let vectors = vectors();
    let cases = vectors["invalid"].as_array().unwrap();
    assert_eq!(cases.len(), 29);
    for case in cases {
        let error = Genesis::from_json(case["json"].as_str().unwrap()).unwrap_err();
        let fields: Vec<&str> = error.problems().iter().map(|problem| problem.field()).collect();
        assert_eq!(fields, [case["field"].as_str().unwrap()], "{case}: {error}");
        assert!(error.problems()[0].line().is_some() || fields == ["leader"], "{case}: {error}");
    }
}

#[test]
fn messages_are_those_that_operators_know() {
    let vectors = vectors();
    let exact = [
        "no validators provided",
        "Genesis validators should have non-zero power",
        "invalid key type: rsa",
        "initial height must be greater than or equal to 0",
        "leader should not be empty",
        "leader is not part of the validator set",
        "max votes per tx should be greater than 0",
        "join expiry should be greater than 0",
        "max bytes should be greater than 0",
        "both start and end height should be set or unset",
        "invalid state hash, must be empty or 32 bytes",
        "json: unknown field \"blocks\"",
    ];
    for case in vectors["invalid"].as_array().unwrap() {
        let text = case["error"].as_str().unwrap();
        if exact.contains(&text) {
            let error = Genesis::from_json(case["json"].as_str().unwrap()).unwrap_err();
            assert_eq!(error.problems()[0].message(), text);
        }
    }
}

#[test]
fn all_problems_come_together_with_their_lines() {
    let text = r#"{
  "chain_id": "prod-chain",
  "initial_height": 1.5,
  "validators": [
    {"pubkey": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82", "type": "secp256k1", "power": 1},
    {
      "pubkey": "zz",
      "type": "secp256k1",
      "power": 0,
      "weight": 3
    }
  ],
  "leader": {"type": "secp256k1", "key": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82"},
  "max_votes_per_tx": 0,
  "join_expiry": "1 day",
  "join_expiry": "24h0m0s"
}"#;
    let error = Genesis::from_json(text).unwrap_err();
    let found: Vec<_> =
        error.problems().iter().map(|problem| (problem.field(), problem.line().unwrap())).collect();
    let expected = [
        ("initial_height", 3),
        ("validators[1].pubkey", 7),
        ("validators[1].weight", 10),
        ("max_votes_per_tx", 14),
        ("join_expiry", 15),
        ("join_expiry", 16),
    ];
    assert_eq!(found, expected, "{error}");
    assert!(
        error
            .to_string()
            .contains("validators[1].weight (line 10): json: unknown field \"weight\"")
    );
}

#[test]
fn written_file_has_the_key_order_and_indent_of_the_guide() {
    let genesis = Genesis::from_json(&guide_sample()).unwrap();
    let expected = r#"{
  "chain_id": "prod-chain",
  "initial_height": 0,
  "validators": [
    {
      "pubkey": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82",
      "type": "secp256k1",
      "power": 1
    },
    {
      "pubkey": "03b0eedfb09ac1e19fa6f5eb1d5ade53c120ef32d988e60bb40ab08133b573ba30",
      "type": "secp256k1",
      "power": 1
    }
  ],
  "migration": {
    "start_height": 0,
    "end_height": 0
  },
  "leader": {
    "type": "secp256k1",
    "key": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82"
  },
  "db_owner": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82",
  "max_block_size": 6291456,
  "join_expiry": "24h0m0s",
  "disabled_gas_costs": true,
  "max_votes_per_tx": 200,
  "migration_status": "NoActiveMigration"
}
"#;
    assert_eq!(genesis.to_json(), expected);
}

#[test]
fn a_written_file_reads_back_as_the_same_network() {
    for case in vectors()["valid"].as_array().unwrap() {
        let genesis = Genesis::from_json(case["json"].as_str().unwrap()).unwrap();
        let again = Genesis::from_json(&genesis.to_json()).unwrap();
        assert_eq!(again, genesis);
        // Another JSON reader agrees about the text.
        serde_json::from_str::<Value>(&genesis.to_json()).unwrap();
    }
}

#[test]
fn parameters_out_of_their_bounds_are_reported_together() {
    let good = vectors()["valid"][0]["json"].as_str().unwrap().to_owned();
    let mut document: Value = serde_json::from_str(&good).unwrap();
    document["join_expiry"] = "59s".into();
    document["max_votes_per_tx"] = 10_001.into();
    let error = Genesis::from_json(&document.to_string()).unwrap_err().to_string();
    assert!(
        error.contains("join_expiry") && error.contains("between 1m0s and 8760h0m0s"),
        "{error}"
    );
    assert!(error.contains("max_votes_per_tx") && error.contains("between 1 and 10000"), "{error}");
}

#[test]
fn amounts_of_any_size_are_exact_as_number_and_as_text() {
    let sample = vectors()["valid"][2]["json"].as_str().unwrap().to_owned();
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    for amount in [most.to_owned(), format!("\"{most}\"")] {
        let genesis =
            Genesis::from_json(&sample.replace("10000000000000000000000", &amount)).unwrap();
        assert_eq!(genesis.alloc()[0].amount.to_string(), most);
    }
    for wrong in ["1.0", "1e3", "\"\"", "null", "true", "\"01\"", &format!("{most}0")] {
        let error =
            Genesis::from_json(&sample.replace("10000000000000000000000", wrong)).unwrap_err();
        assert_eq!(error.problems()[0].field(), "alloc[0].amount", "{wrong}");
    }
}

#[test]
fn owner_texts_of_one_identity_give_one_hash() {
    let sample = guide_sample();
    let with_owner = |owner: &str| {
        let mut document = Genesis::from_json(&sample).unwrap().document().clone();
        document.db_owner = owner.to_owned();
        Genesis::new(document).unwrap()
    };
    let address = with_owner(" 0xc89d42189f0450c2b2c3c61f58ec5d628176a1e7\n");
    assert_eq!(address.db_owner(), "0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7");
    assert_eq!(address.owners(), [address.db_owner()]);
    let key = "02812BEF44F6E7B2A19C0B01C2DCA5E54BA1935A1890FFDCB93ABD0C534B209C21";
    let upper = with_owner(key);
    assert_eq!(upper.hash(), with_owner(&key.to_lowercase()).hash());
    // The address of the same key owns the database too.
    assert_eq!(
        upper.owners(),
        [key.to_lowercase(), "0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7".to_owned()]
    );
    assert!(with_owner("").owners().is_empty());
    assert!(with_owner("").warnings().iter().any(|warning| warning.contains("nobody")));
}

#[test]
fn aliases_and_short_forms_are_read() {
    let key = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82";
    let text = format!(
        r#"{{"chain_id": "c", "validators": [{{"pubkey": "{key}", "key_type": "secp256k1", "power": 1}}],
            "leader": "{key}#secp256k1", "app_hash": null, "alloc": null, "migration": null}}"#
    );
    let genesis = Genesis::from_json(&text).unwrap();
    assert_eq!(genesis.leader().to_hex(), key);
    assert_eq!(genesis.state_hash(), None);
    let hash = "ab".repeat(32);
    let both = text
        .replace("\"app_hash\": null", &format!(r#""app_hash": "{hash}", "state_hash": "{hash}""#));
    assert_eq!(Genesis::from_json(&both).unwrap_err().problems()[0].field(), "app_hash");
}

#[test]
fn an_old_document_is_called_old() {
    let error = Genesis::from_json(r#"{"chain_id": "c", "genesis_time": "2023-01-01T00:00:00Z"}"#)
        .unwrap_err();
    assert!(error.to_string().contains("this is a v0.9 or older genesis"), "{error}");
}

#[test]
fn a_built_document_is_checked_like_a_read_one() {
    let error =
        Genesis::new(Document { chain_id: "c".to_owned(), ..Document::default() }).unwrap_err();
    let fields: Vec<&str> = error.problems().iter().map(|problem| problem.field()).collect();
    assert_eq!(fields, ["leader", "validators"]);
    let mut document = Genesis::from_json(&guide_sample()).unwrap().document().clone();
    document.validators[1] = document.validators[0];
    document.max_block_size = 4095;
    let error = Genesis::new(document).unwrap_err();
    let fields: Vec<&str> = error.problems().iter().map(|problem| problem.field()).collect();
    assert_eq!(fields, ["max_block_size", "validators[1]"]);
}

#[test]
fn syntax_errors_name_their_line() {
    for (text, line, message) in [
        ("{\n\"chain_id\": \"c\",\n}", 3, "expected a key in double quotes"),
        ("{\n\n\"a\" 1}", 3, "expected : after a key"),
        ("[1,\n01]", 2, "malformed number"),
        ("{\"a\": \"\\ud800x\"}", 1, "lone surrogate in a string"),
        ("", 1, "the document ends too early"),
    ] {
        let error = Genesis::from_json(text).unwrap_err();
        let problem = &error.problems()[0];
        assert_eq!(
            (problem.field(), problem.line(), problem.message()),
            ("(document)", Some(line), message)
        );
    }
    let deep = "[".repeat(1_000_000);
    assert_eq!(
        Genesis::from_json(&deep).unwrap_err().problems()[0].message(),
        "nested deeper than 32 levels"
    );
}
