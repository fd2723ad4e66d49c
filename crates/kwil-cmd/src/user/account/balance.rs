//! `account balance`.

use kwil_api::user::Account;
use kwil_client::account_of_signer;
use kwil_types::AccountId;
use serde::Serialize;

use super::parse_account;
use crate::context::Context;
use crate::error::CliError;
use crate::query_tx::hex;
use crate::remote::explain;
use crate::user::{Settings, UserArgs};

/// Show what an account owns, and the nonce of its last transaction.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli account balance\n  kwil-cli account balance 0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7"
)]
pub struct Balance {
    /// Address or key in hex [default: the account of the configured key]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Type of the key
    #[arg(value_name = "KEYTYPE")]
    key_type_word: Option<String>,
    /// Type of the key
    #[arg(short = 't', long = "keytype", default_value = "secp256k1", value_name = "TYPE")]
    key_type: String,
    /// Count the transactions that wait for a block
    #[arg(long)]
    pending: bool,
}

#[derive(Serialize)]
struct View {
    identifier: Option<String>,
    key_type: Option<String>,
    balance: String,
    nonce: i64,
}

impl Balance {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        let id = match &self.id {
            Some(text) => {
                parse_account(text, self.key_type_word.as_ref().unwrap_or(&self.key_type))?
            }
            None => account_of_signer(&settings.signer(context)?)
                .map_err(|error| explain(&error, "RPC provider"))?,
        };
        let account =
            user.ask(&settings, context, async |node| node.account(&id, self.pending).await)?;
        context.output.emit(&view(&account), || text(&account))
    }
}

fn view(account: &Account) -> View {
    View {
        identifier: account.id.as_ref().map(|id| hex(&id.identifier)),
        key_type: account.id.as_ref().map(|id| id.key_type.clone()),
        balance: account.balance.to_string(),
        nonce: account.nonce,
    }
}

fn text(account: &Account) -> String {
    let first = match &account.id {
        None => "[Account not found]".to_owned(),
        Some(id) => match AccountId::try_from(id).ok().filter(|id| id.identifier().len() == 20) {
            Some(address) => format!("{} (Ethereum secp256k1)", address_text(&address)),
            None => format!("{} ({})", hex(&id.identifier), id.key_type),
        },
    };
    format!("{first}\nBalance: {}\nNonce: {}", account.balance, account.nonce)
}

/// The address with its checksum.
fn address_text(account: &AccountId) -> String {
    kwil_crypto::EthAddress::try_from(account.identifier())
        .map_or_else(|_| hex(account.identifier()), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_whose_it_is() {
        let account = |bytes: &[u8], key_type: &str| Account {
            id: Some(kwil_api::AccountId {
                identifier: bytes.to_vec(),
                key_type: key_type.to_owned(),
            }),
            balance: 1234_u64.into(),
            nonce: 5,
        };
        let text_form = "0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7";
        let address = parse_account(&text_form.to_lowercase(), "secp256k1").unwrap();
        assert_eq!(
            text(&account(address.identifier(), "secp256k1")),
            format!("{text_form} (Ethereum secp256k1)\nBalance: 1234\nNonce: 5")
        );
        assert!(
            text(&account(&[7; 32], "ed25519"))
                .starts_with(&format!("{} (ed25519)\n", "07".repeat(32)))
        );
        assert_eq!(text(&Account::default()), "[Account not found]\nBalance: 0\nNonce: 0");
    }
}
