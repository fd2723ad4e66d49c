//! `account`: balances and transfers.

mod balance;
mod id;
mod transfer;

pub use balance::Balance;
pub use id::Id;
pub use transfer::Transfer;

use kwil_crypto::KeyType;
use kwil_types::AccountId;

use super::cli::UserArgs;
use crate::context::Context;
use crate::error::CliError;

/// Balances and transfers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli account balance\n  kwil-cli account transfer 0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7 100 \\\n    --sync"
)]
pub struct AccountGroup {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AccountCommand {
    Id(Id),
    Balance(Balance),
    Transfer(Transfer),
}

impl AccountGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            AccountCommand::Id(command) => command.run(user, context),
            AccountCommand::Balance(command) => command.run(user, context),
            AccountCommand::Transfer(command) => command.run(user, context),
        }
    }
}

/// An account as typed: `0x…`, hex of a key, or either with `#type`.
fn parse_account(text: &str, key_type: &str) -> Result<AccountId, CliError> {
    let (id, key_type) = text.trim().split_once('#').unwrap_or((text.trim(), key_type));
    let failed = |error: &dyn std::fmt::Display| {
        CliError::usage(format!("failed to decode account ID: {error}"))
    };
    let key_type: KeyType = key_type.parse().map_err(|error| failed(&error))?;
    AccountId::from_hex(key_type, id).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_are_accounts() {
        let address =
            parse_account("0x00000000000000000000000000000000000A11ce", "secp256k1").unwrap();
        assert_eq!(address.identifier().len(), 20);
        let key = "0aa611bf555596912bc6f9a9f169f8785918e7bab9924001895798ff13f05842";
        assert_eq!(
            parse_account(key, "ed25519").unwrap(),
            parse_account(&format!("{key}#ed25519"), "secp256k1").unwrap()
        );
        for (text, key_type) in
            [("", "secp256k1"), ("0x12", "secp256k1"), (key, "secp256k1"), (key, "rsa")]
        {
            let error = parse_account(text, key_type).unwrap_err().to_string();
            assert!(error.starts_with("failed to decode account ID: "), "{error}");
        }
    }
}
