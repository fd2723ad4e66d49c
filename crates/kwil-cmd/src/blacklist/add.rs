//! `blacklist add`.

use kwil_crypto::NodeId;
use kwil_types::GoDuration;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::parse;
use crate::remote::RpcArgs;

/// Refuse a node.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  {program} blacklist add \"03dbe22b…#secp256k1\" --reason flooding \\\n    --duration 1h"
)]
pub struct AddToBlacklist {
    /// The node, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    node: NodeId,
    /// Why, for the list
    #[arg(long, default_value = "manual", value_name = "TEXT")]
    reason: String,
    /// For how long; without it for ever
    #[arg(long, default_value = "", value_name = "DURATION")]
    duration: String,
}

#[derive(Serialize)]
struct Added {
    node_id: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    permanent: bool,
}

impl AddToBlacklist {
    /// Tells the node.
    ///
    /// # Errors
    /// A wrong duration, or what the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let duration = self.length()?;
        rpc.ask(context, async |node| {
            node.blacklist_add(&self.node, &self.reason, duration).await
        })?;
        let added = Added {
            node_id: self.node.to_string(),
            reason: self.reason,
            duration: duration.map(|duration| duration.to_string()),
            permanent: duration.is_none(),
        };
        context.output.emit(&added, || text(&added))
    }

    fn length(&self) -> Result<Option<GoDuration>, CliError> {
        if self.duration.is_empty() {
            return Ok(None);
        }
        let duration: GoDuration = self
            .duration
            .parse()
            .map_err(|error| CliError::usage(format!("invalid duration format: {error}")))?;
        if duration <= GoDuration::ZERO {
            return Err(CliError::usage(format!("duration must be positive, got: {duration}")));
        }
        Ok(Some(duration))
    }
}

fn text(added: &Added) -> String {
    let Added { node_id, reason, duration, .. } = added;
    let length = duration
        .as_ref()
        .map_or_else(|| "permanent".to_owned(), |duration| format!("duration: {duration}"));
    format!("Blacklisted node {node_id} (reason: {reason}, {length})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permanent_and_timed_entries_say_so() {
        let mut added = Added {
            node_id: "02ab#secp256k1".to_owned(),
            reason: "manual".to_owned(),
            duration: None,
            permanent: true,
        };
        assert_eq!(text(&added), "Blacklisted node 02ab#secp256k1 (reason: manual, permanent)");
        added.duration = Some("1h0m0s".to_owned());
        assert_eq!(
            text(&added),
            "Blacklisted node 02ab#secp256k1 (reason: manual, duration: 1h0m0s)"
        );
    }
}
