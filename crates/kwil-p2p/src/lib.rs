//! kwil-p2p
