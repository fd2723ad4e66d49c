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
    insta::assert_snapshot!(sandbox.transcript(["utils", "chain-info"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "ping", "--output", "json"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["account", "balance", "-S"]), @"");
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
    insta::assert_snapshot!(sandbox.transcript(["configure", "--provider", "http://h:1", "--private-key", KEY]), @"");
    let text = fs::read_to_string(sandbox.path(".kwil-cli/config.json")).unwrap();
    insta::assert_snapshot!(sandbox.stable(&text), @"");
    let mode = |name: &str| {
        std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(sandbox.path(name)).unwrap().permissions(),
        ) & 0o777
    };
    assert_eq!((mode(".kwil-cli"), mode(".kwil-cli/config.json")), (0o700, 0o600));
    insta::assert_snapshot!(sandbox.transcript(["utils", "print-config"]), @"");
    assert_eq!(sandbox.stdout(["account", "id"]), format!("{ADDRESS}\n"));
    sandbox.stdout(["configure", "--set", "chain_id=prod-chain", "--set", "provider=quic://h:2"]);
    assert_eq!(sandbox.stdout(["configure", "--get", "chain_id"]), "prod-chain\n");
    insta::assert_snapshot!(sandbox.transcript(["configure", "--set", "chainid=x"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["configure", "--set", "private_key=xyz"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["configure", "-S"]), @"");
}

#[test]
fn variables_win_over_flags_with_a_warning_and_named_files_must_exist() {
    let mut sandbox = kwil_cli();
    insta::assert_snapshot!(sandbox.transcript(["account", "id"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["account", "id", "-c", "missing.json"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["account", "id", "--private-key", "0xyz"]), @"");
    sandbox.set("KWILCLI_CHAIN_ID", "from-variable");
    insta::assert_snapshot!(sandbox.transcript(["utils", "print-config", "--chain-id", "from-flag", "--json"]), @"");
}

#[test]
fn keys_are_made_on_the_terminal_or_in_a_private_file() {
    let sandbox = kwil_cli();
    insta::assert_snapshot!(sandbox.transcript(["utils", "generate-key"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "generate-key", "-o", "wallet.key"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "generate-key", "-o", "wallet.key", "--json"]), @"");
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
    insta::assert_snapshot!(sandbox.transcript(["account", "transfer", ADDRESS, "1.5"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["account", "transfer", "nobody", "1"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["account", "transfer", ADDRESS]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "query-tx", "12"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "decode-tx", "zz"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "decode-tx", "00"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "ping", "--provider", "", "--timeout", "x"]), @"");
    insta::assert_snapshot!(sandbox.transcript(["utils", "known-nodes", "remove", "h:1"]), @"");
}

#[test]
fn a_transaction_of_the_vectors_is_decoded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/tx-node.json");
    let vectors: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let (mut seen, sandbox) = (0, kwil_cli());
    for vector in vectors["transactions"].as_array().unwrap() {
        let Some(raw) = vector["tx_hex"].as_str() else { continue };
        let shown = sandbox.stdout(["utils", "decode-tx", raw, "--payload"]);
        let id = format!("Transaction ID: {}\n", vector["tx_hash"].as_str().unwrap());
        assert!(shown.starts_with(&id), "{shown}");
        let kind = format!("\nPayload type: {}\n", vector["payload_type"].as_str().unwrap());
        assert!(shown.contains(&kind) && shown.contains("\nPayload (json): "), "{shown}");
        seen += 1;
    }
    assert!(seen > 5, "{seen} transactions");
}
