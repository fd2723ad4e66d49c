//! S1, S2, S13, S23 of the guide: keys.

use std::fs;

use crate::{kwild, mode};

#[test]
fn a_key_file_is_written_and_shown_as_the_guide_says() {
    let sandbox = kwild();
    insta::assert_snapshot!(sandbox.transcript(["key", "gen", "--key-file", "./nodekey.json"]), @r"
    exit 0
    --- stdout
    Private key written to ./nodekey.json
    ");
    let path = sandbox.path("nodekey.json");
    assert_eq!(mode(&path), 0o600);
    let content = fs::read_to_string(&path).unwrap();
    assert_eq!(sandbox.stable(&content), "{\"key\":\"<hex64>\",\"type\":\"secp256k1\"}");
    insta::assert_snapshot!(sandbox.transcript(["key", "info", "--key-file", "nodekey.json"]), @r"
    exit 0
    --- stdout
    Key type: secp256k1
    Private key (hex): <hex64>
    Public key (plain hex): <key>
    Node ID: <key>#secp256k1
    Equivalent User Address: 0x<address>
    ");
    insta::assert_snapshot!(sandbox.transcript(["key", "info", "--key-file=~/nodekey.json", "--output", "json"]), @r#"
    exit 0
    --- stdout
    {
      "result": {
        "key_type": "secp256k1",
        "private_key_text": "<hex64>",
        "public_key_hex": "<key>",
        "node_id": "<key>#secp256k1",
        "user_address": "0x<address>"
      },
      "error": ""
    }
    "#);
}

#[test]
fn an_existing_key_is_never_lost_by_accident() {
    let sandbox = kwild();
    sandbox.stdout(["key", "gen", "-o", "nodekey.json"]);
    let before = fs::read_to_string(sandbox.path("nodekey.json")).unwrap();
    insta::assert_snapshot!(sandbox.transcript(["key", "gen", "-o", "nodekey.json"]), @r"
    exit 1
    --- stderr
    key file already exists at ~/nodekey.json
    hint: a validator that loses its key loses its place; use --force to replace the file
    ");
    assert_eq!(fs::read_to_string(sandbox.path("nodekey.json")).unwrap(), before);
    sandbox.stdout(["key", "gen", "-o", "nodekey.json", "--force"]);
    assert_ne!(fs::read_to_string(sandbox.path("nodekey.json")).unwrap(), before);
}

#[test]
fn keys_of_both_types_are_printed_when_no_file_is_named() {
    let sandbox = kwild();
    insta::assert_snapshot!(sandbox.transcript(["key", "gen"]), @r"
    exit 0
    --- stdout
    Key type: secp256k1
    Private key (hex): <hex64>
    Public key (plain hex): <key>
    Node ID: <key>#secp256k1
    Equivalent User Address: 0x<address>
    ");
    insta::assert_snapshot!(sandbox.transcript(["key", "gen", "ed25519"]), @r"
    exit 0
    --- stdout
    Key type: ed25519
    Private key (hex): <hex128>
    Public key (plain hex): <hex64>
    Node ID: <hex64>#ed25519
    ");
    let raw = sandbox.stdout(["key", "gen", "--raw"]);
    assert_eq!(sandbox.stable(&raw), "<hex64>\n");
    insta::assert_snapshot!(sandbox.transcript(["key", "info", raw.trim(), "--public"]), @r"
    exit 0
    --- stdout
    Key type: secp256k1
    Public key (plain hex): <key>
    Node ID: <key>#secp256k1
    Equivalent User Address: 0x<address>
    ");
    insta::assert_snapshot!(sandbox.transcript(["key", "gen", "rsa"]), @r"
    exit 2
    --- stderr
    invalid key type (rsa): unknown key type: rsa
    hint: the key types are secp256k1 and ed25519
    ");
    insta::assert_snapshot!(sandbox.transcript(["key", "info"]), @r"
    exit 2
    --- stderr
    must provide with the private key file or hex string
    hint: kwild key info --key-file FILE, or kwild key info HEX
    ");
}

#[test]
fn broken_and_open_key_files_are_explained() {
    let sandbox = kwild();
    let path = sandbox.path("k.json");
    insta::assert_snapshot!(sandbox.transcript(["key", "info", "-o", "k.json"]), @r"
    exit 1
    --- stderr
    cannot show the key: ~/k.json: cannot read the key file: No such file or directory
    ");
    fs::write(&path, "{\"key\":\"00\",\"type\":\"secp256k1\"}").unwrap();
    insta::assert_snapshot!(sandbox.transcript(["key", "info", "-o", "k.json"]), @r"
    exit 1
    --- stderr
    cannot show the key: ~/k.json: the key file holds no usable key: secp256k1 private key needs 32 bytes, got 1
    ");
    fs::write(&path, "garbage").unwrap();
    insta::assert_snapshot!(sandbox.transcript(["key", "info", "-o", "k.json", "--json"]), @r#"
    exit 1
    --- stdout
    {
      "result": null,
      "error": "cannot show the key: ~/k.json: the key file is not {\"key\":\"<hex>\",\"type\":\"<type>\"}: line 1, column 1",
      "error_code": "failed"
    }
    "#);
    fs::remove_file(&path).unwrap();
    sandbox.stdout(["key", "gen", "-o", "k.json"]);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    insta::assert_snapshot!(sandbox.transcript(["key", "info", "-o", "k.json", "--public"]), @r"
    exit 0
    --- stdout
    Key type: secp256k1
    Public key (plain hex): <key>
    Node ID: <key>#secp256k1
    Equivalent User Address: 0x<address>

    --- stderr
    warning: the key file ~/k.json is readable by others (mode 0644); run: chmod 600 ~/k.json
    ");
}
