//! `admin`: the node itself.

mod dump_config;
mod gen_auth_key;
mod health;
mod peers;
mod status;
mod verify_state;
mod version;
mod wait_synced;

pub use dump_config::DumpConfig;
pub use gen_auth_key::GenAuthKey;
pub use health::Health;
pub use peers::Peers;
pub use status::Status;
pub use verify_state::VerifyState;
pub use version::NodeVersion;
pub use wait_synced::WaitSynced;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Ask a running node about itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} admin status\n  {program} admin peers --output json"
)]
pub struct AdminGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AdminCommand {
    Status(Status),
    #[command(visible_alias = "ver")]
    Version(NodeVersion),
    Peers(Peers),
    DumpConfig(DumpConfig),
    GenAuthKey(GenAuthKey),
    VerifyState(VerifyState),
    Health(Health),
    WaitSynced(WaitSynced),
}

impl AdminGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            AdminCommand::Status(command) => command.run(&self.rpc, context),
            AdminCommand::Version(command) => command.run(&self.rpc, context),
            AdminCommand::Peers(command) => command.run(&self.rpc, context),
            AdminCommand::DumpConfig(command) => command.run(&self.rpc, context),
            AdminCommand::GenAuthKey(command) => command.run(&self.rpc, context),
            AdminCommand::VerifyState(command) => command.run(&self.rpc, context),
            AdminCommand::Health(command) => command.run(&self.rpc, context),
            AdminCommand::WaitSynced(command) => command.run(&self.rpc, context),
        }
    }
}
