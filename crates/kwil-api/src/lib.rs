//! The vocabulary of a node's services: requests, answers and errors, with their JSON and protobuf forms.
//!
//! Server and client use the same types, so what one writes the other reads. Nothing here does I/O or knows how a
//! request travels; the JSON bytes are those of existing clients and may not change.
//!
//! ```text
//! JSON-RPC params ──serde──▶ user::AccountRequest ◀──Wire── protobuf GetAccountRequest
//!                                   │ a handler
//! JSON-RPC result ◀──serde── user::Account ──Wire──▶ protobuf GetAccountResponse
//! ```
//!
//! Methods are types that implement [`Call`]; [`METHODS`] is the table of all of them.
//!
//! # Example
//!
//! ```
//! use kwil_api::{Call, UserAccount, user::AccountRequest};
//!
//! let request: AccountRequest = serde_json::from_str(
//!     r#"{"id": {"identifier": "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1", "key_type": "secp256k1"}}"#,
//! )?;
//! assert_eq!(request.id.unwrap().identifier.len(), 20);
//! assert_eq!(UserAccount::METHOD.path, "/kwil.rpc.v1.UserService/GetAccount");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points.

mod account;
pub mod admin;
pub mod chain;
mod convert;
mod error;
pub mod function;
mod method;
pub mod read;
mod status;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod transaction;
pub mod user;
mod wire;

pub use account::{AccountId, Validator, account_of};
pub use error::{ErrorData, RpcCode, RpcError};
pub use method::{
    AdminAbortBlockExecution, AdminAddPeer, AdminApprove, AdminApproveResolution,
    AdminBlacklistPeer, AdminBlockExecStatus, AdminConfig, AdminCreateResolution, AdminHealthCheck,
    AdminJoin, AdminJoinRequests, AdminJoinStatus, AdminLeave, AdminListBlacklisted,
    AdminListPeers, AdminPeers, AdminRemove, AdminRemoveBlacklisted, AdminRemovePeer,
    AdminReplaceLeader, AdminResolutionStatus, AdminStatus, AdminValidators, AdminVerifyState,
    AdminVersion, Call, ChainBlock, ChainBlockHeader, ChainBlockResult, ChainConsensusParams,
    ChainGenesis, ChainHealthCheck, ChainTransaction, ChainUnconfirmed, ChainValidators,
    ChainVersion, Class, FunctionVerifySig, FunctionVersion, METHODS, Method, Service, UserAccount,
    UserAuthenticatedQuery, UserBroadcast, UserCall, UserChainInfo, UserChallenge,
    UserEstimatePrice, UserHealth, UserListUpdateProposals, UserNumAccounts, UserPing, UserQuery,
    UserTxQuery, UserUpdateProposalStatus, UserVersion, method_named,
};
pub use transaction::{Signature, Transaction, TxBody, TxQuery, TxQueryRequest, TxResult};
pub use wire::{Wire, WireError};
