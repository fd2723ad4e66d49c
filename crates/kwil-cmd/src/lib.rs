//! kwil-cmd
