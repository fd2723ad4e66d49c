//! gRPC over QUIC: each bidirectional stream carries one HTTP/2 connection, a "lane".
//!
//! A client keeps one QUIC connection per node and opens a lane for its small calls and one more for each long stream,
//! so that bulk never stands in front of an answer. HTTP/2 libraries run on a lane unchanged.

mod client;
mod io;
mod server;
mod transport;

pub use client::{DialError, Dialer, Target, TrustCheck, client_endpoint};
pub use io::QuicIo;
pub use server::{GrpcConnection, GrpcListener, ListenError};
pub use transport::{
    CLOSE_DONE, CLOSE_FORBIDDEN, CLOSE_SHUTDOWN, LANES_MAX, client_transport, server_transport,
};
