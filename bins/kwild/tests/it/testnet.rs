//! `setup testnet` and `setup reset`.

use std::fs;

use crate::kwild;

fn lines(text: &str, starts: &[&str]) -> Vec<String> {
    text.lines()
        .filter(|line| starts.iter().any(|start| line.starts_with(start)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn nodes_on_one_machine_get_ports_of_their_own_and_know_the_others() {
    let sandbox = kwild();
    insta::assert_snapshot!(sandbox.transcript(["setup", "testnet", "-v", "2", "-n", "1", "-u", "--out-dir", "./net", "--port", "7000"]), @r"
    exit 0
    --- stdout
    Generated testnet configuration in ./net
    ");
    let config = fs::read_to_string(sandbox.path("net/node1/config.toml")).unwrap();
    let shown = lines(&config, &["listen = ", "bootnodes = ", "port = ", "empty_block_timeout"]);
    insta::assert_snapshot!(sandbox.stable(&shown.join("\n")), @r"
    listen = '0.0.0.0:7001'
    bootnodes = ['<key>#secp256k1@127.0.0.1:7000', '<key>#secp256k1@127.0.0.1:7002']
    empty_block_timeout = '1s'
    port = ''
    listen = '0.0.0.0:8485'
    listen = '127.0.0.1:8585'
    ");
    let genesis =
        |node: &str| fs::read_to_string(sandbox.path(&format!("net/{node}/genesis.json"))).unwrap();
    assert_eq!(genesis("node0"), genesis("node2"));
    let document: serde_json::Value = serde_json::from_str(&genesis("node0")).unwrap();
    assert_eq!(document["validators"].as_array().unwrap().len(), 2);
    insta::assert_snapshot!(sandbox.transcript(["setup", "testnet", "-o", "net"]), @r"
    exit 1
    --- stderr
    output directory ~/net already exists
    ");
    insta::assert_snapshot!(sandbox.transcript(["setup", "testnet", "-o", "other", "-H", "a,b"]), @r"
    exit 2
    --- stderr
    if set, the number of hostnames 2 must be equal to number of validators + number of non-validators 3
    ");
    assert!(!sandbox.path("other").exists());
}

#[test]
fn hosts_keep_the_usual_ports_and_are_named_in_bootnodes() {
    let sandbox = kwild();
    sandbox.stdout([
        "setup",
        "testnet",
        "-v",
        "2",
        "-H",
        "alpha,beta",
        "-o",
        "net",
        "--no-pex",
        "--db.host",
        "pg",
    ]);
    let config = fs::read_to_string(sandbox.path("net/node0/config.toml")).unwrap();
    let shown =
        lines(&config, &["listen = ", "bootnodes = ", "pex = ", "external_address", "host = "]);
    insta::assert_snapshot!(sandbox.stable(&shown.join("\n")), @r"
    listen = '0.0.0.0:6600'
    pex = false
    bootnodes = ['<key>#secp256k1@beta:6600']
    external_address = 'alpha:6600'
    host = 'pg'
    listen = '0.0.0.0:8484'
    listen = '/tmp/kwild.socket'
    ");
}

#[test]
fn reset_asks_shows_and_keeps_what_is_no_state() {
    let sandbox = kwild();
    sandbox.stdout(["setup", "init", "--root", "n"]);
    for name in ["pg/data", "blocks", "consensus"] {
        fs::create_dir_all(sandbox.path("n").join(name)).unwrap();
    }
    let reset = |args: &[&str]| {
        sandbox.transcript(["setup", "reset", "--root", "n"].iter().chain(args.iter()))
    };
    insta::assert_snapshot!(reset(&[]), @r"
    exit 7
    --- stderr
    Remove ~/n/pg? (stdin is not a terminal)
    hint: answer with --yes
    ");
    insta::assert_snapshot!(reset(&["--all", "--dry-run"]), @r"
    exit 0
    --- stdout
    would be PostgreSQL cluster directory removed: ~/n/pg
    would be Blockstore directory removed: ~/n/blocks
    would be Consensus log directory removed: ~/n/consensus
    ");
    assert!(sandbox.path("n/pg").exists());
    insta::assert_snapshot!(reset(&["--yes"]), @r"
    exit 0
    --- stdout
    PostgreSQL cluster directory removed: ~/n/pg
    ");
    assert!(!sandbox.path("n/pg").exists() && sandbox.path("n/blocks").exists());
    insta::assert_snapshot!(reset(&["--all", "--yes", "--json"]), @r#"
    exit 0
    --- stdout
    {
      "result": {
        "root": "~/n",
        "dry_run": false,
        "removed": [
          "~/n/blocks",
          "~/n/consensus"
        ]
      },
      "error": ""
    }
    "#);
    assert!(!sandbox.path("n/blocks").exists() && sandbox.path("n/config.toml").exists());
    insta::assert_snapshot!(sandbox.transcript(["setup", "reset", "--root", "missing"]), @r"
    exit 1
    --- stderr
    root directory ~/missing does not exist
    ");
    insta::assert_snapshot!(reset(&["--host", "127.0.0.1", "--port", "1", "--yes"]), @r"
    exit 1
    --- stderr
    cannot reset the database: cannot connect to PostgreSQL at 127.0.0.1:1 as user kwild, database kwild: no server answers (Connection refused)
    hint: check that the server runs and listens there; without db.host and db.port the node runs its own server
    ");
}
