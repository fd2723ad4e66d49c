//! A node's state: everything that touches PostgreSQL.

mod connect;
mod endpoint;
mod managed;
#[cfg(feature = "testing")]
pub mod testing;

pub use connect::{ConnectError, ConnectProblem};
pub use endpoint::{Endpoint, Host, Secret};
pub use managed::{
    Binaries, Launcher, Managed, ManagedConfig, ManagedError, NEWEST_MAJOR, OLDEST_MAJOR, OWNER,
    PG_EXEC_SUBCOMMAND, READER, ServerStatus, Stopped, pg_exec_main,
};
