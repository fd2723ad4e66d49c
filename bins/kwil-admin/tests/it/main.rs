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
    insta::assert_snapshot!(sandbox.transcript(["validators", "list"]), @r"
    exit 3
    --- stderr
    cannot reach admin service at /nonexistent/kwild.socket: No such file or directory
    hint: is kwild running? use -s, or -r with the node's root directory
    ");
    insta::assert_snapshot!(sandbox.transcript(["validators", "join", "--output", "json"]), @r#"
    exit 3
    --- stdout
    {
      "result": null,
      "error": "cannot reach admin service at /nonexistent/kwild.socket: No such file or directory",
      "error_code": "unreachable"
    }
    "#);
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
    insta::assert_snapshot!(endpoint(&sandbox, &[]), @r"cannot reach admin service at /nonexistent/from-config: No such file or directory");
    sandbox.set("KWILD_ADMIN_LISTEN", "/nonexistent/from-node-variable");
    insta::assert_snapshot!(endpoint(&sandbox, &[]), @r"cannot reach admin service at /nonexistent/from-node-variable: No such file or directory");
    sandbox.set("KWILADMIN_RPCSERVER", "/nonexistent/from-variable");
    insta::assert_snapshot!(endpoint(&sandbox, &[]), @r"cannot reach admin service at /nonexistent/from-variable: No such file or directory");
    insta::assert_snapshot!(endpoint(&sandbox, &["--rpcserver", "unix:///nonexistent/from-flag"]), @r"cannot reach admin service at /nonexistent/from-flag: No such file or directory");
}

#[test]
fn wrong_endpoints_certificates_and_arguments_exit_with_2() {
    let sandbox = kwil_admin();
    insta::assert_snapshot!(sandbox.transcript(["status", "-s", "tcp://h:1"]), @r#"
    exit 2
    --- stderr
    invalid scheme "tcp" (must be http or https)
    "#);
    insta::assert_snapshot!(sandbox.transcript(["status", "-s", "https:///x"]), @r"
    exit 2
    --- stderr
    https with a unix socket not allowed
    ");
    insta::assert_snapshot!(sandbox.transcript(["status", "-s", "https://h.invalid", "--authrpc-cert", "missing.cert"]), @r"
    exit 2
    --- stderr
    kwild cert file not found, checked ~/missing.cert, ~/.kwild/missing.cert
    ");
    insta::assert_snapshot!(sandbox.transcript(["validators", "approve", "02ab"]), @r#"
    exit 2
    --- stderr
    invalid argument "02ab" for "<NODE ID>": invalid node ID in '02ab': invalid pubkey format, expected <pubkey#pubkeytype>
    hint: see 'kwil-admin validators approve --help'
    "#);
    insta::assert_snapshot!(sandbox.transcript(["blacklist", "add", NODE, "--duration", "5"]), @r#"
    exit 2
    --- stderr
    invalid duration format: time: missing unit in duration "5"
    "#);
    insta::assert_snapshot!(sandbox.transcript(["consensus", "propose", "--updates", "{\"block_size\":1}", "-d", "x"]), @r"
    exit 2
    --- stderr
    unknown parameter name: block_size
    ");
    insta::assert_snapshot!(sandbox.transcript(["consensus", "propose", "--updates", "{\"max_votes_per_tx\":1}", "-d", "x"]), @r"
    exit 7
    --- stderr
    Do you want to submit this proposal? (stdin is not a terminal)
    hint: answer with --yes
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "query-tx", "xyz"]), @r"
    exit 2
    --- stderr
    error decoding transaction id: invalid hash: expected 64 hex digits, got 3 characters
    ");
}

#[test]
fn a_client_certificate_is_made_once_and_accepted_by_the_node() {
    let sandbox = kwil_admin();
    fs::create_dir(sandbox.path("n")).unwrap();
    insta::assert_snapshot!(sandbox.transcript(["node", "gen-auth-key", "-r", "n"]), @r"
    exit 0
    --- stdout
    TLS key pair generated in ~/n/adminclient.key and ~/n/adminclient.cert
    ");
    let certificate = fs::read_to_string(sandbox.path("n/adminclient.cert")).unwrap();
    assert_eq!(fs::read_to_string(sandbox.path("n/clients.pem")).unwrap(), certificate);
    let mode = fs::metadata(sandbox.path("n/adminclient.key")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    insta::assert_snapshot!(sandbox.transcript(["node", "gen-auth-key", "-r", "n"]), @r"
    exit 1
    --- stderr
    key file exists: ~/n/adminclient.key
    ");
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
