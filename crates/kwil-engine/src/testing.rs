//! A session that records, and fuzz entry points.

mod fuzz;
mod fuzz_eval;
mod recorder;
mod tables;

pub use fuzz::fuzz_interpreter;
pub use fuzz_eval::fuzz_eval;
pub use recorder::{Asked, Recorder, finish};
pub use tables::random_table_statement;
