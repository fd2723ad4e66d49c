//! A node's state: everything that touches PostgreSQL.

mod accounts;
mod admission;
mod block;
mod canon;
mod capture;
mod catalog;
mod chain;
mod connect;
mod copy;
mod database;
mod disk;
mod endpoint;
mod execution;
mod executor;
mod external;
mod fault;
mod genesis_state;
mod lattice;
mod layout;
mod managed;
mod network_state;
mod overlay;
mod params_state;
mod routes;
mod server;
mod session;
mod store;
mod sums;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod validators;
mod verify;
mod votes;
mod writer;

pub use accounts::{Account, AccountRow, BalanceError};
pub use admission::{
    AdmissionRules, Admitted, Refused, check_account, check_envelope, estimate_price,
    verify_signature,
};
pub use block::Block;
pub use canon::{CanonError, Cell, MAX_ROW_BYTES};
pub use catalog::{Catalog, NewColumn, NewTable};
pub use chain::{ChainIdentity, ChainState};
pub use connect::{ConnectError, ConnectProblem};
pub use database::{Database, Snapshot};
pub use disk::{DiskLevel, DiskSpace};
pub use endpoint::{Endpoint, Host, Secret};
pub use execution::{
    BlockEvent, BlockInput, BlockOutcome, ExecuteError, InvalidBlock, Statement, StatementEngine,
    StatementOutcome, TxContext,
};
pub use executor::{Executor, Extensions, Published};
pub use external::{External, ExternalError, Finding};
pub use fault::{FaultKind, NodeFault, SqlFailure, StatementError};
pub use lattice::{Delta, LATTICE_BYTES, Lattice, RowHasher};
pub use managed::{
    Binaries, Launcher, Managed, ManagedConfig, ManagedError, NEWEST_MAJOR, OLDEST_MAJOR, OWNER,
    PG_EXEC_SUBCOMMAND, READER, ServerStatus, Stopped, pg_exec_main,
};
pub use network_state::{NetworkState, PendingResolution};
pub use server::Postgres;
pub use store::{
    ACCOUNTS, COLUMNS, COUNTERS, EngineRow, EngineTable, NAMESPACES, PARAMS, PROCESSED,
    RESOLUTIONS, RowChange, TABLES, VALIDATORS, VOTES,
};
pub use table::{Column, ColumnId, ColumnType, Scalar, Table, TableId};
pub use verify::{TableReport, VerifyReport, verify_state};
pub use votes::{Kind, Resolution, kind_of};
pub use writer::Writer;
