//! The real `kwil-cli` without a node: settings, keys, and what it says when there is no node.

use std::fs;

use kwil_cmd::testing::Sandbox;

const KEY: &str = "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e";
const ADDRESS: &str = "0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7";
/// Discard port of this machine: nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";

fn kwil_cli() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_kwil-cli"))
}

#[test]
fn a_missing_node_is_told_with_the_endpoint_and_exit_3() {
    let mut sandbox = kwil_cli();
    sandbox.set("KWILCLI_PROVIDER", NOBODY);
    sandbox.set("KWILCLI_PRIVATE_KEY", KEY);
    insta::assert_snapshot!(sandbox.transcript(["utils", "chain-info"]), @r"
    exit 3
    --- stderr
    cannot reach RPC provider at http://127.0.0.1:9: Connection refused
    hint: check --provider, and that the node is running
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "ping", "--output", "json"]), @r#"
    exit 3
    --- stdout
    {
      "result": null,
      "error": "cannot reach RPC provider at http://127.0.0.1:9: Connection refused",
      "error_code": "unreachable"
    }
    "#);
    insta::assert_snapshot!(sandbox.transcript(["account", "balance", "-S"]), @r"exit 3");
    let hash = "ab".repeat(32);
    for args in [
        vec!["account", "balance", ADDRESS],
        vec!["account", "transfer", ADDRESS, "5"],
        vec!["account", "transfer", ADDRESS, "secp256k1", "5", "-N", "3", "--sync"],
        vec!["utils", "query-tx", &hash],
    ] {
        let output = sandbox.run(&args);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {output:?}");
    }
}

