//! QUIC settings for lanes, from measurements on a lossy path.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

/// Lanes that one connection may have at a time.
pub const LANES_MAX: u32 = 16;

/// Close code of a client that has what it wanted.
pub const CLOSE_DONE: VarInt = VarInt::from_u32(0);
/// Close code of a server that stops.
pub const CLOSE_SHUTDOWN: VarInt = VarInt::from_u32(1);
/// Close code for a client whose key is not on the list.
pub const CLOSE_FORBIDDEN: VarInt = VarInt::from_u32(0x403);

/// Bounds what queues in a lane in front of an answer.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CLIENT_WINDOW: u32 = 24 * 1024 * 1024;
const SERVER_WINDOW: u32 = 8 * 1024 * 1024;
const SEND_WINDOW: u64 = 16 * 1024 * 1024;
const SERVER_IDLE: Duration = Duration::from_secs(60);
/// A silent server is given up after this long.
const CLIENT_IDLE: Duration = Duration::from_secs(30);
/// Below the usual 30 s of a router's UDP entry.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

fn base(window: u32, idle: Duration) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(IdleTimeout::try_from(idle).ok())
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(window))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None);
    config
}

/// Settings of the listening side: 60 s idle, at most [`LANES_MAX`] lanes.
#[must_use]
pub fn server_transport() -> Arc<TransportConfig> {
    let mut config = base(SERVER_WINDOW, SERVER_IDLE);
    config.max_concurrent_bidi_streams(VarInt::from_u32(LANES_MAX));
    Arc::new(config)
}

/// Settings of the dialing side: 30 s idle, the server opens nothing. Long-lived users keep the connection alive;
/// a command that asks once need not.
#[must_use]
pub fn client_transport(keep_alive: bool) -> Arc<TransportConfig> {
    let mut config = base(CLIENT_WINDOW, CLIENT_IDLE);
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .keep_alive_interval(keep_alive.then_some(KEEP_ALIVE));
    Arc::new(config)
}
