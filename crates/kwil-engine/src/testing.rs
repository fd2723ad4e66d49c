//! A session that records, and fuzz entry points.

mod fuzz;
mod recorder;

pub use fuzz::fuzz_interpreter;
pub use recorder::{Asked, Recorder, finish};
