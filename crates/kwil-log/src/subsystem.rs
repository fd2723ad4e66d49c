//! Which subsystem a line belongs to.

/// Tags of subsystems, as operators and scripts know them.
pub const SUBSYSTEMS: [&str; 22] = [
    "KWILD",
    "PG",
    "P2P",
    "PEERS",
    "PEERFILT",
    "CONS",
    "BP",
    "NODE",
    "TxAPP",
    "SNAP",
    "STATESYNC",
    "MIGRATOR",
    "ACCOUNTS",
    "USER",
    "RPC",
    "CHAIN",
    "ADMIN",
    "ADMINRPC",
    "WHITELIST",
    "BLACKLIST",
    "EVMRW",
    "SEEDER",
];

/// Crates of this workspace by the subsystem they are.
const CRATES: [(&str, &str); 13] = [
    ("kwil_api", "RPC"),
    ("kwil_cmd", "KWILD"),
    ("kwil_config", "KWILD"),
    ("kwil_consensus", "CONS"),
    ("kwil_engine", "TxAPP"),
    ("kwil_genesis", "KWILD"),
    ("kwil_node", "NODE"),
    ("kwil_p2p", "P2P"),
    ("kwil_quic", "P2P"),
    ("kwil_rpc", "RPC"),
    ("kwil_state", "TxAPP"),
    ("kwil_store", "BP"),
    ("kwild", "KWILD"),
];

/// The tag of an event's target, and whether the target is one of ours. A target that is no module path is a tag
/// already.
#[must_use]
pub fn subsystem(target: &str) -> (&str, bool) {
    if let Some(tag) = SUBSYSTEMS.iter().find(|tag| **tag == target) {
        return (tag, true);
    }
    let krate = target.split("::").next().unwrap_or(target);
    match CRATES.iter().find(|(name, _)| *name == krate) {
        Some(("kwil_state", _))
            if target.contains("::managed") || target.contains("::postgres") =>
        {
            ("PG", true)
        }
        Some((_, tag)) => (tag, true),
        None => (
            target,
            krate == target && target.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_crates_and_strangers() {
        for (target, want) in [
            ("CONS", ("CONS", true)),
            ("TxAPP", ("TxAPP", true)),
            ("kwil_consensus::machine", ("CONS", true)),
            ("kwil_state::managed::server", ("PG", true)),
            ("kwil_state::execute", ("TxAPP", true)),
            ("MYEXT", ("MYEXT", true)),
            ("quinn_proto::connection", ("quinn_proto::connection", false)),
            ("hyper", ("hyper", false)),
        ] {
            assert_eq!(subsystem(target), want, "{target}");
        }
    }
}
