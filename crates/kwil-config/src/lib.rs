//! The settings of a node.
//!
//! A [`Config`] is a plain struct per section with defaults. [`load`] merges the sources by priority, defaults below
//! `config.toml` below flags below `KWILD_*` variables, and reports every problem of all of them together, with
//! line numbers. [`Config::to_toml`] writes the file back, commented; what it writes loads to the same value.
//!
//! ```text
//!  text of config.toml ─┐
//!  flags (key, values) ─┼─> load ─> Loaded { config, warnings, origins }  or  ConfigError { all problems }
//!  variables ───────────┘                      └─> to_toml ─> text
//! ```
//!
//! This crate opens no file and reads no environment: text and pairs come in as values, so a caller decides where
//! they are from. Every key is declared once, in [`sections`]; flag name, variable name, file comment and reference
//! documentation are made from that declaration ([`Config::keys`]).
//!
//! ```
//! use kwil_config::{FileText, Sources, load};
//!
//! let file = FileText { path: "/data/node0/config.toml", text: "[p2p]\nlisten = ':6601'\n" };
//! let env = [("KWILD_LOG_LEVEL".to_owned(), "debug".to_owned())];
//! let loaded = load(Sources { file: Some(file), flags: &[], env: &env })?;
//! assert_eq!(loaded.config.p2p.listen.to_string(), "0.0.0.0:6601");
//! assert_eq!(loaded.config.log.level.to_string(), "debug");
//!
//! let broken = FileText { path: "config.toml", text: "[p2p]\nbootnode = ''\n[rpc]\ntimeout = '15'\n" };
//! let error = load(Sources { file: Some(broken), flags: &[], env: &[] }).unwrap_err();
//! assert_eq!(error.problems().len(), 2); // both, with their lines
//! # Ok::<(), kwil_config::ConfigError>(())
//! ```

#![allow(rustdoc::invalid_html_tags, reason = "comments of keys are also those of config.toml")]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod admin_listen;
mod byte_size;
mod config;
mod error;
mod file;
mod host_port;
mod load;
mod log_level;
mod paths;
mod peer;
mod secret;
mod section;
pub mod sections;
mod setting;
mod suggest;
mod validate;
mod write;

pub use admin_listen::{AdminListen, AdminListenError, DEFAULT_ADMIN_SOCKET};
pub use byte_size::{ByteSize, ByteSizeError};
pub use config::{Config, DbMode, Key};
pub use error::{ConfigError, Problem};
pub use host_port::{HostPort, HostPortError};
pub use load::{FileText, Loaded, Origin, Sources, load};
pub use log_level::{LogLevel, LogLevelError, LogLevels};
pub use paths::{absolute, default_root, expand, resolve_root};
pub use peer::{Peer, PeerError, WhitelistEntry};
pub use secret::Secret;
pub use sections::{
    AdminConfig, BlacklistConfig, BlockSyncConfig, CheckpointConfig, ConsensusConfig, DbConfig,
    DbPort, Erc20BridgeConfig, GatewayConfig, GeneralConfig, LogConfig, LogFormat, MempoolConfig,
    MigrationsConfig, P2pConfig, ProfileMode, RpcConfig, ServiceName, SignedCallers,
    SnapshotsConfig, SslMode, StateSyncConfig, StoreConfig, TelemetryConfig, TrustedProvider,
};
pub use setting::Kind;
pub use suggest::nearest;
pub use write::WriteOptions;
