//! A node's state in PostgreSQL: everything that touches the database, and nothing that does not.
//!
//! What it may not do: take a result from anything but the statement and the state. Each session has fixed settings, no
//! clock or map order reaches a row, a problem of this machine is a [`NodeFault`] and never a transaction's result, and
//! the state hash covers every row of every table, so a difference between two nodes shows in the next block.
//!
//! ```text
//! Postgres (Managed: private server | External: checked server)
//!    │ endpoint
//!    ├─► Writer ── Block: load, store, execute, DDL, savepoints ─► finish (state root) ─► seal ─► commit
//!    │      └─ Executor: transactions of a block, votes, parameters, app hash; publishes what is committed
//!    ├─► Database: pools; read() for clients, inspect() for the node, at the last committed height
//!    └─► verify_state: the hash recomputed from the tables, the differing table named
//!
//! a changed row ─► trigger (user tables) or store (engine tables) ─► canonical bytes ─► lattice ─► state root
//! ```
//!
//! # Example
//!
//! ```
//! use kwil_crypto::Hash;
//! use kwil_state::{ColumnType, NewColumn, NewTable, Writer, verify_state};
//! # use kwil_state::testing::TestDatabase;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let database = TestDatabase::create().await;
//! # let endpoint = database.endpoint().clone();
//! let mut writer = Writer::open(endpoint.clone(), None).await?;
//! let mut block = writer.begin(1, CancellationToken::new()).await?;
//! block.create_namespace("main", "USER").await?;
//! let id = NewColumn { name: "id".into(), ty: ColumnType::parse("int8").ok_or("type")?, not_null: true };
//! let table = NewTable {
//!     schema: "main".into(),
//!     name: "notes".into(),
//!     columns: vec![id],
//!     primary_key: vec!["id".into()],
//! };
//! block.create_table(&table).await?;
//! block.execute("INSERT INTO main.notes VALUES (1), (2)").await?;
//! let state_root = block.finish().await?;
//! writer.seal(Hash([1; 32]), Hash([2; 32]), 1_700_000_000_000).await?;
//! writer.commit().await?;
//!
//! let report = verify_state(&endpoint, None).await?;
//! assert!(report.holds());
//! assert_eq!(report.state_root, Some(state_root));
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! `testing`: a private PostgreSQL cluster for each test process, a fresh database for each test, fuzz entry points.

mod accounts;
mod admission;
mod block;
mod blockers;
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
mod gather_session;
mod genesis_state;
mod language;
mod lattice;
mod layout;
mod managed;
mod network_state;
mod overlay;
mod params_state;
mod published_catalogs;
mod read_session;
mod reader_role;
mod readers;
mod reads;
mod reset;
mod routes;
mod server;
mod session;
mod shares;
mod statements;
mod store;
mod summaries;
mod sums;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod validators;
mod values;
mod verify;
mod votes;
mod write_session;
mod writer;

pub use accounts::{Account, AccountRow, BalanceError, account_of};
pub use admission::{
    AdmissionRules, Admitted, Refused, check_account, check_envelope, estimate_price, price_of,
    verify_signature,
};
pub use block::{Block, CaptureLimits};
pub use canon::{CanonError, Cell, MAX_ROW_BYTES};
pub use catalog::{Catalog, NewColumn, NewTable};
pub use chain::{ChainIdentity, ChainState};
pub use connect::{ConnectError, ConnectProblem};
pub use database::{Database, Snapshot};
pub use disk::{DiskLevel, DiskSpace};
pub use endpoint::{Endpoint, Host, Secret, Tls, TlsMode, UnreadableFile};
pub use execution::{
    BlockEvent, BlockInput, BlockOutcome, ExecuteError, InvalidBlock, Progress, app_hash_after,
    sender_of,
};
pub use executor::{Executor, Extensions, Published};
pub use external::{External, ExternalError, Finding};
pub use fault::{FaultKind, NodeFault, OtherChain, SqlFailure, StatementError};
pub use lattice::{Delta, LATTICE_BYTES, Lattice, RowHasher};
pub use managed::{
    Binaries, Launcher, Managed, ManagedConfig, ManagedError, NEWEST_MAJOR, OLDEST_MAJOR, OWNER,
    PG_EXEC_SUBCOMMAND, READER, ServerStatus, Stopped, pg_exec_main,
};
pub use network_state::{NetworkState, PendingResolution};
pub use reads::{CallAnswer, QueryAnswer, ReadBounds, ReadError, Reads};
pub use reset::{Leftovers, ResetError};
pub use server::Postgres;
pub use store::{
    ACCOUNTS, ACTION_DEFS, COLUMN_DEFS, COLUMNS, CONSTRAINT_DEFS, COUNTERS, EXTENSION_USES,
    EngineRow, EngineTable, FOREIGN_KEY_DEFS, INDEX_DEFS, NAMESPACES, PARAMS, PROCESSED,
    RESOLUTIONS, ROLE_PRIVILEGES, ROLES, RowChange, TABLES, USER_ROLES, VALIDATORS, VOTES,
};
pub use summaries::{StateSummary, Summaries, TableSummary};
pub use table::{Column, ColumnId, ColumnType, Scalar, Table, TableId};
pub use verify::{TableReport, VerifyReport, verify_state};
pub use votes::{Kind, Resolution, kind_of};
pub use writer::Writer;
