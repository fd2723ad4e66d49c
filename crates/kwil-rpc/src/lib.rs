//! The services of a node and their front ends.
//!
//! A node implements three small traits; handlers check and translate once, and JSON-RPC, REST and gRPC are thin
//! adapters over them. Nothing here decides anything about state: what the traits do not answer is not answered.
//!
//! ```text
//! TCP  ─ JSON-RPC /rpc/v1 ┐
//!      ─ REST /api/v1/…   ├▶ Front (services, readiness, rates, gates, deadline) ─▶ handler ─▶ UserApi
//!      ─ gRPC             │                                                                  ChainApi
//! QUIC ─ gRPC             │                                                                  AdminApi
//! Unix ─ all of them      ┘
//! ```
//!
//! [`RpcServer::start`] opens every listener or none and returns an [`RpcHandle`]; cancelling its token closes them in
//! order. A wrong request never panics and never reaches a trait.
//!
//! # Example
//!
//! The public listener on a port of its own, the operator's on a socket file:
//!
//! ```
//! use kwil_rpc::{AdminListener, ServerConfig, UserListener};
//!
//! let config = ServerConfig {
//!     user: Some(UserListener::new("127.0.0.1:8484".parse()?)),
//!     admin: Some(AdminListener::unix("/tmp/kwild.socket")),
//!     node_version: "0.1.0".to_owned(),
//!     ..ServerConfig::default()
//! };
//! assert_eq!(config.user.unwrap().limits.max_request, 6_000_000);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points.

mod api;
mod app;
mod certificate;
mod config;
mod front;
mod grpc;
mod jsonrpc;
mod metrics;
mod openrpc;
mod rest;
mod server;
mod service;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use api::{
    AccountState, AccountTotal, AdminApi, Apis, Ban, BlockRef, Caller, ChainApi, KnownTx,
    NodeCommand, ReadBounds, Script, SetAt, StoredBlock, StoredResults, TxPlace, UserApi, ViewCall,
    Wait, Waiting, async_trait,
};
pub use certificate::{CertificateError, ServerCertificate, certificates_of};
pub use config::{
    AdminListen, AdminListener, AdminTls, Limits, MetricsListener, Password, UserListener,
};
pub use kwil_api::{RpcCode, RpcError, Service};
pub use metrics::{CallMetrics, MetricsPage};
pub use server::{AdminAddress, RpcHandle, RpcServer, ServerConfig, StartError};
