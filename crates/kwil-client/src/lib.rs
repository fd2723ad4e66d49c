//! Rust SDK of Kwil: talk to a node as a user or as its operator.
//!
//! One client type per role, whatever the endpoint speaks: JSON-RPC over HTTP, TLS or a Unix socket, gRPC over TCP,
//! TLS or QUIC. Errors are typed and know the exit code that a command ends with.
//!
//! ```text
//! Provider ("quic://id@host:8484") ─┐
//! ClientOptions (timeout, trust)  ──┴▶ UserClient / AdminClient ──▶ kwil_api types | ClientError
//! TxDraft ──prepare(nonce, fee, signature)──▶ RawTx ──broadcast──▶ Hash ──wait_for──▶ TxQuery
//! ```
//!
//! # Example
//!
//! ```no_run
//! use kwil_client::{ClientOptions, Provider, TxDraft, UserClient};
//! use kwil_crypto::{KeyType, PrivateKey, auth::Signer};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = UserClient::new(&"http://127.0.0.1:8484".parse::<Provider>()?, &ClientOptions::new())?;
//! let chain = client.chain_info().await?;
//! let key = PrivateKey::from_hex(KeyType::Secp256k1, "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e")?;
//! let to = "c89D42189f0450C2b2c3c61f58Ec5d628176A1E7#secp256k1".parse()?;
//! let draft = TxDraft::transfer(to, 10_u64.into())?;
//! let hash = client.send(draft, &Signer::user(key), &chain.chain_id).await?;
//! let found = client.wait_for_success(hash, Duration::from_secs(15)).await?;
//! println!("in block {}", found.height);
//! # Ok(())
//! # }
//! ```

mod admin;
mod client;
mod connect;
mod error;
mod options;
mod provider;
mod read;
mod sender;
mod tls;
mod transport;
mod trust;
mod tx;
mod user;

pub use admin::AdminClient;
pub use error::ClientError;
pub use kwil_api as api;
pub use options::{ClientOptions, NewNode};
pub use provider::{ADMIN_PORT, Provider, ProviderError, USER_PORT};
pub use read::{Caller, Parameters};
pub use sender::Sender;
pub use trust::{Acquaintance, KnownNodes};
pub use tx::{TxDraft, account_of_signer};
pub use user::UserClient;
