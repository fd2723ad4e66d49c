//! End-to-end tests: real `kwild` processes on real PostgreSQL. Build the programs first: `cargo build --bins`.
#![cfg(test)]

mod bad_input;
mod external;
mod guide;
mod load;
mod refused;
