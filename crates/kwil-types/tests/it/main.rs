//! Integration tests of the formats against the vectors of the project.

mod clients;
mod network;
mod properties;
