//! kwil-types

mod duration;

pub use duration::{DurationError, GoDuration};
pub mod wire;
