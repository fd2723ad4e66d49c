//! A session that records, and fuzz entry points.

mod fuzz;
mod recorder;
mod tables;

pub use fuzz::fuzz_interpreter;
pub use recorder::{Asked, Recorder, finish};
pub use tables::random_table_statement;
