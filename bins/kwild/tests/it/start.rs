//! What `start` says before there is a node: missing and wrong files.

use std::fs;

use crate::kwild;

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let sandbox = kwild();
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n"]), @r"
    exit 1
    --- stderr
    root directory ~/n does not exist
    hint: make one with 'kwild setup init', or use --autogen for a test node
    ");
    fs::create_dir(sandbox.path("n")).unwrap();
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n", "--log.output", ""]), @r"
    exit 1
    --- stderr
    failed to load node key: ~/n/nodekey.json: cannot read the key file: No such file or directory
    hint: make a root directory with 'kwild setup init'
    ");
    sandbox.stdout(["key", "gen", "-o", "n/nodekey.json"]);
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n", "--log.output", ""]), @r"
    exit 1
    --- stderr
    genesis file ~/n/genesis.json does not exist (did you mean to use --autogen for a test node?)
    ");
    fs::write(sandbox.path("n/genesis.json"), "{\"chain_id\":\"x\",\"validators\":[]}").unwrap();
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n", "--log.output", ""]), @r"
    exit 1
    --- stderr
    error loading genesis file ~/n/genesis.json: leader: leader should not be empty; validators (line 1): no validators provided
    ");
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n", "word"]), @r#"
    exit 2
    --- stderr
    expected extension flag, got "word"
    "#);
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n", "--", "--extensions.x", "1"]), @r#"
    exit 2
    --- stderr
    invalid extension flag "--extensions.x"
    "#);
}

#[test]
fn autogen_refuses_a_network_of_several() {
    let sandbox = kwild();
    sandbox.stdout(["setup", "testnet", "-v", "2", "-o", "net"]);
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "net/node0", "--autogen", "--log.output", ""]), @r"
    exit 1
    --- stderr
    cannot use --autogen with genesis config for a multi-node network
    ");
}
