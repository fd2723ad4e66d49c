//! Which commands `kwild` has.

use kwil_cmd::admin::AdminGroup;
use kwil_cmd::completion::Completion;
use kwil_cmd::print_config::PrintConfig;
use kwil_cmd::{CliError, Context, GlobalArgs, OperatorCommand, Program};

use crate::start::Start;

/// A node of a Kwil network.
#[derive(Debug, clap::Parser)]
#[command(
    name = "kwild",
    after_help = "Examples:\n  kwild setup init -r /data/kwil-node0\n  kwild start -r /data/kwil-node0\n  kwild admin status"
)]
pub(crate) struct Kwild {
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
    Start(Box<Start>),
    PrintConfig(PrintConfig),
    #[command(alias = "node")]
    Admin(AdminGroup),
    #[command(flatten)]
    Operator(OperatorCommand),
    Completion(Completion),
}

impl Program for Kwild {
    const NAME: &'static str = "kwild";
    const PREFIX: &'static str = "KWILD";

    fn globals(&self) -> &GlobalArgs {
        &self.globals
    }

    fn root_flag(&self) -> Option<String> {
        self.root.clone()
    }

    fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            Command::Start(command) => command.run(context),
            Command::PrintConfig(command) => command.run(context),
            Command::Admin(group) => group.run(context),
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
        assert_eq!(faults_of_examples::<Kwild>(), Vec::<String>::new());
    }
}
