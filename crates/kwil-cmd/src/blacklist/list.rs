//! `blacklist list`.

use kwil_api::admin::BlacklistedPeer;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::times::utc_seconds;

/// List the nodes that are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} blacklist list --output json")]
pub struct ShowBlacklist {}

#[derive(Serialize)]
struct View {
    node_id: String,
    reason: String,
    permanent: bool,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl From<BlacklistedPeer> for View {
    fn from(peer: BlacklistedPeer) -> Self {
        Self {
            node_id: peer.peer_id,
            reason: peer.reason,
            permanent: peer.permanent,
            timestamp: utc_seconds(peer.timestamp),
            expires_at: peer.expires_at.map(utc_seconds),
        }
    }
}

impl ShowBlacklist {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let entries = rpc.ask(context, async |node| node.blacklist().await)?;
        let views: Vec<View> = entries.into_iter().map(View::from).collect();
        context.output.emit(&views, || text(&views))
    }
}

/// Fixed columns; the first is as wide as the longest id, so that ids can be copied.
fn text(views: &[View]) -> String {
    if views.is_empty() {
        return "No blacklisted nodes".to_owned();
    }
    let first = views.iter().map(|view| view.node_id.len() + 1).max().unwrap_or(0).max(70);
    let line = |[id, reason, since, kind, until]: [&str; 5]| {
        format!("{id:<first$}{reason:<20}{since:<20}{kind:<10}{until}").trim_end().to_owned()
    };
    let mut lines = vec![
        "Blacklisted Nodes:".to_owned(),
        String::new(),
        line(["NODE ID", "REASON", "BLACKLISTED", "TYPE", "EXPIRES AT"]),
        "-".repeat(140),
    ];
    lines.extend(views.iter().map(|view| {
        let kind = if view.permanent { "permanent" } else { "temporary" };
        let since = format!("{} ", view.timestamp);
        line([&view.node_id, &view.reason, &since, kind, view.expires_at.as_deref().unwrap_or("-")])
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_whole() {
        let id = format!("{}#secp256k1", "02".repeat(33));
        let views = [View {
            node_id: id.clone(),
            reason: "manual".to_owned(),
            permanent: true,
            timestamp: "2025-02-01T17:21:29Z".to_owned(),
            expires_at: None,
        }];
        let shown = text(&views);
        assert!(
            shown.contains(&format!("\n{id} manual              2025-02-01T17:21:29Z permanent -")),
            "{shown}"
        );
        assert_eq!(text(&[]), "No blacklisted nodes");
    }
}
