//! Settings of the managed server.

use std::fmt::Write as _;
use std::path::Path;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Settings that the state hash or the commit rule depends on, or that were measured. They are given on the command
/// line at every start, so an edited file cannot break them.
const FIXED: [(&str, &str); 38] = [
    ("listen_addresses", ""),
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_replication_slots", "0"),
    ("max_prepared_transactions", "0"),
    ("max_locks_per_transaction", "1024"),
    ("min_wal_size", "512MB"),
    ("checkpoint_timeout", "15min"),
    ("checkpoint_completion_target", "0.9"),
    ("wal_compression", "on"),
    ("wal_buffers", "16MB"),
    ("autovacuum", "on"),
    ("autovacuum_naptime", "20s"),
    ("autovacuum_vacuum_cost_limit", "1000"),
    ("autovacuum_vacuum_scale_factor", "0.05"),
    ("autovacuum_freeze_max_age", "800000000"),
    ("random_page_cost", "1.1"),
    ("jit", "off"),
    ("huge_pages", "try"),
    ("max_stack_depth", "6MB"),
    ("temp_file_limit", "-1"),
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_line_prefix", ""),
    ("log_min_messages", "warning"),
    ("log_statement", "none"),
    ("log_checkpoints", "off"),
    ("log_lock_waits", "on"),
    ("log_autovacuum_min_duration", "10s"),
    ("idle_in_transaction_session_timeout", "0"),
    ("password_encryption", "scram-sha-256"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
    ("shared_preload_libraries", ""),
    ("unix_socket_permissions", "0700"),
];

/// Settings for the command line of the server.
pub(crate) fn command_line(socket_folder: &str, port: u16, max_connections: u32) -> Vec<String> {
    let own = [
        ("unix_socket_directories", socket_folder.to_owned()),
        ("port", port.to_string()),
        ("max_connections", max_connections.to_string()),
    ];
    let fixed = FIXED.iter().map(|(name, value)| (*name, (*value).to_owned()));
    own.into_iter()
        .chain(fixed)
        .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
        .collect()
}

/// The part of `postgresql.conf` that an operator may tune, sized for the machine.
pub(crate) fn tunable(memory: Option<u64>) -> String {
    let memory = memory.unwrap_or(GIB);
    let shared = (memory / 4).clamp(128 * MIB, 8 * GIB);
    let cache = (memory / 2).max(256 * MIB);
    let mut text = String::from(
        "# Written once by kwild. Change values here to tune the server; what is not listed here is given by kwild on\n\
         # the command line and cannot be changed.\n",
    );
    for (name, value) in [
        ("shared_buffers", megabytes(shared)),
        ("effective_cache_size", megabytes(cache)),
        ("work_mem", "16MB".into()),
        ("maintenance_work_mem", "256MB".into()),
        ("temp_buffers", "8MB".into()),
        ("max_wal_size", "4GB".into()),
    ] {
        // Writing to a string does not fail.
        writeln!(text, "{name} = {value}").ok();
    }
    text
}

fn megabytes(bytes: u64) -> String {
    format!("{}MB", bytes / MIB)
}

/// Memory of this machine or container, the smaller of both, in bytes.
pub(crate) fn memory() -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| meminfo(&text));
    let container = read(Path::new("/sys/fs/cgroup/memory.max"))
        .or_else(|| read(Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes")))
        .and_then(|text| text.trim().parse().ok());
    match (machine, container) {
        (Some(machine), Some(container)) => Some(u64::min(machine, container)),
        (one, other) => one.or(other),
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_follow_memory_within_bounds() {
        assert!(tunable(Some(64 * MIB)).contains("shared_buffers = 128MB\n"));
        assert!(tunable(Some(4 * GIB)).contains("shared_buffers = 1024MB\n"));
        assert!(tunable(Some(256 * GIB)).contains("shared_buffers = 8192MB\n"));
        assert_eq!(meminfo("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2 * MIB));
    }

    #[test]
    fn durability_cannot_be_edited_away() {
        let line = command_line("../run", 5432, 80);
        for setting in
            ["fsync=on", "full_page_writes=on", "listen_addresses=", "max_connections=80"]
        {
            assert!(line.iter().any(|arg| arg == setting), "{setting}");
        }
    }
}
