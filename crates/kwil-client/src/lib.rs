//! kwil-client
