//! `setup`: files of new nodes and networks.

mod genesis;
mod init;
mod network;
mod reset;
mod root;
mod testnet;

pub use genesis::MakeGenesis;
pub use init::Init;
pub use network::{DEFAULT_CHAIN_ID, GenesisFlags, ParameterFlags};
pub use reset::Reset;
pub use root::{GENESIS_FILE, KEY_FILE, NewRoot};
pub use testnet::Testnet;

use crate::context::Context;
use crate::error::CliError;

/// Make the files of new nodes and networks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} setup genesis --validator \"0277fb40…#secp256k1:1\" \\\n    --leader \"0277fb40…#secp256k1\" --chain-id prod-chain --out ~/prod-chain\n  {program} setup init --genesis prod-chain/genesis.json \\\n    --root /data/kwil-node0 --key-file ~/nodekey.json\n  {program} setup testnet -v 3 -u --out-dir ./kwil-testnet"
)]
pub struct SetupGroup {
    #[command(subcommand)]
    command: SetupCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SetupCommand {
    Init(Box<Init>),
    Genesis(MakeGenesis),
    Testnet(Box<Testnet>),
    Reset(Box<Reset>),
}

impl SetupGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            SetupCommand::Init(command) => command.run(context),
            SetupCommand::Genesis(command) => command.run(context),
            SetupCommand::Testnet(command) => command.run(context),
            SetupCommand::Reset(command) => command.run(context),
        }
    }
}
