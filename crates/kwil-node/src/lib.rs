//! kwil-node
