//! The whole configuration and the list of its keys.

use std::collections::BTreeMap;

use crate::section::Section;
use crate::sections::{
    AdminConfig, BlockSyncConfig, CheckpointConfig, ConsensusConfig, DbConfig, Erc20BridgeConfig,
    GeneralConfig, LogConfig, MempoolConfig, MigrationsConfig, P2pConfig, RpcConfig,
    SnapshotsConfig, StateSyncConfig, StoreConfig, TelemetryConfig,
};
use crate::setting::{Kind, Setting};

/// Every setting of a node. `Config::default()` is what a node without file, flags and variables runs with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Keys above the first heading.
    pub general: GeneralConfig,
    /// `[log]`
    pub log: LogConfig,
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
    /// `[p2p]`
    pub p2p: P2pConfig,
    /// `[consensus]`
    pub consensus: ConsensusConfig,
    /// `[mempool]`
    pub mempool: MempoolConfig,
    /// `[db]`
    pub db: DbConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[rpc]`
    pub rpc: RpcConfig,
    /// `[admin]`
    pub admin: AdminConfig,
    /// `[snapshots]`
    pub snapshots: SnapshotsConfig,
    /// `[state_sync]`
    pub state_sync: StateSyncConfig,
    /// `[migrations]`
    pub migrations: MigrationsConfig,
    /// `[checkpoint]`
    pub checkpoint: CheckpointConfig,
    /// `[erc20_bridge]`
    pub erc20_bridge: Erc20BridgeConfig,
    /// `[block_sync]`
    pub block_sync: BlockSyncConfig,
    /// `[extensions.NAME]`: free settings of extensions by name.
    pub extensions: BTreeMap<String, BTreeMap<String, String>>,
}

/// A key as flags, variables, help and references need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Full name, like `p2p.target_connections`.
    pub name: String,
    /// Name of the flag without dashes, like `p2p.target-connections`.
    pub flag: String,
    /// Name of the variable, like `KWILD_P2P_TARGET_CONNECTIONS`.
    pub env: String,
    /// Shape of the value.
    pub kind: Kind,
    /// What it means.
    pub docs: String,
    /// The default in TOML.
    pub default: String,
    /// True when logs and dumps must not show it.
    pub secret: bool,
}

/// Which PostgreSQL the node uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DbMode {
    /// A private server that the node runs itself.
    Managed,
    /// A server that somebody else runs.
    External {
        /// IP address, name, or socket directory.
        host: String,
        /// Port.
        port: u16,
    },
}

impl DbConfig {
    /// External as soon as a host or a port is named; the other one has its usual default then.
    #[must_use]
    pub fn mode(&self) -> DbMode {
        match (self.host.as_str(), self.port) {
            ("", None) => DbMode::Managed,
            (host, port) => DbMode::External {
                host: if host.is_empty() { "127.0.0.1" } else { host }.to_owned(),
                port: port.map_or(5432, |port| port.0),
            },
        }
    }
}

impl Config {
    /// The sections in the order of the file.
    pub(crate) fn sections(&self) -> [&dyn Section; 18] {
        [
            &self.general,
            &self.log,
            &self.telemetry,
            &self.p2p,
            &self.p2p.blacklist,
            &self.consensus,
            &self.mempool,
            &self.db,
            &self.store,
            &self.rpc,
            &self.rpc.gateway,
            &self.admin,
            &self.snapshots,
            &self.state_sync,
            &self.migrations,
            &self.checkpoint,
            &self.erc20_bridge,
            &self.block_sync,
        ]
    }

    fn section_mut(&mut self, path: &str) -> Option<&mut dyn Section> {
        Some(match path {
            "" => &mut self.general,
            "log" => &mut self.log,
            "telemetry" => &mut self.telemetry,
            "p2p" => &mut self.p2p,
            "p2p.blacklist" => &mut self.p2p.blacklist,
            "consensus" => &mut self.consensus,
            "mempool" => &mut self.mempool,
            "db" => &mut self.db,
            "store" => &mut self.store,
            "rpc" => &mut self.rpc,
            "rpc.gateway" => &mut self.rpc.gateway,
            "admin" => &mut self.admin,
            "snapshots" => &mut self.snapshots,
            "state_sync" => &mut self.state_sync,
            "migrations" => &mut self.migrations,
            "checkpoint" => &mut self.checkpoint,
            "erc20_bridge" => &mut self.erc20_bridge,
            "block_sync" => &mut self.block_sync,
            _ => return None,
        })
    }

    /// The value of a full key, to change it.
    pub(crate) fn setting_mut(&mut self, name: &str) -> Option<&mut dyn Setting> {
        let (path, field) = name.rsplit_once('.').unwrap_or(("", name));
        self.section_mut(path)?.setting_mut(field)
    }

    /// Every key with its flag, variable, shape and default, in the order of the file.
    #[must_use]
    pub fn keys() -> Vec<Key> {
        let defaults = Self::default();
        let mut keys = Vec::new();
        for section in defaults.sections() {
            for declared in section.declared() {
                let Some(setting) = section.setting(declared.name) else { continue };
                keys.push(key(section.path(), declared.name, declared.docs, setting));
            }
        }
        keys
    }
}

fn key(section: &str, field: &str, docs: &[&str], setting: &dyn Setting) -> Key {
    let name = full_name(section, field);
    let docs: Vec<&str> = docs.iter().map(|line| line.trim()).collect();
    Key {
        flag: name.replace('_', "-"),
        env: env_name(&name),
        kind: setting.kind(),
        docs: docs.join(" "),
        default: setting.write(),
        secret: setting.is_secret(),
        name,
    }
}

pub(crate) fn full_name(section: &str, field: &str) -> String {
    if section.is_empty() { field.to_owned() } else { format!("{section}.{field}") }
}

pub(crate) fn env_name(key: &str) -> String {
    format!("KWILD_{}", key.to_uppercase().replace(['.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_reachable_by_its_path_and_names_are_unique() {
        let mut config = Config::default();
        let keys = Config::keys();
        assert!(keys.len() > 120, "{}", keys.len());
        let mut flags: Vec<&str> = keys.iter().map(|key| key.flag.as_str()).collect();
        let mut envs: Vec<&str> = keys.iter().map(|key| key.env.as_str()).collect();
        for key in &keys {
            assert!(config.setting_mut(&key.name).is_some(), "{}", key.name);
            assert!(!key.docs.is_empty(), "{}", key.name);
        }
        flags.sort_unstable();
        envs.sort_unstable();
        for pair in flags.windows(2).chain(envs.windows(2)) {
            assert_ne!(pair[0], pair[1]);
        }
    }

    #[test]
    fn naming_a_host_or_a_port_makes_the_database_external() {
        let mut db = DbConfig::default();
        assert_eq!(db.mode(), DbMode::Managed);
        db.port = Some(crate::sections::DbPort(5440));
        assert_eq!(db.mode(), DbMode::External { host: "127.0.0.1".to_owned(), port: 5440 });
        db = DbConfig { host: "/var/run/postgresql".to_owned(), ..DbConfig::default() };
        assert_eq!(
            db.mode(),
            DbMode::External { host: "/var/run/postgresql".to_owned(), port: 5432 }
        );
    }
}
