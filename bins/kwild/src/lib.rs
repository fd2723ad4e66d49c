//! kwild
