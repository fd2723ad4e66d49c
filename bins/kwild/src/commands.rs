//! Which commands `kwild` has.

use kwil_cmd::admin::AdminGroup;
use kwil_cmd::blacklist::BlacklistGroup;
use kwil_cmd::block::BlockGroup;
use kwil_cmd::completion::Completion;
use kwil_cmd::consensus::ConsensusGroup;
use kwil_cmd::key::KeyGroup;
use kwil_cmd::print_config::PrintConfig;
use kwil_cmd::setup::SetupGroup;
use kwil_cmd::utils::UtilsGroup;
use kwil_cmd::validators::ValidatorsGroup;
use kwil_cmd::whitelist::WhitelistGroup;
use kwil_cmd::{CliError, Context, GlobalArgs, Program, VersionCommand};

use crate::start::Start;

/// A node of a Kwil network.
#[derive(Debug, clap::Parser)]
#[command(name = "kwild")]
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
    Key(KeyGroup),
    Setup(SetupGroup),
    #[command(alias = "node")]
    Admin(AdminGroup),
    Validators(ValidatorsGroup),
    Consensus(ConsensusGroup),
    Whitelist(WhitelistGroup),
    Blacklist(BlacklistGroup),
    Block(BlockGroup),
    #[command(alias = "common")]
    Utils(UtilsGroup),
    Version(VersionCommand),
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
            Command::Key(group) => group.run(context),
            Command::Setup(group) => group.run(context),
            Command::Admin(group) => group.run(context),
            Command::Validators(group) => group.run(context),
            Command::Consensus(group) => group.run(context),
            Command::Whitelist(group) => group.run(context),
            Command::Blacklist(group) => group.run(context),
            Command::Block(group) => group.run(context),
            Command::Utils(group) => group.run(context),
            Command::Version(command) => command.run(context),
            Command::Completion(command) => command.run(Self::command_line(), context),
        }
    }
}
