//! kwil-config
