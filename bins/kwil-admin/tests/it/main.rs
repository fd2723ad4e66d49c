//! The real `kwil-admin` without a node: where it looks for one, and what it says when there is none.

use std::fs;

use kwil_cmd::testing::Sandbox;

const NODE: &str = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82#secp256k1";

/// The endpoint is fixed, so that a node on this machine is not asked by accident.
fn kwil_admin() -> Sandbox {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_kwil-admin"));
    sandbox.set("KWILADMIN_RPCSERVER", "/nonexistent/kwild.socket");
    sandbox
}

#[test]
fn a_missing_node_is_told_with_the_endpoint_and_exit_3() {
    let sandbox = kwil_admin();
    insta::assert_snapshot!(sandbox.transcript(["validators", "list"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["validators", "join", "--output", "json"]), @"");
    for args in [
        vec!["status"],
        vec!["peers"],
        vec!["node", "version"],
        vec!["admin", "dump-config"],
        vec!["node", "verify-state"],
        vec!["validators", "leave"],
        vec!["validators", "approve", NODE],
        vec!["validators", "remove", NODE],
        vec!["validators", "join-status", NODE],
        vec!["validators", "list-validators"],
        vec!["validators", "list-join-requests"],
        vec!["validators", "promote", NODE, "5"],
        vec!["consensus", "params"],
        vec!["consensus", "list-proposals"],
        vec!["whitelist", "add", NODE],
        vec!["whitelist", "list"],
        vec!["blacklist", "add", NODE, "--duration", "1h"],
        vec!["blacklist", "list"],
        vec!["block", "status"],
        vec!["block", "abort", "7"],
    ] {
        let output = sandbox.run(&args);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("/nonexistent/kwild.socket"), "{args:?}: {text}");
    }
}

#[test]
fn the_endpoint_is_the_flag_else_the_variable_else_the_configuration() {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_kwil-admin"));
    fs::create_dir(sandbox.path("n")).unwrap();
    fs::write(sandbox.path("n/config.toml"), "[admin]\nlisten = '/nonexistent/from-config'\n")
        .unwrap();
    let endpoint = |sandbox: &Sandbox, more: &[&str]| {
        let output = sandbox.run(["status", "-r", "n"].iter().chain(more));
        String::from_utf8(output.stderr).unwrap().lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(endpoint(&sandbox, &[]), @"");
    sandbox.set("KWILD_ADMIN_LISTEN", "/nonexistent/from-node-variable");
    insta::assert_snapshot!(endpoint(&sandbox, &[]), @"");
    sandbox.set("KWILADMIN_RPCSERVER", "/nonexistent/from-variable");
    insta::assert_snapshot!(endpoint(&sandbox, &[]), @"");
    insta::assert_snapshot!(endpoint(&sandbox, &["--rpcserver", "unix:///nonexistent/from-flag"]), @"");
}

#[test]
fn wrong_endpoints_certificates_and_arguments_exit_with_2() {
    let sandbox = kwil_admin();
    insta::assert_snapshot!(sandbox.transcript(["status", "-s", "tcp://h:1"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["status", "-s", "https:///x"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["status", "-s", "https://h.invalid", "--authrpc-cert", "missing.cert"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["validators", "approve", "02ab"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["blacklist", "add", NODE, "--duration", "5"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["consensus", "propose", "--updates", "{\"block_size\":1}", "-d", "x"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["consensus", "propose", "--updates", "{\"max_votes_per_tx\":1}", "-d", "x"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "query-tx", "xyz"]), @"");
}

#[test]
fn a_client_certificate_is_made_once_and_accepted_by_the_node() {
    let sandbox = kwil_admin();
    fs::create_dir(sandbox.path("n")).unwrap();
    insta::assert_snapshot!(sandbox.transcript(["node", "gen-auth-key", "-r", "n"]), @"");
    let certificate = fs::read_to_string(sandbox.path("n/adminclient.cert")).unwrap();
    assert_eq!(fs::read_to_string(sandbox.path("n/clients.pem")).unwrap(), certificate);
    let mode = fs::metadata(sandbox.path("n/adminclient.key")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    insta::assert_snapshot!(sandbox.transcript(["node", "gen-auth-key", "-r", "n"]), @"");
    sandbox.stdout(["node", "gen-auth-key", "-r", "n", "--tlskey", "b.key", "--tlscert", "b.cert"]);
    let clients = fs::read_to_string(sandbox.path("n/clients.pem")).unwrap();
    assert_eq!(clients.matches("BEGIN CERTIFICATE").count(), 2);
}

#[test]
fn keys_and_setup_are_those_of_kwild() {
    let sandbox = kwil_admin();
    sandbox.stdout(["key", "gen", "-o", "k.json"]);
    assert_eq!(
        sandbox.stable(&sandbox.stdout(["setup", "init", "--root", "n", "-k", "k.json"])),
        "Kwil node configuration generated successfully at: ~/n\n"
    );
    assert!(sandbox.stdout(["--version"]).starts_with("kwil-admin version "));
}
