//! The services of a node and their front ends.

mod api;
mod config;

pub use api::{
    AccountState, AccountTotal, AdminApi, Apis, Ban, BlockRef, ChainApi, KnownTx, NodeCommand,
    SetAt, StoredBlock, StoredResults, TxPlace, UserApi, Wait, Waiting, async_trait,
};
pub use config::{
    AdminListen, AdminListener, AdminTls, Limits, Password, ServerCertificate, UserListener,
};
