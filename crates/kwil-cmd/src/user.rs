//! The commands of `kwil-cli`: what a user asks a node.

pub mod account;
mod cli;
mod configure;
mod settings;
pub mod tools;

pub use cli::UserArgs;
pub use configure::Configure;
pub use settings::{Settings, SettingsFile};
