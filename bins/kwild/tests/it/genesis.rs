//! S3, S4 of the guide: the genesis file.

use std::fs;

use crate::{kwild, node_id};

#[test]
fn the_file_of_the_guide() {
    let sandbox = kwild();
    let ids: Vec<String> = ["a.json", "b.json"]
        .map(|file| {
            sandbox.stdout(["key", "gen", "-o", file]);
            node_id(&sandbox, file)
        })
        .into();
    let (first, second) = (format!("{}:1", ids[0]), format!("{}:1", ids[1]));
    let args = |out: &'static str| {
        [
            "setup",
            "genesis",
            "--validator",
            &first,
            "--validator",
            &second,
            "--leader",
            &ids[0],
            "--chain-id",
            "prod-chain",
            "--out",
            out,
        ]
    };
    insta::assert_snapshot!(sandbox.transcript(args("~/prod-chain")), @r"
    exit 0
    --- stdout
    Created genesis.json file at ~/prod-chain/genesis.json
    ");
    let text = fs::read_to_string(sandbox.path("prod-chain/genesis.json")).unwrap();
    insta::assert_snapshot!(sandbox.stable(&text), @r#"
    {
      "chain_id": "prod-chain",
      "initial_height": 0,
      "validators": [
        {
          "pubkey": "<key>",
          "type": "secp256k1",
          "power": 1
        },
        {
          "pubkey": "<key>",
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
        "key": "<key>"
      },
      "db_owner": "<key>",
      "max_block_size": 6291456,
      "join_expiry": "24h0m0s",
      "disabled_gas_costs": true,
      "max_votes_per_tx": 200,
      "migration_status": "NoActiveMigration"
    }
    "#);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["db_owner"], document["leader"]["key"]);
    assert_eq!(document["leader"]["key"].as_str(), ids[0].strip_suffix("#secp256k1"));
    insta::assert_snapshot!(sandbox.transcript(args("prod-chain")), @r"
    exit 1
    --- stderr
    file already exists at ~/prod-chain/genesis.json, please remove it first
    hint: or use --force to replace it
    ");
    insta::assert_snapshot!(sandbox.transcript(args("new").into_iter().chain(["--json"])), @r#"
    exit 0
    --- stdout
    {
      "result": {
        "chain_id": "prod-chain",
        "genesis_hash": "<hex64>",
        "path": "~/new/genesis.json"
      },
      "error": ""
    }
    "#);
}

#[test]
fn wrong_networks_are_refused_and_nothing_is_written() {
    let sandbox = kwild();
    sandbox.stdout(["key", "gen", "-o", "a.json"]);
    let id = node_id(&sandbox, "a.json");
    let other = "03b0eedfb09ac1e19fa6f5eb1d5ade53c120ef32d988e60bb40ab08133b573ba30#secp256k1";
    let validator = format!("{id}:1");
    let cases: [&[&str]; 7] = [
        &["--validator", &validator],
        &["--leader", other, "--validator", &validator],
        &["--leader", &id, "--validator", "garbage"],
        &["--leader", &id, "--validator", &validator, "--validator", &validator],
        &["--leader", &id, "--validator", &validator, "--alloc", "0x12:5"],
        &["--leader", &id, "--validator", &validator, "--join-expiry", "5"],
        &["--leader", &id, "--validator", &validator, "--chain-id", ""],
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|case| {
            sandbox.transcript(["setup", "genesis", "--out", "net"].iter().chain(case.iter()))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
    exit 2
    --- stderr
    leader must be specified
    hint: --leader "<pubkey>#secp256k1", one of the validators

    exit 2
    --- stderr
    leader must be in validators
    hint: add it with --validator

    exit 2
    --- stderr
    invalid format for validator, expected key#keyType:power, received: garbage

    exit 2
    --- stderr
    failed to create genesis file: validators[1]: duplicate validator

    exit 2
    --- stderr
    invalid hex address for alloc: 0x12:5

    exit 2
    --- stderr
    invalid argument "5" for "--join-expiry <DURATION>": time: missing unit in duration "5"
    hint: see 'kwild setup genesis --help'

    exit 2
    --- stderr
    failed to create genesis file: chain_id: empty chain id
    "#);
    assert!(!sandbox.path("net").exists());
}
