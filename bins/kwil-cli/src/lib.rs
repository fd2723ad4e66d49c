//! kwil-cli
