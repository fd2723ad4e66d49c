//! kwil-rpc
