//! The commands that `kwild` and `kwil-admin` share, so that both have the same.

use crate::blacklist::BlacklistGroup;
use crate::block::BlockGroup;
use crate::consensus::ConsensusGroup;
use crate::context::Context;
use crate::error::CliError;
use crate::key::KeyGroup;
use crate::setup::SetupGroup;
use crate::utils::UtilsGroup;
use crate::validators::ValidatorsGroup;
use crate::version::VersionCommand;
use crate::whitelist::WhitelistGroup;

/// A command of an operator, whichever program it is typed to.
#[expect(missing_docs, reason = "the text of a variant would hide that of its group in the help")]
#[derive(Debug, clap::Subcommand)]
pub enum OperatorCommand {
    Key(KeyGroup),
    Setup(SetupGroup),
    Validators(ValidatorsGroup),
    Consensus(ConsensusGroup),
    Whitelist(WhitelistGroup),
    Blacklist(BlacklistGroup),
    Block(BlockGroup),
    #[command(alias = "common")]
    Utils(UtilsGroup),
    Version(VersionCommand),
}

impl OperatorCommand {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self {
            Self::Key(group) => group.run(context),
            Self::Setup(group) => group.run(context),
            Self::Validators(group) => group.run(context),
            Self::Consensus(group) => group.run(context),
            Self::Whitelist(group) => group.run(context),
            Self::Blacklist(group) => group.run(context),
            Self::Block(group) => group.run(context),
            Self::Utils(group) => group.run(context),
            Self::Version(command) => command.run(context),
        }
    }
}
