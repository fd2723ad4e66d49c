//! kwil-genesis
