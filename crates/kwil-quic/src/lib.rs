//! kwil-quic