#[test]
fn settings_are_written_shown_and_private() {
    let sandbox = kwil_cli();
    insta::assert_snapshot!(sandbox.transcript(["configure", "--provider", "http://h:1", "--private-key", KEY]), @r"
    exit 0
    --- stdout
    Configuration written to ~/.kwil-cli/config.json
    ");
    let text = fs::read_to_string(sandbox.path(".kwil-cli/config.json")).unwrap();
    insta::assert_snapshot!(sandbox.stable(&text), @r#"
    {
      "private_key": "<hex64>",
      "provider": "http://h:1"
    }
    "#);
    let mode = |name: &str| {
        std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(sandbox.path(name)).unwrap().permissions(),
        ) & 0o777
    };
    assert_eq!((mode(".kwil-cli"), mode(".kwil-cli/config.json")), (0o700, 0o600));
    insta::assert_snapshot!(sandbox.transcript(["utils", "print-config"]), @r"
    exit 0
    --- stdout
    PrivateKey: ***
    Provider: http://h:1
    ChainID:
    ");
    assert_eq!(sandbox.stdout(["account", "id"]), format!("{ADDRESS}\n"));
    sandbox.stdout(["configure", "--set", "chain_id=prod-chain", "--set", "provider=quic://h:2"]);
    assert_eq!(sandbox.stdout(["configure", "--get", "chain_id"]), "prod-chain\n");
    insta::assert_snapshot!(sandbox.transcript(["configure", "--set", "chainid=x"]), @r#"
    exit 2
    --- stderr
    unknown key "chainid"; the keys are provider, chain_id, private_key, private_key_file, default_profile
    hint: did you mean chain_id?
    "#);
    insta::assert_snapshot!(sandbox.transcript(["configure", "--set", "private_key=xyz"]), @r"
    exit 2
    --- stderr
    failed to parse private key: not hexadecimal: Odd number of digits
    ");
    insta::assert_snapshot!(sandbox.transcript(["configure", "-S"]), @r"exit 2");
}

#[test]
fn variables_win_over_flags_with_a_warning_and_named_files_must_exist() {
    let mut sandbox = kwil_cli();
    insta::assert_snapshot!(sandbox.transcript(["account", "id"]), @r"
    exit 2
    --- stderr
    no private key configured
    hint: kwil-cli configure, or --private-key
    ");
    insta::assert_snapshot!(sandbox.transcript(["account", "id", "-c", "missing.json"]), @r"
    exit 2
    --- stderr
    specified config file at ~/missing.json not found
    ");
    insta::assert_snapshot!(sandbox.transcript(["account", "id", "--private-key", "0xyz"]), @r"
    exit 2
    --- stderr
    failed to parse private key: not hexadecimal: Invalid character 'y' at position 0
    ");
    sandbox.set("KWILCLI_CHAIN_ID", "from-variable");
    insta::assert_snapshot!(sandbox.transcript(["utils", "print-config", "--chain-id", "from-flag", "--json"]), @r#"
    exit 0
    --- stdout
    {
      "result": {
        "private_key": "",
        "provider": "http://127.0.0.1:8484",
        "chain_id": "from-variable"
      },
      "error": ""
    }

    --- stderr
    warning: variable KWILCLI_CHAIN_ID overrides flag --chain-id
    "#);
}

#[test]
fn keys_are_made_on_the_terminal_or_in_a_private_file() {
    let sandbox = kwil_cli();
    insta::assert_snapshot!(sandbox.transcript(["utils", "generate-key"]), @r"
    exit 0
    --- stdout
    Private key: <hex64>
    Public key:  <key>
    Address:     0x<address>
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "generate-key", "-o", "wallet.key"]), @r"
    exit 0
    --- stdout
    Private key written to ~/wallet.key
    Public key: <key>
    Address:    0x<address>
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "generate-key", "-o", "wallet.key", "--json"]), @r#"
    exit 1
    --- stdout
    {
      "result": null,
      "error": "key file already exists at ~/wallet.key",
      "error_code": "failed"
    }
    "#);
    let content = fs::read_to_string(sandbox.path("wallet.key")).unwrap();
    assert_eq!(sandbox.stable(&content), "<hex64>\n");
    let id = sandbox.stdout(["account", "id", "--private-key-file", "wallet.key"]);
    assert_eq!(sandbox.stable(&id), "0x<address>\n");
}

#[test]
fn wrong_arguments_exit_with_2_and_say_which() {
    let mut sandbox = kwil_cli();
    sandbox.set("KWILCLI_PRIVATE_KEY", KEY);
    sandbox.set("KWILCLI_PROVIDER", NOBODY);
    insta::assert_snapshot!(sandbox.transcript(["account", "transfer", ADDRESS, "1.5"]), @r"
    exit 2
    --- stderr
    invalid decimal amount
    ");
    insta::assert_snapshot!(sandbox.transcript(["account", "transfer", "nobody", "1"]), @r#"
    exit 2
    --- stderr
    failed to decode account ID: account identifier "nobody" is not hexadecimal
    "#);
    insta::assert_snapshot!(sandbox.transcript(["account", "transfer", ADDRESS]), @r"
    exit 2
    --- stderr
    missing argument: <AMOUNT>...
    hint: see 'kwil-cli account transfer --help'
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "query-tx", "12"]), @r"
    exit 2
    --- stderr
    error decoding transaction id: invalid hash: expected 64 hex digits, got 2 characters
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "decode-tx", "zz"]), @r"
    exit 2
    --- stderr
    the transaction is neither hex nor base64
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "decode-tx", "00"]), @r"
    exit 2
    --- stderr
    cannot decode the transaction: 2 bytes expected at offset 0, 1 left
    ");
    insta::assert_snapshot!(sandbox.transcript(["utils", "ping", "--provider", "", "--timeout", "x"]), @r#"
    exit 2
    --- stderr
    invalid argument "x" for "--timeout <DURATION>": time: invalid duration "x"
    hint: see 'kwil-cli utils ping --help'
    "#);
    insta::assert_snapshot!(sandbox.transcript(["utils", "known-nodes", "remove", "h:1"]), @r"
    exit 4
    --- stderr
    no node at h:1 is known
    ");
}

#[test]
fn a_transaction_of_the_vectors_is_decoded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/tx-node.json");
    let vectors: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let (mut seen, sandbox) = (0, kwil_cli());
    for vector in vectors["transactions"].as_array().unwrap() {
        let Some(raw) = vector["tx_binary_hex"].as_str() else { continue };
        let shown = sandbox.stdout(["utils", "decode-tx", raw, "--payload"]);
        let id = format!("Transaction ID: {}\n", vector["tx_hash"].as_str().unwrap());
        assert!(shown.starts_with(&id), "{shown}");
        let kind = format!("\nPayload type: {}\n", vector["payload_type"].as_str().unwrap());
        assert!(shown.contains(&kind) && shown.contains("\nPayload (json): "), "{shown}");
        seen += 1;
    }
    assert!(seen > 5, "{seen} transactions");
}

#[test]
fn every_kind_of_endpoint_can_be_named() {
    let sandbox = kwil_cli();
    for endpoint in
        ["127.0.0.1:9", "grpc://127.0.0.1:9", "quic://127.0.0.1:9", "/nonexistent/socket"]
    {
        let output = sandbox.run(["utils", "ping", "--timeout", "1s", "--provider", endpoint]);
        assert_eq!(output.status.code(), Some(3), "{endpoint}: {output:?}");
    }
}

#[test]
fn wrong_statements_and_parameters_exit_with_2_before_any_node_is_asked() {
    let mut sandbox = kwil_cli();
    sandbox.set("KWILCLI_PROVIDER", NOBODY);
    fs::write(sandbox.path("schema.sql"), "CREATE TABLE t (id INT PRIMARY KEY, name);\n").unwrap();
    fs::write(sandbox.path("empty.sql"), " \n").unwrap();
    let both = "cannot specify both";
    for (args, says) in [
        (vec!["query"], "no SQL statement provided"),
        (vec!["exec-sql"], "no SQL statement provided"),
        (vec!["exec-sql", "-f", "empty.sql"], "no SQL statement provided"),
        (vec!["exec-sql", "-"], "no SQL statement provided"),
        (
            vec!["exec-sql", "-f", "missing.sql"],
            "cannot read the SQL file ~/missing.sql: No such file",
        ),
        (
            vec!["query", "SELECT 1", "-s", "SELECT 2"],
            "cannot provide both a --stmt flag and an argument",
        ),
        (
            vec!["query", "-s", "SELECT 1", "--sql", "SELECT 2"],
            "received two SQL statements: \"SELECT 1\" and \"SELECT 2\"",
        ),
        (
            vec!["query", "SELECT 1", "-f", "schema.sql"],
            "received two SQL statements: \"SELECT 1\" and \"file schema.sql\"",
        ),
        (
            vec!["query", "SELECT 1", "-p", "a"],
            "invalid argument: a.  argument must be in the form of name:type=value",
        ),
        (vec!["query", "SELECT 1", "-p", "a:money=1"], "invalid data type: money; parameter a"),
        (
            vec!["query", "SELECT 1", "-p", "a:int8=one"],
            "error parsing value: \"one\" is no integer of 64 bits; parameter a",
        ),
        (
            vec!["exec-action", "act", "5"],
            "invalid parameter format: \"5\"; parameters must be of format type:value",
        ),
        (vec!["exec-action", "act", "int8:x"], "invalid parameter value: \"x\""),
        (vec!["exec-action", "act", "int8:1", "--csv", "rows.csv"], both),
        (vec!["exec-action", "act", "int8:1", "-p", "a:int8=1"], both),
        (vec!["exec-action", "act", "-m", "a:b"], "--csv-mapping needs --csv"),
        (vec!["exec-action", "act", "int8:1"], "private key not provided"),
        (
            vec!["call-action", "act", "--rpc-auth"],
            "private key not provided for authenticated calls",
        ),
        (vec!["call-action"], "missing argument: <ACTION>"),
        (vec!["query", "SELECT 1", "--min-height", "-1"], "invalid argument"),
    ] {
        let output = sandbox.run(&args);
        let err = sandbox.stable(&String::from_utf8_lossy(&output.stderr));
        assert!(err.starts_with(says), "{args:?}: {err}");
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {output:?}");
    }
}

#[test]
fn a_wrong_statement_is_shown_with_its_place_and_right_ones_reach_for_the_node() {
    let mut sandbox = kwil_cli();
    sandbox.set("KWILCLI_PROVIDER", NOBODY);
    fs::write(sandbox.path("schema.sql"), "CREATE TABLE t (id INT PRIMARY KEY, name);\n").unwrap();
    insta::assert_snapshot!(sandbox.transcript(["exec-sql", "-f", "schema.sql"]), @r#"
    exit 2
    --- stderr
    failed to parse SQL statement: syntax error: unexpected ")", expected a type
     --> line 1, column 41
    1 | CREATE TABLE t (id INT PRIMARY KEY, name);
      |                                         ^
    "#);
    insta::assert_snapshot!(sandbox.transcript(["query", "SELECT 1", "-p", "a:bool=maybe", "--json"]), @r#"
    exit 2
    --- stdout
    {
      "result": null,
      "error": "error parsing value: \"maybe\" is neither true nor false; parameter a",
      "error_code": "usage"
    }
    "#);
    sandbox.set("KWILCLI_PRIVATE_KEY", KEY);
    for args in [
        vec!["exec-sql", "SELECT 1"],
        vec!["exec-action", "act", "int8:1", "null"],
        vec!["call-action", "act", "-p", "a:text[]=x,y"],
        vec!["query", "SELECT $a", "-p", "$A:numeric(10,2)=1.5"],
    ] {
        assert_eq!(sandbox.run(&args).status.code(), Some(3), "{args:?}");
    }
}
