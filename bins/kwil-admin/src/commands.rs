//! Which commands `kwil-admin` has.

use kwil_cmd::admin::{AdminGroup, Health, Peers, Status};
use kwil_cmd::completion::Completion;
use kwil_cmd::{CliError, Context, GlobalArgs, OperatorCommand, Program, RpcArgs};

/// Ask and steer a running node of a Kwil network.
#[derive(Debug, clap::Parser)]
#[command(
    name = "kwil-admin",
    after_help = "Examples:\n  kwil-admin status\n  kwil-admin validators list\n  kwil-admin peers -s /tmp/kwild.socket"
)]
pub(crate) struct KwilAdmin {
    /// Directory of the node
    #[arg(short = 'r', long, global = true, value_name = "DIR", help_heading = "Global flags")]
    root: Option<String>,
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    #[command(visible_alias = "admin")]
    Node(AdminGroup),
    #[command(
        about = "Show who the node is, how far it is, and its voting power",
        after_help = "Example:\n  kwil-admin status --output json"
    )]
    Status(Shortcut<Status>),
    #[command(
        about = "Show the peers that the node is connected with",
        after_help = "Example:\n  kwil-admin peers --output json"
    )]
    Peers(Shortcut<Peers>),
    #[command(
        about = "Show whether the node is well; exits with 8 when it is not",
        after_help = "Example:\n  kwil-admin health --output json"
    )]
    Health(Shortcut<Health>),
    #[command(flatten)]
    Operator(OperatorCommand),
    Completion(Completion),
}

/// A command of the node group, one level higher.
#[derive(Debug, clap::Args)]
struct Shortcut<T: clap::Args> {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(flatten)]
    command: T,
}

impl Program for KwilAdmin {
    const NAME: &'static str = "kwil-admin";
    const PREFIX: &'static str = "KWILADMIN";

    fn globals(&self) -> &GlobalArgs {
        &self.globals
    }

    fn root_flag(&self) -> Option<String> {
        self.root.clone()
    }

    fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            Command::Node(group) => group.run(context),
            Command::Status(Shortcut { rpc, command }) => command.run(&rpc, context),
            Command::Peers(Shortcut { rpc, command }) => command.run(&rpc, context),
            Command::Health(Shortcut { rpc, command }) => command.run(&rpc, context),
            Command::Operator(command) => command.run(context),
            Command::Completion(command) => command.run(Self::command_line(), context),
        }
    }
}

#[cfg(test)]
mod tests {
    use kwil_cmd::testing::faults_of_examples;

    use super::*;

    #[test]
    fn every_command_and_group_shows_an_example_that_can_be_typed() {
        assert_eq!(faults_of_examples::<KwilAdmin>(), Vec::<String>::new());
    }
}
