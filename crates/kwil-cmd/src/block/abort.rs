//! `block abort`.

use kwil_crypto::Hash;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Stop the execution of a block and drop transactions. Only the leader can.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} block abort 1200 --txns 8f0c…")]
pub struct AbortBlock {
    /// Height of the block
    #[arg(value_name = "HEIGHT")]
    height: i64,
    /// Transactions that leave the mempool; repeat or separate with commas
    #[arg(short = 't', long, value_delimiter = ',', value_name = "LIST")]
    txns: Vec<Hash>,
}

impl AbortBlock {
    /// Tells the node.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let Self { height, txns } = self;
        rpc.ask(context, async |node| node.abort_block_execution(height, txns).await)?;
        context.output.emit(&serde_json::json!({ "height": height }), || {
            format!("Abort requested for block {height}")
        })
    }
}
