//! `print-config`, and what a wrong configuration gets.

use std::fs;

use crate::kwild;

#[test]
fn the_printed_configuration_is_a_configuration_file() {
    let sandbox = kwild();
    fs::create_dir(sandbox.path("n")).unwrap();
    let printed =
        sandbox.stdout(["print-config", "--p2p.bootnodes", "", "--log.level", "info,CONS=debug"]);
    fs::write(sandbox.path("n/config.toml"), &printed).unwrap();
    assert_eq!(sandbox.stdout(["print-config", "-r", "n"]), printed);
}

#[test]
fn sources_are_named_and_passwords_hidden() {
    let mut sandbox = kwild();
    fs::create_dir(sandbox.path("n")).unwrap();
    fs::write(sandbox.path("n/config.toml"), "[db]\npass = 'hunter2'\n[rpc]\ntimeout = '30s'\n")
        .unwrap();
    sandbox.set("KWILD_LOG_LEVEL", "debug");
    let shown = sandbox.stdout(["print-config", "-r", "n", "--origin", "--log.format=json"]);
    let lines: Vec<&str> = shown.lines().collect();
    let set: Vec<String> = lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("# from: ") && pair[0] != "# from: default")
        .map(|pair| pair.join(" | "))
        .collect();
    insta::assert_snapshot!(set.join("\n"), @r"
    # from: variable KWILD_LOG_LEVEL | level = 'debug'
    # from: flag --log.format | format = 'json'
    # from: line 2 | pass = '***'
    # from: line 4 | timeout = '30s'
    ");
    assert!(
        sandbox.stdout(["print-config", "-r", "n", "--show-secrets"]).contains("pass = 'hunter2'")
    );
}

#[test]
fn every_fault_of_every_source_is_reported_at_once() {
    let mut sandbox = kwild();
    fs::create_dir(sandbox.path("n")).unwrap();
    fs::write(
        sandbox.path("n/config.toml"),
        "[p2p]\nbootnode = 'x'\n[consensus]\npropose_timeout = '15'\n",
    )
    .unwrap();
    sandbox.set("KWILD_RPC_LISTEN", "nowhere");
    sandbox.set("KWILD_P2P_BOOTNODE", "x");
    insta::assert_snapshot!(sandbox.transcript(["print-config", "-r", "n", "--mempool.max-size", "big"]), @r#"
    exit 2
    --- stderr
    error loading config from ~/n/config.toml:
      line 2: p2p.bootnode: unrecognized field (did you mean `p2p.bootnodes`?)
      line 4: consensus.propose_timeout: time: missing unit in duration "15"
      flag --mempool.max-size: expected a size in bytes like 6000000 or '64MiB', found 'big'
      variable KWILD_RPC_LISTEN: rpc.listen: invalid listen address: 'nowhere' is not host:port
    hint: is this a config file from a previous release?
    "#);
    insta::assert_snapshot!(sandbox.transcript(["start", "-r", "n", "--json"]), @r#"
    exit 2
    --- stdout
    {
      "result": null,
      "error": "error loading config from ~/n/config.toml:\n  line 2: p2p.bootnode: unrecognized field (did you mean `p2p.bootnodes`?)\n  line 4: consensus.propose_timeout: time: missing unit in duration \"15\"\n  variable KWILD_RPC_LISTEN: rpc.listen: invalid listen address: 'nowhere' is not host:port",
      "error_code": "usage"
    }
    "#);
}

#[test]
fn commands_that_need_no_configuration_do_not_read_a_broken_one() {
    let sandbox = kwild();
    fs::create_dir(sandbox.path(".kwild")).unwrap();
    fs::write(sandbox.path(".kwild/config.toml"), "nonsense = [").unwrap();
    sandbox.stdout(["setup", "testnet", "-v", "1", "-o", "net"]);
    sandbox.stdout(["key", "gen"]);
    sandbox.stdout(["version"]);
}
