//! Network parameters and their updates in every form.

use kwil_crypto::PublicKey;
use kwil_types::{MigrationStatus, NetworkParams, ParamError, ParamUpdates, ParamValue};
use serde_json::Value as Json;

use super::{bytes, set, text, vectors};

#[test]
fn parameters_have_the_encoding_and_hash_of_the_vectors() {
    let case = &vectors()["params"];
    let leader: PublicKey = text(&case["values"], "leader").parse().unwrap();
    let params = NetworkParams::new(leader);
    assert_eq!(hex::encode(params.encode()), text(case, "encoding_hex"));
    assert_eq!(params.hash().to_string(), text(case, "params_hash"));
    assert_eq!(NetworkParams::decode(&bytes(case, "encoding_hex")).unwrap(), params);
    let updates: ParamUpdates =
        [ParamValue::MaxBlockSize(8_388_608), ParamValue::DisabledGasCosts(false)]
            .into_iter()
            .collect();
    assert_eq!(hex::encode(updates.encode()), text(&case["update_example"], "encoding_hex"));
    assert_eq!(ParamUpdates::decode(&updates.encode()).unwrap(), updates);
    // A list of updates is not a full list.
    NetworkParams::decode(&updates.encode()).unwrap_err();
}

#[test]
fn reference_updates_are_those_of_existing_tools() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/tx-node.json");
    let vectors: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let raw = bytes(&vectors, "param_updates_reference_binary_hex");
    let updates = ParamUpdates::decode_reference(&raw).unwrap();
    assert_eq!(updates.encode_reference().unwrap(), raw);
    let values: Vec<ParamValue> = updates.iter().cloned().collect();
    let leader = "02f0a13ef50767acffd58328b4f69ef36866c4f350fe3fa6172598a883d03d501d#secp256k1";
    let leader = leader.parse().unwrap();
    assert_eq!(values[0], ParamValue::DisabledGasCosts(false));
    assert_eq!(values[2], ParamValue::Leader(leader));
    assert_eq!(values[4], ParamValue::MaxVotesPerTx(100));
    assert_eq!(
        updates.check_resolution(&set()),
        Err(ParamError::LeaderNotValidator { key: leader })
    );
    for cut in 0..raw.len() {
        ParamUpdates::decode_reference(&raw[..cut]).unwrap_err();
    }
    let mut padded = raw.clone();
    padded.push(0);
    ParamUpdates::decode_reference(&padded).unwrap_err();
}

#[test]
fn json_updates_are_read_as_operators_write_them() {
    let text = r#"{"leader": {"type": "secp256k1", "key": "02F0a13ef50767acffd58328b4f69ef36866c4f350fe3fa6172598a883d03d501d"},
        "max_block_size": 8388608, "join_expiry": "48h0m0s", "disabled_gas_costs": false}"#;
    let updates = ParamUpdates::from_json(text).unwrap();
    let leader = "02f0a13ef50767acffd58328b4f69ef36866c4f350fe3fa6172598a883d03d501d#secp256k1";
    let expected: ParamUpdates = [
        ParamValue::Leader(leader.parse().unwrap()),
        ParamValue::MaxBlockSize(8_388_608),
        ParamValue::JoinExpiry("48h".parse().unwrap()),
        ParamValue::DisabledGasCosts(false),
    ]
    .into_iter()
    .collect();
    assert_eq!(updates, expected);
    assert_eq!(ParamUpdates::from_json(&updates.to_json().to_string()).unwrap(), updates);
    let nanoseconds = ParamUpdates::from_json(r#"{"join_expiry": 172800000000000}"#).unwrap();
    assert_eq!(nanoseconds.to_json().to_string(), r#"{"join_expiry":"48h0m0s"}"#);
    let short = ParamUpdates::from_json(&format!(r#"{{"leader": "{leader}"}}"#)).unwrap();
    assert_eq!(
        short.get(kwil_types::ParamName::Leader),
        expected.get(kwil_types::ParamName::Leader)
    );
    for (wrong, message) in [
        (r#"{"max_size": 1}"#, "unknown parameter name: max_size"),
        (r#"{"max_votes_per_tx": null}"#, "cannot set null value: max_votes_per_tx"),
        (
            r#"{"max_votes_per_tx": 1, "max_votes_per_tx": 2}"#,
            "max_votes_per_tx must be given once",
        ),
        (r#"{"max_votes_per_tx": 1.5}"#, "max_votes_per_tx must be a non-negative integer"),
        (r#"{"max_votes_per_tx": -1}"#, "max_votes_per_tx must be a non-negative integer"),
        (r#"{"max_votes_per_tx": "1"}"#, "max_votes_per_tx must be a non-negative integer"),
        (r#"{"disabled_gas_costs": 1}"#, "disabled_gas_costs must be true or false"),
        (
            r#"{"join_expiry": "1 day"}"#,
            "join_expiry must be a duration like 24h0m0s, or nanoseconds",
        ),
        (
            r#"{"leader": {"type": "secp256k1"}}"#,
            "leader must be an object with type and key, or <key>#<type>",
        ),
        (r#"{"leader": "02f0#rsa"}"#, "leader: unknown key type \"rsa\""),
    ] {
        assert_eq!(ParamUpdates::from_json(wrong).unwrap_err().to_string(), message, "{wrong}");
    }
    for malformed in ["[]", "{", "{} {}", "", "1"] {
        assert!(
            matches!(ParamUpdates::from_json(malformed), Err(ParamError::Json { .. })),
            "{malformed}"
        );
    }
}

#[test]
fn resolutions_cannot_set_what_is_out_of_range_or_derived() {
    let check =
        |value: ParamValue| [value].into_iter().collect::<ParamUpdates>().check_resolution(&set());
    check(ParamValue::MaxBlockSize(4096)).unwrap();
    check(ParamValue::Leader(set().get(0).unwrap().key)).unwrap();
    for inside in [
        ParamValue::JoinExpiry("1m".parse().unwrap()),
        ParamValue::JoinExpiry("8760h".parse().unwrap()),
        ParamValue::MaxVotesPerTx(1),
        ParamValue::MaxVotesPerTx(10_000),
    ] {
        check(inside).unwrap();
    }
    for value in [
        ParamValue::MaxBlockSize(4095),
        ParamValue::MaxBlockSize(67_108_865),
        ParamValue::MaxVotesPerTx(0),
        ParamValue::JoinExpiry("0s".parse().unwrap()),
        ParamValue::JoinExpiry("-1s".parse().unwrap()),
        ParamValue::JoinExpiry("59s".parse().unwrap()),
        ParamValue::JoinExpiry("8760h0m0.000000001s".parse().unwrap()),
        ParamValue::MaxVotesPerTx(10_001),
        ParamValue::MaaActivationHeight(1 << 63),
    ] {
        let name = value.name();
        assert!(matches!(check(value), Err(ParamError::Range { name: got, .. }) if got == name));
    }
    let status = ParamValue::MigrationStatus(MigrationStatus::MigrationCompleted);
    assert_eq!(check(status.clone()), Err(ParamError::NotSettable { name: status.name() }));
}
