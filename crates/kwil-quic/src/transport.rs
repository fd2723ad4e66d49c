//! QUIC settings of node-to-node connections.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

/// Protocol name of node-to-node connections.
pub const P2P_ALPN: &[u8] = b"kwil-p2p/1";

/// Protocol name of gRPC over QUIC.
pub const GRPC_ALPN: &[u8] = b"kwil-grpc/1";

/// A silent connection is dead after this long.
pub const P2P_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Handshakes that take longer are given up.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Transport settings between nodes: 10 s idle, 2 s keep-alive, 64 requests and 4 long streams, 1 MiB stream and
/// 16 MiB connection windows.
#[must_use]
pub fn p2p_transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(IdleTimeout::try_from(P2P_IDLE_TIMEOUT).ok())
        .keep_alive_interval(Some(Duration::from_secs(2)))
        .max_concurrent_bidi_streams(VarInt::from_u32(64))
        .max_concurrent_uni_streams(VarInt::from_u32(4))
        .stream_receive_window(VarInt::from_u32(1024 * 1024))
        .receive_window(VarInt::from_u32(16 * 1024 * 1024))
        .send_window(16 * 1024 * 1024)
        .initial_rtt(Duration::from_millis(50))
        // No datagrams in version 1.
        .datagram_receive_buffer_size(None);
    Arc::new(config)
}
