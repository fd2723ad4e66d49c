//! Node ids on the command line.

use kwil_api::AccountId;
use kwil_config::WhitelistEntry;
use kwil_crypto::NodeId;

/// Reads `<pubkey>#<type>`; the numeric types of old releases and a trailing address are accepted.
pub(crate) fn parse(text: &str) -> Result<NodeId, String> {
    text.parse::<WhitelistEntry>().map(|entry| entry.0).map_err(|error| error.to_string())
}

/// The id of a validator that a node names as an account.
pub(crate) fn of(account: &AccountId) -> String {
    let hex: String = account.identifier.iter().map(|byte| format!("{byte:02x}")).collect();
    let key_type = if account.key_type.is_empty() { "secp256k1" } else { &account.key_type };
    format!("{hex}#{key_type}")
}
