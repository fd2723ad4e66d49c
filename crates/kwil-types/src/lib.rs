//! kwil-types
