//! `consensus list-proposals`.

use kwil_api::user::UpdateProposal;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// List the pending changes of network parameters.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} consensus list-proposals")]
pub struct ListProposals {}

#[derive(Serialize)]
struct View<'a> {
    id: String,
    description: &'a str,
    updates: &'a Map<String, Value>,
}

impl ListProposals {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let proposals = rpc.ask(context, async |node| node.user().update_proposals().await)?;
        let views: Vec<View<'_>> = proposals.iter().map(view).collect();
        context.output.emit(&views, || text(&views))
    }
}

fn view(proposal: &UpdateProposal) -> View<'_> {
    View {
        id: proposal.id.to_string(),
        description: &proposal.description,
        updates: &proposal.updates,
    }
}

fn text(views: &[View<'_>]) -> String {
    if views.is_empty() {
        return "No consensus update proposals found.".to_owned();
    }
    let mut lines = vec!["Update proposals:".to_owned()];
    for View { id, description, updates } in views {
        let updates = Value::Object((*updates).clone());
        lines.extend([
            format!("\tID: {id}"),
            format!("\tDescription: {description}"),
            format!("\tParamUpdates: {updates}"),
        ]);
    }
    lines.join("\n")
}
