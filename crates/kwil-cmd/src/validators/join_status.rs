//! `validators join-status`.

use kwil_api::admin::JoinRequest;
use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::node_id::{of, parse};
use crate::remote::RpcArgs;
use crate::times::utc_seconds;

/// Show who approved the join request of a node.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators join-status \"03dbe22b…#secp256k1\"")]
pub struct JoinStatus {
    /// Node that asked to join, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    candidate: NodeId,
}

impl JoinStatus {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says; `not_found` without a request.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let asked = rpc.ask(context, async |node| node.join_status(&self.candidate).await);
        let request = asked.map_err(|error| match error.code() {
            ErrorCode::NotFound => CliError::new(
                ErrorCode::NotFound,
                "No active join request for that validator. Have they already been approved?",
            ),
            _ => error,
        })?;
        context.output.emit(&request, || text(&request))
    }
}

fn text(request: &JoinRequest) -> String {
    let approvals = request.approved.iter().filter(|approved| **approved).count();
    let mut lines = vec![
        format!("Candidate: {}", of(&request.candidate)),
        format!("Requested Power: {}", request.power),
        format!("Expiration Timestamp: {}", utc_seconds(request.expires_at)),
        format!(
            "{approvals} Approvals Received From Existing Validators ({} needed):",
            request.needed
        ),
    ];
    lines.extend(request.board.iter().zip(&request.approved).map(|(member, approved)| {
        format!("  {}: {}", of(member), if *approved { "✅ approved" } else { "❌ not approved" })
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use kwil_api::AccountId;

    use super::*;

    #[test]
    fn one_line_per_voter() {
        let account =
            |byte| AccountId { identifier: vec![byte; 3], key_type: "secp256k1".to_owned() };
        let request = JoinRequest {
            candidate: account(1),
            power: 1,
            expires_at: 1_738_430_489_999,
            board: vec![account(2), account(3)],
            approved: vec![true, false],
            needed: 2,
        };
        insta::assert_snapshot!(text(&request), @r"
        Candidate: 010101#secp256k1
        Requested Power: 1
        Expiration Timestamp: 2025-02-01T17:21:29Z
        1 Approvals Received From Existing Validators (2 needed):
          020202#secp256k1: ✅ approved
          030303#secp256k1: ❌ not approved
        ");
    }
}
