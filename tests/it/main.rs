//! End-to-end tests: real `kwild` processes on real PostgreSQL.
