//! The sections of `config.toml`, one file each. The doc comment of a key is also its comment in the written file.

mod admin;
mod block_sync;
mod checkpoint;
mod consensus;
mod db;
mod erc20_bridge;
mod general;
mod log;
mod mempool;
mod migrations;
mod p2p;
mod rpc;
mod snapshots;
mod state_sync;
mod store;
mod telemetry;

pub use admin::AdminConfig;
pub use block_sync::BlockSyncConfig;
pub use checkpoint::CheckpointConfig;
pub use consensus::ConsensusConfig;
pub use db::{DbConfig, DbPort, SslMode};
pub use erc20_bridge::Erc20BridgeConfig;
pub use general::{GeneralConfig, ProfileMode};
pub use log::{LogConfig, LogFormat};
pub use mempool::MempoolConfig;
pub use migrations::MigrationsConfig;
pub use p2p::{BlacklistConfig, P2pConfig};
pub use rpc::{GatewayConfig, RpcConfig, ServiceName, SignedCallers};
pub use snapshots::SnapshotsConfig;
pub use state_sync::{StateSyncConfig, TrustedProvider};
pub use store::StoreConfig;
pub use telemetry::TelemetryConfig;

use kwil_types::GoDuration;

/// A duration default.
pub(crate) const fn millis(count: i64) -> GoDuration {
    GoDuration::from_nanos(count.saturating_mul(1_000_000))
}

/// A duration default.
pub(crate) const fn seconds(count: i64) -> GoDuration {
    GoDuration::from_secs(count)
}
