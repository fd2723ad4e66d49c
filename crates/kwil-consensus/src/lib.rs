//! kwil-consensus
