//! Which commands `kwil-cli` has.

use kwil_cmd::completion::Completion;
use kwil_cmd::user::account::AccountGroup;
use kwil_cmd::user::data::{CallAction, ExecAction, ExecSql, Query};
use kwil_cmd::user::tools::ToolsGroup;
use kwil_cmd::user::{Configure, UserArgs};
use kwil_cmd::{CliError, Context, GlobalArgs, Program, VersionCommand};

/// SQL, actions, accounts and transactions of a Kwil network.
#[derive(Debug, clap::Parser)]
#[command(
    name = "kwil-cli",
    after_help = "Examples:\n  kwil-cli configure\n  kwil-cli account balance\n  kwil-cli query \"SELECT name, type FROM info.namespaces\""
)]
pub(crate) struct KwilCli {
    #[command(flatten)]
    user: UserArgs,
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Configure(Configure),
    Account(AccountGroup),
    ExecSql(ExecSql),
    ExecAction(ExecAction),
    Query(Query),
    CallAction(CallAction),
    #[command(alias = "common")]
    Utils(ToolsGroup),
    Version(VersionCommand),
    Completion(Completion),
}

impl Program for KwilCli {
    const NAME: &'static str = "kwil-cli";
    const PREFIX: &'static str = "KWILCLI";

    fn globals(&self) -> &GlobalArgs {
        &self.globals
    }

    fn silent(&self) -> bool {
        self.user.silent()
    }

    fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            Command::Configure(command) => command.run(&self.user, context),
            Command::Account(group) => group.run(&self.user, context),
            Command::ExecSql(command) => command.run(&self.user, context),
            Command::ExecAction(command) => command.run(&self.user, context),
            Command::Query(command) => command.run(&self.user, context),
            Command::CallAction(command) => command.run(&self.user, context),
            Command::Utils(group) => group.run(&self.user, context),
            Command::Version(command) => command.run(context),
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
        assert_eq!(faults_of_examples::<KwilCli>(), Vec::<String>::new());
    }
}
