//! kwil-proto
