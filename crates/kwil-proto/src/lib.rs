//! Protobuf messages and gRPC services of Kwil, generated from `proto/` by `cargo xtask gen`.
//!
//! Holds no logic. A protobuf encoding is never hashed or signed: messages between nodes carry the canonical byte
//! strings of `kwil-types` in `bytes` fields.
//!
//! ```
//! assert!(!kwil_proto::FILE_DESCRIPTOR_SET.is_empty());
//! ```
#![allow(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    unreachable_pub,
    reason = "generated code"
)]

/// Descriptors of every file in `proto/`, for the gRPC reflection service.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptors.bin");

/// Messages between nodes.
pub mod p2p {
    /// Version 1 of the package `kwil.p2p`.
    pub mod v1 {
        include!("gen/kwil.p2p.v1.rs");
    }
}

/// Services of a node for clients and operators.
pub mod rpc {
    /// Version 1 of the package `kwil.rpc`.
    pub mod v1 {
        include!("gen/kwil.rpc.v1.rs");
    }
}
