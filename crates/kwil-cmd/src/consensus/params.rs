//! `consensus params`.

use kwil_api::chain::ConsensusParams;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Show the network parameters in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} consensus params --output json")]
pub struct Params {}

impl Params {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let params = rpc.ask(context, async |node| node.user().consensus_params().await)?;
        context.output.emit(&params, || text(&params))
    }
}

fn text(params: &ConsensusParams) -> String {
    let mut lines = vec![
        "Network Parameters:".to_owned(),
        format!("\tLeader: {} [{}]", params.leader.to_hex(), params.leader.key_type().name()),
        format!("\tMax Block Size: {}", params.max_block_size),
        format!("\tJoin Expiry: {}", params.join_expiry),
        format!("\tDisabled Gas Costs: {}", params.disabled_gas_costs),
        format!("\tMax Votes Per Tx: {}", params.max_votes_per_tx),
    ];
    if !params.migration_status.is_empty() {
        lines.push(format!("\tMigration Status: {}", params.migration_status));
    }
    lines.join("\n")
}
