//! `consensus update-status`.

use kwil_api::admin::ResolutionStatus;
use kwil_api::user::UpdateProposal;
use kwil_types::ResolutionType;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::of;
use crate::remote::RpcArgs;
use crate::times::utc_seconds;

/// Show who approved a change of network parameters.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} consensus update-status 6a1f8a8e-…")]
pub struct UpdateStatus {
    /// Id that `propose` printed
    #[arg(value_name = "ID")]
    id: Uuid,
}

#[derive(Serialize)]
struct View<'a> {
    status: &'a ResolutionStatus,
    proposal: &'a UpdateProposal,
}

impl UpdateStatus {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// Another kind of resolution, or what the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let status = rpc.ask(context, async |node| node.resolution(self.id).await)?;
        if status.r#type != ResolutionType::ParamUpdates.name() {
            return Err(CliError::failed(format!(
                "proposal is not a consensus update proposal, is {}",
                status.r#type
            )));
        }
        let proposal = rpc.ask(context, async |node| node.user().update_proposal(self.id).await)?;
        context
            .output
            .emit(&View { status: &status, proposal: &proposal }, || text(&status, &proposal))
    }
}

fn text(status: &ResolutionStatus, proposal: &UpdateProposal) -> String {
    let mut lines = vec![
        "Resolution Status:".to_owned(),
        format!("\tID: {}", status.resolution_id),
        format!("\tType: {}", status.r#type),
        format!("\tExpiresAt: {}", utc_seconds(status.expires_at)),
        "\tBoard:".to_owned(),
    ];
    lines.extend(status.board.iter().map(|member| format!("\t\t{}", of(member))));
    lines.push("\tApprovals:".to_owned());
    lines.extend(status.board.iter().zip(&status.approved).map(|(member, approved)| {
        format!("\t\t{}: {}", of(member), if *approved { "approved" } else { "not approved" })
    }));
    lines.extend([
        "Update Proposal:".to_owned(),
        format!("\tDescription: {}", proposal.description),
        format!("\tParamUpdates: {}", Value::Object(proposal.updates.clone())),
    ]);
    lines.join("\n")
}
