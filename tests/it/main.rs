//! End-to-end tests: real `kwild` processes on real PostgreSQL. Build the programs first: `cargo build --bins`.
#![cfg(test)]

mod bad_input;
mod crash;
mod data;
mod external;
mod guide;
mod interop;
mod load;
mod network;
mod operate;
mod private;
mod refused;
mod same;
mod schemas;
mod startup;
