//! Handshakes over real QUIC on loopback.

mod identity;
