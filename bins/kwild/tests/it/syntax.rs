//! Flag syntax, help, version, unknown words.

use crate::kwild;

#[test]
fn groups_and_the_program_alone_print_help_and_succeed() {
    let sandbox = kwild();
    for args in
        [vec![], vec!["setup"], vec!["key"], vec!["validators"], vec!["admin", "--output", "text"]]
    {
        let shown = sandbox.stdout(&args);
        assert!(shown.contains("\nUsage: kwild"), "{args:?}: {shown}");
    }
    insta::assert_snapshot!(sandbox.transcript(["key"]), @r"
    exit 0
    --- stdout
    Make and show node keys

    Usage: kwild key [OPTIONS] <COMMAND>

    Commands:
      gen   Make a node key
      info  Show what belongs to a private key
      help  Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Global flags:
      -r, --root <DIR>        Directory of the node
          --output <FORMAT>   Form of the output: text or json
          --json[=<BOOL>]     Same as --output json
          --color <WHEN>      Use colour: auto, always or never
      -V, --version[=<BOOL>]  Print the version

    Examples:
      kwild key gen --key-file ~/nodekey.json
      kwild key info --key-file ~/nodekey.json
    ");
}

#[test]
fn version_is_a_flag_everywhere_and_a_command() {
    let sandbox = kwild();
    let want = format!("kwild version {}\n", env!("CARGO_PKG_VERSION"));
    for args in [
        vec!["--version"],
        vec!["-v"],
        vec!["-V"],
        vec!["start", "--version"],
        vec!["validators", "approve", "-V"],
    ] {
        assert_eq!(sandbox.stdout(&args), want, "{args:?}");
    }
    let shown = sandbox.stdout(["version", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&shown).unwrap();
    for key in ["version", "git_commit", "build_time", "api_version", "rust_version", "os", "arch"]
    {
        assert!(answer["result"][key].is_string(), "{key}");
    }
}

#[test]
fn unknown_words_get_a_suggestion_and_exit_2() {
    let sandbox = kwild();
    insta::assert_snapshot!(sandbox.transcript(["strat"]), @r#"
    exit 2
    --- stderr
    unknown command "strat" for "kwild"
    hint: did you mean start?
    hint: see 'kwild --help'
    "#);
    insta::assert_snapshot!(sandbox.transcript(["start", "--p2p.bootnode", "x"]), @r"
    exit 2
    --- stderr
    unknown flag: --p2p.bootnode
    hint: did you mean --p2p.bootnodes?
    hint: see 'kwild start --help'
    ");
    insta::assert_snapshot!(sandbox.transcript(["key", "gen", "a", "b"]), @r#"
    exit 2
    --- stderr
    unexpected argument "b" for "kwild key gen"
    hint: see 'kwild key gen --help'
    "#);
    insta::assert_snapshot!(sandbox.transcript(["validators", "approve"]), @r"
    exit 2
    --- stderr
    missing argument: <NODE ID>
    hint: see 'kwild validators approve --help'
    ");
    insta::assert_snapshot!(sandbox.transcript(["validators", "replace-leader", "x", "y", "--json"]), @r#"
    exit 2
    --- stdout
    {
      "result": null,
      "error": "invalid argument \"x\" for \"<NODE ID>\": invalid node ID in 'x': invalid pubkey format, expected <pubkey#pubkeytype>",
      "error_code": "usage"
    }
    "#);
    insta::assert_snapshot!(sandbox.transcript(["key", "gen", "--raw=maybe"]), @r#"
    exit 2
    --- stderr
    invalid argument "maybe" for "--raw[=<BOOL>]": must be true or false
    hint: see 'kwild key gen --help'
    "#);
    insta::assert_snapshot!(sandbox.transcript(["version", "--output", "yaml"]), @r"
    exit 2
    --- stderr
    invalid output format: yaml
    ");
}

#[test]
fn flags_stand_anywhere_and_may_be_spelled_with_underscores() {
    let sandbox = kwild();
    let text = sandbox.stdout([
        "--p2p.target_connections=7",
        "print-config",
        "--consensus.empty_block_timeout",
        "5s",
        "--p2p.pex=f",
    ]);
    for line in ["target_connections = 7", "empty_block_timeout = '5s'", "pex = false"] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}");
    }
    let text = sandbox.stdout(["print-config", "--p2p.no-pex"]);
    assert!(text.contains("\npex = false\n"));
}

#[test]
fn completion_scripts_name_the_commands() {
    let sandbox = kwild();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = sandbox.stdout(["completion", shell]);
        assert!(script.contains("print-config") && script.contains("testnet"), "{shell}");
    }
    insta::assert_snapshot!(sandbox.transcript(["completion", "tcsh"]), @r#"
    exit 2
    --- stderr
    invalid argument "tcsh" for "<SHELL>": must be one of bash, elvish, fish, powershell, zsh
    hint: see 'kwild completion --help'
    "#);
}
