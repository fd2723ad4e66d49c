//! Checks on the merged values: ranges, and keys that must fit each other.

use kwil_types::GoDuration;

use crate::admin_listen::AdminListen;
use crate::config::{Config, DbMode};
use crate::host_port::HostPort;
use crate::sections::{SslMode, millis};

/// A key and what is wrong with it.
type Fault = (&'static str, String);

/// Chains that the bridge knows.
const CHAINS: [&str; 7] =
    ["ethereum", "sepolia", "base-sepolia", "hoodi", "hardhat", "arbitrum_sepolia", "arbitrum_one"];

/// A UNIX socket path has at most so many bytes.
const SOCKET_PATH_MAX: usize = 107;

/// Every fault and every warning.
pub(crate) fn check(config: &Config) -> (Vec<Fault>, Vec<String>) {
    let mut faults = Vec::new();
    durations(config, &mut faults);
    numbers(config, &mut faults);
    consensus(config, &mut faults);
    database(config, &mut faults);
    services(config, &mut faults);
    synchronisation(config, &mut faults);
    bridge(config, &mut faults);
    ports(config, &mut faults);
    (faults, warnings(config))
}

fn require(faults: &mut Vec<Fault>, holds: bool, key: &'static str, message: &str) {
    if !holds {
        faults.push((key, message.to_owned()));
    }
}

fn durations(config: &Config, faults: &mut Vec<Fault>) {
    let sync = &config.block_sync;
    let state = &config.state_sync;
    let positive = [
        ("shutdown_timeout", config.general.shutdown_timeout),
        ("consensus.block_proposal_interval", config.consensus.block_proposal_interval),
        ("consensus.block_ann_interval", config.consensus.block_ann_interval),
        ("consensus.heartbeat_interval", config.consensus.heartbeat_interval),
        ("consensus.max_exec_time", config.consensus.max_exec_time),
        ("db.read_timeout", config.db.read_timeout),
        ("rpc.broadcast_tx_timeout", config.rpc.broadcast_tx_timeout),
        ("rpc.timeout", config.rpc.timeout),
        ("rpc.challenge_expiry", config.rpc.challenge_expiry),
        ("snapshots.chunk_send_timeout", config.snapshots.chunk_send_timeout),
        ("state_sync.discovery_time", state.discovery_time),
        ("state_sync.catalog_timeout", state.catalog_timeout),
        ("state_sync.chunk_timeout", state.chunk_timeout),
        ("state_sync.metadata_timeout", state.metadata_timeout),
        ("state_sync.stream_timeout", state.stream_timeout),
        ("block_sync.block_get_timeout", sync.block_get_timeout),
        ("block_sync.block_send_timeout", sync.block_send_timeout),
        ("block_sync.request_timeout", sync.request_timeout),
        ("block_sync.response_timeout", sync.response_timeout),
        ("block_sync.idle_timeout", sync.idle_timeout),
        ("block_sync.announce_write_timeout", sync.announce_write_timeout),
        ("block_sync.announce_resp_timeout", sync.announce_resp_timeout),
        ("block_sync.tx_get_timeout", sync.tx_get_timeout),
        ("block_sync.tx_ann_timeout", sync.tx_ann_timeout),
    ];
    for (key, value) in positive {
        require(
            faults,
            value > GoDuration::ZERO,
            key,
            &format!("must be longer than 0s, got {value}"),
        );
    }
    let not_negative = [
        ("p2p.blacklist.auto_blacklist_duration", config.p2p.blacklist.auto_blacklist_duration),
        ("consensus.empty_block_timeout", config.consensus.empty_block_timeout),
        ("consensus.batch_delay", config.consensus.batch_delay),
        ("consensus.min_block_interval", config.consensus.min_block_interval),
        ("consensus.max_block_time", config.consensus.max_block_time),
        ("consensus.max_tx_time", config.consensus.max_tx_time),
        ("db.wait", config.db.wait),
    ];
    for (key, value) in not_negative {
        require(faults, !value.is_negative(), key, &format!("must not be negative, got {value}"));
    }
}

fn numbers(config: &Config, faults: &mut Vec<Fault>) {
    let positive = [
        ("log.file_roll_size", config.log.file_roll_size),
        ("snapshots.recurring_height", config.snapshots.recurring_height),
        ("snapshots.max_snapshots", i64::from(config.snapshots.max_snapshots)),
        ("mempool.max_size", i64::try_from(config.mempool.max_size.bytes()).unwrap_or(i64::MAX)),
        (
            "mempool.max_tx_bytes",
            i64::try_from(config.mempool.max_tx_bytes.bytes()).unwrap_or(i64::MAX),
        ),
        ("rpc.max_req_size", i64::try_from(config.rpc.max_req_size.bytes()).unwrap_or(i64::MAX)),
        ("rpc.max_batch", i64::from(config.rpc.max_batch)),
        ("rpc.max_connections", i64::from(config.rpc.max_connections)),
    ];
    for (key, value) in positive {
        require(faults, value > 0, key, &format!("must be greater than 0, got {value}"));
    }
    let not_negative = [
        ("log.retain_max_rolls", config.log.retain_max_rolls),
        ("store.retain_blocks", config.store.retain_blocks),
        ("rpc.max_result_rows", config.rpc.max_result_rows),
        ("rpc.max_query_cost", config.rpc.max_query_cost),
        ("checkpoint.height", config.checkpoint.height),
    ];
    for (key, value) in not_negative {
        require(faults, value >= 0, key, &format!("must not be negative, got {value}"));
    }
    let ratio = config.telemetry.trace_ratio;
    require(
        faults,
        (0.0..=1.0).contains(&ratio),
        "telemetry.trace_ratio",
        &format!("must be from 0 to 1, got {ratio}"),
    );
    let rate = config.rpc.challenge_rate_limit;
    require(
        faults,
        rate >= 0.0,
        "rpc.challenge_rate_limit",
        &format!("must not be negative, got {rate}"),
    );
}

fn consensus(config: &Config, faults: &mut Vec<Fault>) {
    let rules = &config.consensus;
    let slow_enough = rules.propose_timeout >= millis(500);
    require(
        faults,
        slow_enough,
        "consensus.propose_timeout",
        "propose timeout should be at least 500ms",
    );
    let three_beats = GoDuration::from_nanos(rules.heartbeat_interval.as_nanos().saturating_mul(3));
    require(
        faults,
        rules.leader_timeout >= three_beats,
        "consensus.leader_timeout",
        &format!(
            "must be at least 3 x heartbeat_interval ({three_beats}), got {}",
            rules.leader_timeout
        ),
    );
    require(
        faults,
        rules.view_timeout >= rules.leader_timeout,
        "consensus.view_timeout",
        &format!(
            "must be at least leader_timeout ({}), got {}",
            rules.leader_timeout, rules.view_timeout
        ),
    );
}

fn database(config: &Config, faults: &mut Vec<Fault>) {
    let db = &config.db;
    require(faults, !db.user.is_empty(), "db.user", "db user must not be empty");
    require(faults, !db.dbname.is_empty(), "db.dbname", "db name must not be empty");
    require(
        faults,
        db.max_connections >= 2,
        "db.max_connections",
        "at least two total connections are required",
    );
    let both = !db.pass.is_empty() && !db.pass_file.is_empty();
    require(faults, !both, "db.pass_file", "set either db.pass or db.pass_file, not both");
    let verified = matches!(db.sslmode, SslMode::VerifyCa | SslMode::VerifyFull);
    require(
        faults,
        verified || db.sslrootcert.is_empty(),
        "db.sslrootcert",
        "is looked at only with db.sslmode verify-ca or verify-full",
    );
    require(
        faults,
        db.sslmode != SslMode::VerifyCa || !db.sslrootcert.is_empty(),
        "db.sslrootcert",
        "db.sslmode verify-ca needs the authority that signed the server's certificate",
    );
}

fn services(config: &Config, faults: &mut Vec<Fault>) {
    let pair = config.rpc.tls_cert.is_empty() == config.rpc.tls_key.is_empty();
    require(
        faults,
        pair,
        "rpc.tls_cert",
        "rpc.tls_cert and rpc.tls_key belong together, one is missing",
    );
    let admin = &config.admin;
    let both = !admin.pass.is_empty() && !admin.pass_file.is_empty();
    require(faults, !both, "admin.pass_file", "set either admin.pass or admin.pass_file, not both");
    if let AdminListen::Unix(path) = &admin.listen {
        let message = format!(
            "a UNIX socket path has at most {SOCKET_PATH_MAX} bytes, this one has {}",
            path.len()
        );
        require(faults, path.len() <= SOCKET_PATH_MAX, "admin.listen", &message);
    }
}

fn synchronisation(config: &Config, faults: &mut Vec<Fault>) {
    let fetchers = config.state_sync.concurrent_chunk_fetchers;
    require(
        faults,
        fetchers <= 20,
        "state_sync.concurrent_chunk_fetchers",
        &format!("state_sync.concurrent_chunk_fetchers: must be between 1 and 20, got {fetchers}"),
    );
    let migrations = &config.migrations;
    let source_known = !migrations.enable || !migrations.migrate_from.is_empty();
    require(
        faults,
        source_known,
        "migrations.migrate_from",
        "migrate_from is mandatory for migration",
    );
    let checkpoint = &config.checkpoint;
    let hash = &checkpoint.hash;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    require(
        faults,
        hash.is_empty() || is_hash,
        "checkpoint.hash",
        "must be 64 hex digits or empty",
    );
    let together = (checkpoint.height == 0) == hash.is_empty();
    require(
        faults,
        together,
        "checkpoint.height",
        "checkpoint.height and checkpoint.hash belong together, one is missing",
    );
}

fn bridge(config: &Config, faults: &mut Vec<Fault>) {
    let bridge = &config.erc20_bridge;
    for (chain, url) in &bridge.rpc {
        let websocket = url.starts_with("ws://") || url.starts_with("wss://");
        require(
            faults,
            websocket,
            "erc20_bridge.rpc",
            "erc20_bridge.rpc: must start with wss:// or ws://",
        );
        if CHAINS.contains(&chain.as_str()) {
            continue;
        }
        let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
        let message = CHAINS.iter().find(|known| plain(known) == plain(chain)).map_or_else(
            || format!("erc20_bridge.rpc: invalid chain {chain}"),
            |known| {
                format!(
                    "erc20_bridge.rpc: use canonical chain name \"{known}\" instead of \"{chain}\""
                )
            },
        );
        faults.push(("erc20_bridge.rpc", message));
    }
    for (key, map, least) in [
        ("erc20_bridge.block_sync_chunk_size", &bridge.block_sync_chunk_size, 1),
        ("erc20_bridge.start_block", &bridge.start_block, 0),
    ] {
        for (chain, text) in map {
            let fits = text.parse::<i64>().is_ok_and(|number| number >= least);
            require(
                faults,
                fits,
                key,
                &format!("{chain}: '{text}' is not a whole number from {least}"),
            );
        }
    }
}

/// Listening sockets of one protocol may not meet on one port.
fn ports(config: &Config, faults: &mut Vec<Fault>) {
    let mut udp = vec![("p2p.listen", &config.p2p.listen)];
    let mut tcp = vec![("rpc.listen", &config.rpc.listen)];
    if config.rpc.quic {
        udp.push(("rpc.listen", &config.rpc.listen));
    }
    if let (true, AdminListen::Tcp { address, .. }) = (config.admin.enable, &config.admin.listen) {
        tcp.push(("admin.listen", address));
    }
    if let Some(address) = &config.telemetry.prometheus_listen {
        tcp.push(("telemetry.prometheus_listen", address));
    }
    for sockets in [udp, tcp] {
        for (index, (key, address)) in sockets.iter().enumerate() {
            let earlier = sockets.iter().take(index).find(|(_, other)| collide(address, other));
            if let Some((other_key, _)) = earlier {
                faults.push((key, format!("{address} is taken by {other_key} already")));
            }
        }
    }
}

fn collide(a: &HostPort, b: &HostPort) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.host() == b.host() || a.is_unspecified() || b.is_unspecified())
}

/// Whether a database host is this machine: a socket or a loopback address.
fn is_near(host: &str) -> bool {
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    host.starts_with('/') || host == "localhost" || loopback
}

fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.rpc.timeout <= config.rpc.broadcast_tx_timeout {
        warnings.push(format!(
            "rpc.timeout ({}) should be longer than rpc.broadcast_tx_timeout ({})",
            config.rpc.timeout, config.rpc.broadcast_tx_timeout
        ));
    }
    if config.p2p.private && config.p2p.pex {
        warnings.push("p2p.private is on and p2p.pex too: addresses are exchanged with the peers that are let in".into());
    }
    if let DbMode::External { host, .. } = config.db.mode()
        && config.db.sslmode == SslMode::Disable
        && !is_near(&host)
    {
        warnings.push(format!(
            "db.sslmode is disable: what this node and the database on {host} say to each other is not encrypted"
        ));
    }
    if let (true, AdminListen::Tcp { address, .. }) = (config.admin.notls, &config.admin.listen)
        && !address.is_loopback()
    {
        warnings.push("disabling TLS on non-loopback admin service listen address".to_owned());
    }
    warnings
}
