//! kwil-state
