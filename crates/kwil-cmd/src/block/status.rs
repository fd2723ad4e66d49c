//! `block status`.

use kwil_api::admin::BlockExecution;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::times::local;

/// Show the block that is being executed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} block status")]
pub struct BlockStatus {}

impl BlockStatus {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let execution = rpc.ask(context, async |node| node.block_execution().await)?;
        context.output.emit(&execution, || match &execution {
            None => "No block execution in progress".to_owned(),
            Some(execution) => text(execution),
        })
    }
}

/// The first transaction that is not done is the one that runs.
fn text(execution: &BlockExecution) -> String {
    let mut lines = vec![
        "Block Execution Status:".to_owned(),
        format!("  Height: {}", execution.height),
        format!("  Start Time: {}", local(execution.start_time)),
    ];
    let mut running = execution.end_time.is_none();
    for tx in &execution.tx_info {
        let words = match (tx.status, running) {
            (true, _) => "Completed",
            (false, true) => "In Progress",
            (false, false) => "Not Started",
        };
        running &= tx.status;
        lines.push(format!("  Tx: {}  ({words})", tx.id));
    }
    lines.extend(execution.end_time.map(|end| format!("  End Time: {}", local(end))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use kwil_api::admin::TxProgress;
    use kwil_crypto::Hash;

    use super::*;

    #[test]
    fn the_first_unfinished_transaction_is_in_progress() {
        let tx = |byte, status| TxProgress { id: Hash([byte; 32]), status };
        let tx_info = vec![tx(1, true), tx(2, false), tx(3, false)];
        let shown = text(&BlockExecution { height: 5, tx_info, ..BlockExecution::default() });
        let words: Vec<&str> = shown
            .lines()
            .filter_map(|line| line.split_once("  ("))
            .map(|(_, words)| words)
            .collect();
        assert_eq!(words, ["Completed)", "In Progress)", "Not Started)"]);
    }
}
