//! The commands of `kwil-cli`: what a user asks a node.

pub mod account;
mod cli;
mod configure;
pub mod data;
mod settings;
pub mod tools;
mod tx;

pub use cli::UserArgs;
pub use configure::Configure;
pub use settings::{Settings, SettingsFile};
