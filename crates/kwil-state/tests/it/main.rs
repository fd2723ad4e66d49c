//! Tests of kwil-state against real PostgreSQL servers.

mod managed;
