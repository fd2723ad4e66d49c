//! Tests of kwil-state against real PostgreSQL servers.

mod fixture;
mod managed;
mod network;
mod payments;
mod replay;
mod resolutions;
mod state;
mod validators;
