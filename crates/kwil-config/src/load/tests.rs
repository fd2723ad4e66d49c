//! Sources, priorities, problems, and that the written file reads back.

use proptest::prelude::*;

use super::*;
use crate::byte_size::ByteSize;
use crate::config::DbMode;
use crate::host_port::HostPort;
use crate::setting::Kind;
use crate::write::WriteOptions;

const NODE: &str = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82#secp256k1";
const OTHER: &str = "03b0eedfb09ac1e19fa6f5eb1d5ade53c120ef32d988e60bb40ab08133b573ba30#secp256k1";

fn from_file(text: &str) -> Result<Loaded, ConfigError> {
    load(Sources { file: Some(FileText { path: "/data/config.toml", text }), flags: &[], env: &[] })
}

fn flag(key: &str, values: &[&str]) -> (String, Vec<String>) {
    (key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn nothing_given_means_defaults() {
    let loaded = load(Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.config.db.mode(), DbMode::Managed);
}

#[test]
fn variables_beat_flags_beat_file_beats_defaults() {
    let file = FileText { path: "c", text: "[rpc]\nlisten = '1.1.1.1:1'\n" };
    let flags = [flag("rpc.listen", &["2.2.2.2:2"])];
    let env = [variable("KWILD_RPC_LISTEN", "3.3.3.3:3")];
    let port = |sources| load(sources).unwrap().config.rpc.listen.port();
    assert_eq!(port(Sources::default()), 8484);
    assert_eq!(port(Sources { file: Some(file), ..Sources::default() }), 1);
    assert_eq!(port(Sources { file: Some(file), flags: &flags, env: &[] }), 2);
    let all = load(Sources { file: Some(file), flags: &flags, env: &env }).unwrap();
    assert_eq!(all.config.rpc.listen.port(), 3);
    assert_eq!(all.warnings, ["variable KWILD_RPC_LISTEN overrides flag --rpc.listen"]);
    assert_eq!(all.origins["rpc.listen"], Origin::Env("KWILD_RPC_LISTEN".to_owned()));
}

/// A value for each shape that differs from every default of that shape.
fn sample(key: &crate::config::Key) -> String {
    let special = match key.name.as_str() {
        "profile_mode" => "cpu",
        "log.level" => "debug",
        "log.format" => "json",
        "p2p.listen" => "127.0.0.1:7001",
        "rpc.listen" => "127.0.0.1:7002",
        "telemetry.prometheus_listen" => "127.0.0.1:7003",
        "telemetry.trace_ratio" => "0.5",
        "p2p.external_address" => "h.example:7004",
        "p2p.bootnodes" | "state_sync.trusted_providers" => return format!("{NODE}@1.2.3.4:5"),
        "p2p.whitelist" | "p2p.hide" | "admin.allowed_keys" => return NODE.to_owned(),
        "db.port" => "5440",
        "db.sslmode" => "require",
        "rpc.disabled_services" => "chain",
        "rpc.signed_callers" => "required",
        "consensus.view_timeout" => "9s",
        "consensus.leader_timeout" => "1500ms",
        "consensus.heartbeat_interval" => "300ms",
        "checkpoint.hash" => return "ab".repeat(32),
        "erc20_bridge.rpc" => "sepolia=wss://x",
        _ => "",
    };
    if !special.is_empty() {
        return special.to_owned();
    }
    match key.kind {
        Kind::Bool => if key.default == "true" { "false" } else { "true" }.to_owned(),
        Kind::Integer | Kind::Size | Kind::Float => "17".to_owned(),
        Kind::Duration => "25s".to_owned(),
        Kind::Text | Kind::List => "word".to_owned(),
        Kind::Map => "sepolia=5".to_owned(),
    }
}

/// Keys that need a partner, and the partner.
fn partner(key: &str) -> Option<(&'static str, String)> {
    match key {
        "rpc.tls_cert" => Some(("rpc.tls_key", "k".to_owned())),
        "rpc.tls_key" => Some(("rpc.tls_cert", "c".to_owned())),
        "checkpoint.height" => Some(("checkpoint.hash", "ab".repeat(32))),
        "checkpoint.hash" => Some(("checkpoint.height", "5".to_owned())),
        "db.sslrootcert" => Some(("db.sslmode", "verify-full".to_owned())),
        "migrations.enable" => Some(("migrations.migrate_from", "http://h".to_owned())),
        "consensus.leader_timeout" => Some(("consensus.view_timeout", "9s".to_owned())),
        _ => None,
    }
}

#[test]
fn every_key_can_be_set_by_flag_by_variable_and_by_file() {
    for key in Config::keys() {
        let value = sample(&key);
        let extra = partner(&key.name);
        let mut flags = vec![(key.name.clone(), vec![value.clone()])];
        let mut env = vec![(key.env.clone(), value.clone())];
        if let Some((name, text)) = &extra {
            flags.push(((*name).to_owned(), vec![text.clone()]));
            env.push((env_name(name), text.clone()));
        }
        let by_flag =
            load(Sources { flags: &flags, ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        assert_ne!(by_flag.config, Config::default(), "{} = {value}", key.name);
        let by_env =
            load(Sources { env: &env, ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(by_env.config, by_flag.config, "{}", key.name);
        let text = by_flag.config.to_toml(WriteOptions::default());
        let by_file = from_file(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(by_file.config, by_flag.config, "{}", key.name);
    }
}

#[test]
fn the_default_file_reads_back_without_a_warning() {
    let loaded = from_file(&Config::default().to_toml(WriteOptions::default())).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn bootnodes_are_a_string_a_list_or_repeated_flags() {
    let (a, b) = (format!("{NODE}@1.1.1.1:6600"), format!("{OTHER}@[::1]:6601"));
    let want = |loaded: Loaded| {
        let texts: Vec<String> =
            loaded.config.p2p.bootnodes.iter().map(ToString::to_string).collect();
        assert_eq!(texts, [a.clone(), b.clone()]);
    };
    want(from_file(&format!("[p2p]\nbootnodes = \"{a}, {b}\"\n")).unwrap());
    want(from_file(&format!("[p2p]\nbootnodes = ['{a}', '{b}']\n")).unwrap());
    let joined = format!("{a},{b}");
    for values in [vec![a.as_str(), b.as_str()], vec![joined.as_str()]] {
        want(
            load(Sources { flags: &[flag("p2p.bootnodes", &values)], ..Sources::default() })
                .unwrap(),
        );
    }
    want(
        load(Sources { env: &[variable("KWILD_P2P_BOOTNODES", &joined)], ..Sources::default() })
            .unwrap(),
    );
    let twice = flag("p2p.bootnodes", &[&a]);
    let one = load(Sources {
        file: Some(FileText { path: "c", text: &format!("[p2p]\nbootnodes = '{b}'") }),
        flags: &[twice],
        env: &[],
    });
    assert_eq!(one.unwrap().config.p2p.bootnodes.len(), 1, "a flag replaces the list of the file");
}

#[test]
fn all_problems_are_reported_together_with_their_lines() {
    let text = "\
log_level = 'debug'
[p2p]
bootnode = 'x'
listen = '1.2.3.4:99999'
bootnodes = ['nonsense', 'more']
[consensus]
propose_timeout = '100ms'
empty_block_timeout = '15'
[nonsense]
a = 1
[db]
max_connections = 1
host = 5
";
    let flags = [flag("mempool.max_size", &["big"])];
    let env = [variable("KWILD_RPC_PRIVATE", "maybe")];
    let error = load(Sources {
        file: Some(FileText { path: "/d/config.toml", text }),
        flags: &flags,
        env: &env,
    })
    .unwrap_err();
    insta::assert_snapshot!(error, @r#"
    error loading config from /d/config.toml:
      line 1: log_level: unrecognized field (did you mean `log.level`?)
      line 3: p2p.bootnode: unrecognized field (did you mean `p2p.bootnodes`?)
      line 4: p2p.listen: invalid P2P listen port: '99999' in '1.2.3.4:99999' is not a number from 0 to 65535
      line 5: p2p.bootnodes: invalid peer 'nonsense', expected <pubkey>#<type>@<host>:<port>; invalid peer 'more', expected <pubkey>#<type>@<host>:<port>
      line 7: consensus.propose_timeout: propose timeout should be at least 500ms
      line 8: consensus.empty_block_timeout: time: missing unit in duration "15"
      line 9: nonsense: unrecognized field
      line 12: db.max_connections: at least two total connections are required
      line 13: db.host: expected a string, found an integer
      flag --mempool.max-size: expected a size in bytes like 6000000 or '64MiB', found 'big'
      variable KWILD_RPC_PRIVATE: rpc.private: expected true or false, found 'maybe'
    "#);
}

#[test]
fn each_check_names_its_key() {
    let cases = [
        ("shutdown_timeout = '0s'", "shutdown_timeout: must be longer than 0s, got 0s"),
        ("profile_mode = 'all'", "profile_mode: unknown profile mode all"),
        ("[log]\nlevel = 'loud'", "log.level: unknown log level: loud"),
        (
            "[log]\nformat = 'xml'",
            "log.format: unknown log format: xml (must be plain, text or json)",
        ),
        ("[log]\nfile_roll_size = 0", "log.file_roll_size: must be greater than 0, got 0"),
        ("[log]\nretain_max_rolls = -1", "log.retain_max_rolls: must not be negative, got -1"),
        ("[telemetry]\ntrace_ratio = 2", "telemetry.trace_ratio: must be from 0 to 1, got 2"),
        (
            "[p2p]\nlisten = 'nowhere'",
            "p2p.listen: invalid P2P listen address: 'nowhere' is not host:port",
        ),
        ("[p2p]\ntarget_connections = -1", "from 0 to 4294967295, found '-1'"),
        ("[p2p]\nwhitelist = 'x'", "p2p.whitelist: invalid whitelist node ID in 'x'"),
        (
            "[consensus]\nblock_ann_interval = '0s'",
            "consensus.block_ann_interval: must be longer than 0s",
        ),
        (
            "[consensus]\nleader_timeout = '100ms'",
            "must be at least 3 x heartbeat_interval (750ms), got 100ms",
        ),
        ("[consensus]\nview_timeout = '900ms'", "must be at least leader_timeout (1s), got 900ms"),
        ("[mempool]\nmax_tx_bytes = 0", "mempool.max_tx_bytes: must be greater than 0, got 0"),
        ("[db]\nuser = ''", "db.user: db user must not be empty"),
        ("[db]\nport = 'x'", "db.port: 'x' is not a port from 1 to 65535"),
        ("[db]\npass = 'a'\npass_file = 'b'", "set either db.pass or db.pass_file, not both"),
        (
            "[db]\nsslmode = 'on'",
            "unknown sslmode 'on' (must be disable, prefer, require, verify-ca",
        ),
        ("[db]\nsslmode = 'require'\nsslrootcert = 'ca.pem'", "db.sslrootcert: is looked at only"),
        ("[db]\nsslmode = 'verify-ca'", "verify-ca needs the authority that signed"),
        ("[rpc]\ndisabled_services = 'user,x'", "rpc.disable_services: invalid namespace x"),
        ("[rpc]\ntls_cert = 'c'", "rpc.tls_cert and rpc.tls_key belong together, one is missing"),
        ("[rpc]\nlisten = ':6600'", "rpc.listen: 0.0.0.0:6600 is taken by p2p.listen already"),
        (
            "[admin]\nlisten = 'tcp://h'",
            "admin.listen: invalid scheme \"tcp\" (must be http or https)",
        ),
        (
            "[admin]\nlisten = '127.0.0.1:8484'",
            "admin.listen: 127.0.0.1:8484 is taken by rpc.listen already",
        ),
        (
            "[snapshots]\nmax_snapshots = 0",
            "snapshots.max_snapshots: must be greater than 0, got 0",
        ),
        (
            "[state_sync]\nconcurrent_chunk_fetchers = 21",
            "state_sync.concurrent_chunk_fetchers: must be between 1 and 20, got 21",
        ),
        ("[migrations]\nenable = true", "migrate_from is mandatory for migration"),
        (
            "[checkpoint]\nheight = 5",
            "checkpoint.height and checkpoint.hash belong together, one is missing",
        ),
        (
            "[checkpoint]\nheight = 5\nhash = 'xy'",
            "checkpoint.hash: must be 64 hex digits or empty",
        ),
        (
            "[erc20_bridge]\nrpc = { sepolia = 'http://x' }",
            "erc20_bridge.rpc: must start with wss:// or ws://",
        ),
        ("[erc20_bridge]\nrpc = { moon = 'ws://x' }", "erc20_bridge.rpc: invalid chain moon"),
        (
            "[erc20_bridge]\nrpc = { base_sepolia = 'ws://x' }",
            "use canonical chain name \"base-sepolia\" instead of \"base_sepolia\"",
        ),
        ("[block_sync]\nidle_timeout = '0s'", "block_sync.idle_timeout: must be longer than 0s"),
        (
            "[log]\nlevel = 5",
            "log.level: expected a level like 'info' or 'info,CONS=debug', found an integer",
        ),
        ("log = 5", "log: expected a section, found a value of type integer"),
        ("[p2p\nlisten = 'x'", "line 1: "),
        ("a = 1\na = 2", "line 2: "),
        ("[p2p]\npersistent_peers = 'x'", "(did you mean `p2p.bootnodes`?)"),
        ("bootnodes = ''", "(did you mean `p2p.bootnodes`?)"),
        ("[extensions]\nx = 1", "extensions.x: expected a section"),
    ];
    for (text, want) in cases {
        let error = from_file(text).expect_err(text).to_string();
        assert!(error.contains(want), "{text}\n  gave: {error}\n  want: {want}");
    }
}

#[test]
fn old_spellings_are_read_with_a_warning() {
    let text = "[migration]\nenable = true\nfrom = 'http://old'\n[statesync]\nenable = true\n\
                [logging]\nlevel = 'warn'\n[mempool]\nMaxTxBytes = 77\n\
                [erc20_bridge]\nblock_sync_chuck_size = { sepolia = 1000 }\n";
    let loaded = from_file(text).unwrap();
    assert_eq!(loaded.config.migrations.migrate_from, "http://old");
    assert!(loaded.config.state_sync.enable);
    assert_eq!(loaded.config.mempool.max_tx_bytes, ByteSize::new(77));
    assert_eq!(loaded.config.erc20_bridge.block_sync_chunk_size["sepolia"], "1000");
    assert_eq!(loaded.warnings.len(), 6, "{:?}", loaded.warnings);
    assert!(loaded.warnings.contains(
        &"line 3: `migrations.from` is an old spelling of `migrations.migrate_from`".into()
    ));
}

#[test]
fn unknown_variables_warn_and_foreign_ones_do_not() {
    let env = [
        variable("KWILD_ROOT", "/x"),
        variable("KWILD_TEST_KEEP", "1"),
        variable("PATH", "/bin"),
        variable("KWILD_P2P_BOOTNODE", ""),
    ];
    let loaded = load(Sources { env: &env, ..Sources::default() }).unwrap();
    assert_eq!(
        loaded.warnings,
        ["unknown variable KWILD_P2P_BOOTNODE is ignored; did you mean KWILD_P2P_BOOTNODES?"]
    );
}

#[test]
fn extensions_take_any_scalar_and_flags_override_them() {
    let text = "[extensions.oracle]\nport = 5\nurl = 'x'\non = true\n[extensions.'od d']\n";
    let flags = [flag("extensions.oracle.url", &["y"])];
    let file = FileText { path: "c", text };
    let loaded = load(Sources { file: Some(file), flags: &flags, env: &[] }).unwrap();
    let oracle = &loaded.config.extensions["oracle"];
    assert_eq!(
        (oracle["port"].as_str(), oracle["url"].as_str(), oracle["on"].as_str()),
        ("5", "y", "true")
    );
    let again = from_file(&loaded.config.to_toml(WriteOptions::default())).unwrap();
    assert_eq!(again.config.extensions, loaded.config.extensions);
}

#[test]
fn masked_text_shows_no_password_and_origins_are_named() {
    let text = "[db]\npass = 'hunter2'\n";
    let loaded = from_file(text).unwrap();
    let shown =
        loaded.config.to_toml(WriteOptions { mask_secrets: true, origins: Some(&loaded.origins) });
    assert!(!shown.contains("hunter2"));
    assert!(shown.contains("# from: line 2\npass = '***'\n"), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
}

#[test]
fn the_written_file_has_the_documented_shape() {
    let text = Config::default().to_toml(WriteOptions::default());
    let head: Vec<&str> = text.lines().take(34).collect();
    insta::assert_snapshot!(head.join("\n"), @r"
    # Configuration of a kwild node.
    # Priority: KWILD_* environment variables, then flags, then this file, then the defaults.

    # path to the genesis state file (a snapshot), relative to the root directory
    # (default '', env KWILD_GENESIS_STATE)
    genesis_state = ''
    # skip the start-up check of the pg_dump and psql binaries; this node needs neither
    # (default false, env KWILD_SKIP_DEPENDENCY_VERIFICATION)
    skip_dependency_verification = false
    # path to pg_dump; accepted for existing files, not needed by this node
    # (default 'pg_dump', env KWILD_PG_DUMP_PATH)
    pg_dump_path = 'pg_dump'
    # profile the node: 'http', 'cpu', 'mem', 'mutex' or 'block'
    # (default '', env KWILD_PROFILE_MODE)
    # profile_mode = ''
    # where the profile is written; empty is kwild-MODE.pprof
    # (default '', env KWILD_PROFILE_FILE)
    # profile_file = ''
    # how long an orderly shutdown may take before the node gives up and exits with an error
    # (default '30s', env KWILD_SHUTDOWN_TIMEOUT)
    shutdown_timeout = '30s'

    # logging
    [log]
    # 'debug', 'info', 'warn' or 'error', and other levels for single subsystems: 'info,CONS=debug,P2P=warn'
    # (default 'info', env KWILD_LOG_LEVEL)
    level = 'info'
    # 'plain', 'text' or 'json'
    # (default 'plain', env KWILD_LOG_FORMAT)
    format = 'plain'
    # where lines go: 'stdout', 'stderr' or paths relative to the root directory; an empty list turns logs off
    # (default ['stdout', 'kwild.log'], env KWILD_LOG_OUTPUT)
    output = ['stdout', 'kwild.log']
    # size in KB (1000 bytes) at which a log file is rotated
    ");
}

prop_compose! {
    fn any_config()(
        texts in proptest::collection::vec("[ -~\u{e9}\n\t]{0,12}", 4),
        port in 1_u16..6000,
        size in 1_u64..i64::MAX as u64,
        timeout in 500_i64..10_000_000,
        rate in 0.0_f64..1e9,
        flags in any::<[bool; 3]>(),
        words in proptest::collection::vec("[ -!#-+.-~]{1,8}", 0..4),
    ) -> Config {
        let mut config = Config::default();
        config.db.pass = crate::secret::Secret::new(&texts[0]);
        config.db.host = texts[1].clone();
        config.p2p.listen = HostPort::new("::1", port);
        config.mempool.max_size = ByteSize::new(size);
        config.consensus.propose_timeout = crate::sections::millis(timeout);
        config.rpc.challenge_rate_limit = rate;
        (config.p2p.pex, config.rpc.quic, config.log.utc) = (flags[0], flags[1], flags[2]);
        config.rpc.cors_origins = words.clone();
        config.extensions.insert(texts[2].clone(), [(texts[3].clone(), texts[0].clone())].into());
        config.erc20_bridge.signer = words.into_iter().map(|word| (word.clone(), word)).collect();
        config
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn written_files_read_back_to_the_same_values(config in any_config()) {
        let text = config.to_toml(WriteOptions::default());
        let loaded = from_file(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(loaded.config, config);
    }

    #[test]
    fn any_text_is_an_answer_and_never_a_panic(text in "(\\[[a-z.0-9_]{0,12}\\]\n|[a-z_]{1,12} = [\\-'\"0-9a-z{}\\[\\],]{0,12}\n|.{0,20}\n){0,12}") {
        let _ = from_file(&text).map(|loaded| loaded.config.validate());
    }
}

#[test]
fn a_database_elsewhere_without_tls_is_warned_about() {
    let warnings = |text: &str| from_file(text).unwrap().warnings;
    let far = warnings("[db]\nhost = 'db.example'\n");
    assert!(matches!(far.as_slice(), [one] if one.contains("db.example")), "{far:?}");
    for text in [
        "[db]\nhost = 'db.example'\nsslmode = 'verify-full'\n",
        "[db]\nhost = '127.0.0.1'\n",
        "[db]\nhost = '/run/pg'\n",
        "[db]\nport = 5433\n",
        "",
    ] {
        assert_eq!(warnings(text), Vec::<String>::new(), "{text}");
    }
}
