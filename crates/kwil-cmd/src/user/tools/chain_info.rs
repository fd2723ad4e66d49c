//! `utils chain-info`.

use kwil_api::user::ChainInfo;

use crate::context::Context;
use crate::error::CliError;
use crate::user::{Settings, UserArgs};

/// Show the network and its best block.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  kwil-cli utils chain-info --provider http://98.76.54.32:8484")]
pub struct ShowChainInfo {}

impl ShowChainInfo {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        let info = user.ask(&settings, context, async |node| node.chain_info().await)?;
        context.output.emit(&info, || text(&info))
    }
}

fn text(info: &ChainInfo) -> String {
    let gas = if info.gas { "\nGas: true" } else { "" };
    format!(
        "Chain ID: {}\nHeight: {}\nHash: {}{gas}",
        info.chain_id, info.block_height, info.block_hash
    )
}

#[cfg(test)]
mod tests {
    use kwil_crypto::Hash;

    use super::*;

    #[test]
    fn three_lines_and_a_fourth_where_transactions_cost_fees() {
        let mut info = ChainInfo {
            chain_id: "prod-chain".to_owned(),
            block_height: 109,
            block_hash: Hash([7; 32]),
            gas: false,
        };
        let three = format!("Chain ID: prod-chain\nHeight: 109\nHash: {}", "07".repeat(32));
        assert_eq!(text(&info), three);
        info.gas = true;
        assert_eq!(text(&info), format!("{three}\nGas: true"));
        let keys: Vec<String> =
            serde_json::to_value(&info).unwrap().as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["block_hash", "block_height", "chain_id", "gas"]);
    }
}
