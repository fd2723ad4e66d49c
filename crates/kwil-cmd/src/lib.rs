//! The commands of the three programs.
//!
//! `kwild`, `kwil-admin` and `kwil-cli` are thin: they name the commands they have and call [`run`]. A command is an
//! argument struct with a `run` function; `kwild validators list` and `kwil-admin validators list` are the same struct,
//! so their outputs are equal byte for byte.
//!
//! ```text
//! argv ─> pflag rules ─> clap ─> command.run(&mut Context) ─> Output::emit ─> text | JSON envelope on stdout
//!                                        └─> CliError ─> message + hints on stderr (or the envelope), exit code
//! ```
//!
//! Commands decide nothing about the network: they read files, ask a node, and print. Nothing here calls
//! `println!` or ends the process.
//!
//! ```
//! use kwil_cmd::{CliError, ErrorCode};
//!
//! let error = CliError::new(ErrorCode::Unreachable, "cannot reach the node at 127.0.0.1:8484")
//!     .hint("is kwild running?");
//! assert_eq!(error.code().exit_status(), 3);
//! assert_eq!(error.to_string(), "cannot reach the node at 127.0.0.1:8484");
//! ```
//!
//! # Features
//!
//! `testing`: runs the real programs in a home of their own.

pub mod admin;
mod app;
pub mod blacklist;
pub mod block;
pub mod completion;
mod config_flags;
pub mod consensus;
mod context;
mod error;
mod files;
pub mod key;
mod node_id;
mod operator;
mod output;
mod pflag;
pub mod print_config;
mod progress;
mod prompt;
mod query_tx;
mod remote;
pub mod setup;
mod submit;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod times;
mod usage;
pub mod user;
pub mod utils;
pub mod validators;
mod version;
pub mod whitelist;

pub use app::{GlobalArgs, Program, run};
pub use config_flags::ConfigFlags;
pub use context::{Context, Environment};
pub use error::{CliError, ErrorCode, chain as error_chain};
pub use files::{WriteFileError, warn_about_mode, write_new, write_replacing};
pub use operator::OperatorCommand;
pub use output::{Mode, Output};
pub use prompt::{Question, confirm};
pub use query_tx::QueryTxArgs;
pub use remote::RpcArgs;
pub use submit::SubmitArgs;
pub use table::{ListFormat, Table, TableArgs};
pub use version::{VERSION, VersionCommand};
