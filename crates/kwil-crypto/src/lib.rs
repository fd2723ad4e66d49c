//! kwil-crypto
