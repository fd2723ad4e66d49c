//! kwil-store
