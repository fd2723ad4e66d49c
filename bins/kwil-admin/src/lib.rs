//! kwil-admin
