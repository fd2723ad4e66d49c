//! S5, S6, S12 of the guide: root directories.

use std::fs;

use kwil_cmd::testing::Sandbox;

use crate::{kwild, mode, node_id};

const PEER: &str =
    "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82#secp256k1@23.45.67.89:6600";

/// A sandbox with `nodekey.json` and the genesis of a network of which it is the leader.
fn with_genesis() -> Sandbox {
    let sandbox = kwild();
    sandbox.stdout(["key", "gen", "-o", "nodekey.json"]);
    let id = node_id(&sandbox, "nodekey.json");
    let validator = format!("{id}:1");
    sandbox.stdout([
        "setup",
        "genesis",
        "--validator",
        &validator,
        "--leader",
        &id,
        "--chain-id",
        "prod-chain",
        "--out",
        "prod-chain",
    ]);
    sandbox
}

#[test]
fn a_root_with_the_key_and_genesis_that_were_given() {
    let sandbox = with_genesis();
    let args = [
        "setup",
        "init",
        "--genesis",
        "prod-chain/genesis.json",
        "--root",
        "data/kwil-node0",
        "--key-file",
        "~/nodekey.json",
    ];
    insta::assert_snapshot!(sandbox.transcript(args), @r"
    exit 0
    --- stdout
    Kwil node configuration generated successfully at: ~/data/kwil-node0
    ");
    let root = sandbox.path("data/kwil-node0");
    let modes =
        ["", "config.toml", "genesis.json", "nodekey.json"].map(|name| mode(&root.join(name)));
    assert_eq!(modes, [0o700, 0o600, 0o644, 0o600]);
    for (copy, original) in
        [("genesis.json", "prod-chain/genesis.json"), ("nodekey.json", "nodekey.json")]
    {
        assert_eq!(
            fs::read(root.join(copy)).unwrap(),
            fs::read(sandbox.path(original)).unwrap(),
            "{copy}"
        );
    }
    insta::assert_snapshot!(sandbox.transcript(args), @r"
    exit 1
    --- stderr
    output directory ~/data/kwil-node0 already exists
    hint: choose another --root, or use --force to add the files that are missing
    ");
}

#[test]
fn a_root_with_a_new_key_and_bootnodes() {
    let sandbox = with_genesis();
    let args = [
        "setup",
        "init",
        "--genesis",
        "prod-chain/genesis.json",
        "--p2p.bootnodes",
        PEER,
        "--root",
        "kwil-node2",
    ];
    insta::assert_snapshot!(sandbox.transcript(args), @r"
    exit 0
    --- stdout
    Kwil node configuration generated at ~/kwil-node2
    ");
    let config = fs::read_to_string(sandbox.path("kwil-node2/config.toml")).unwrap();
    assert!(config.contains(&format!("\nbootnodes = ['{PEER}']\n")));
    let info = sandbox.stdout(["key", "info", "--key-file", "kwil-node2/nodekey.json"]);
    assert_eq!(info.lines().filter(|line| line.contains("Node ID")).count(), 1);
}

#[test]
fn without_genesis_the_node_leads_a_network_of_its_own() {
    let mut sandbox = kwild();
    sandbox.set("KWILD_ROOT", "from-variable");
    insta::assert_snapshot!(sandbox.transcript(["setup", "init", "--chain-id", "solo", "--with-gas", "--json"]), @r#"
    exit 0
    --- stdout
    {
      "result": {
        "root": "~/from-variable",
        "config": "~/from-variable/config.toml",
        "genesis": "~/from-variable/genesis.json",
        "node_key": "~/from-variable/nodekey.json",
        "node_id": "<key>#secp256k1",
        "generated_key": true
      },
      "error": ""
    }
    "#);
    let text = fs::read_to_string(sandbox.path("from-variable/genesis.json")).unwrap();
    insta::assert_snapshot!(sandbox.stable(&text), @r#"
    {
      "chain_id": "solo",
      "initial_height": 0,
      "validators": [
        {
          "pubkey": "<key>",
          "type": "secp256k1",
          "power": 1
        }
      ],
      "alloc": [
        {
          "id": "<key>",
          "key_type": "secp256k1",
          "amount": 10000000000000000000000
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
      "db_owner": "0x<address>",
      "max_block_size": 6291456,
      "join_expiry": "24h0m0s",
      "disabled_gas_costs": false,
      "max_votes_per_tx": 200,
      "migration_status": "NoActiveMigration"
    }
    "#);
}

#[test]
fn a_failed_init_leaves_nothing_behind() {
    let sandbox = with_genesis();
    fs::write(sandbox.path("broken.json"), "{\"chain_id\":\"x\",\"genesis_time\":1}").unwrap();
    fs::write(sandbox.path("bad-key.json"), "{}").unwrap();
    let cases: [&[&str]; 6] = [
        &["--consensus.propose-timeout", "100ms"],
        &["--p2p.bootnodes", "garbage", "--rpc.timeout", "5"],
        &["--genesis", "missing.json"],
        &["--genesis", "broken.json"],
        &["--key-file", "bad-key.json"],
        &["--genesis-state", "missing.sql.gz"],
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|case| {
            sandbox.transcript(["setup", "init", "--root", "r/n"].iter().chain(case.iter()))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
    exit 2
    --- stderr
    invalid configuration: flag --consensus.propose-timeout: propose timeout must be at least 500ms

    exit 2
    --- stderr
    invalid configuration:
      flag --p2p.bootnodes: invalid peer 'garbage', expected <pubkey>#<type>@<host>:<port>
      flag --rpc.timeout: time: missing unit in duration "5"

    exit 1
    --- stderr
    failed to load genesis file: cannot read the genesis file ~/missing.json: No such file or directory

    exit 1
    --- stderr
    failed to load genesis file: ~/broken.json: leader: leader should not be empty; validators: no validators provided; genesis_time (line 1): json: unknown field "genesis_time", this is a v0.9 or older genesis

    exit 1
    --- stderr
    cannot use the node key: ~/bad-key.json: the key file is not {"key":"<hex>","type":"<type>"}: line 1, column 2

    exit 1
    --- stderr
    the genesis state file ~/missing.sql.gz does not exist
    "#);
    assert!(!sandbox.path("r").exists());
}

#[test]
fn force_adds_only_what_is_missing() {
    let sandbox = with_genesis();
    fs::create_dir(sandbox.path("n")).unwrap();
    fs::write(sandbox.path("n/config.toml"), "[log]\nlevel = 'warn'\n").unwrap();
    sandbox.stdout([
        "setup",
        "init",
        "--root",
        "n",
        "--genesis",
        "prod-chain/genesis.json",
        "--force",
    ]);
    assert_eq!(
        fs::read_to_string(sandbox.path("n/config.toml")).unwrap(),
        "[log]\nlevel = 'warn'\n"
    );
    assert!(sandbox.path("n/nodekey.json").exists() && sandbox.path("n/genesis.json").exists());
}
