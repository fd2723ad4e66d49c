//! `consensus propose`.

use kwil_crypto::{KeyType, PublicKey};
use kwil_types::{
    GoDuration, MigrationStatus, ParamName, ParamUpdateProposal, ParamUpdates, ParamValue,
    ResolutionBody,
};
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::error::CliError;
use crate::prompt::{Question, confirm};
use crate::remote::RpcArgs;
use crate::submit::SubmitArgs;

/// Propose new values of network parameters.
///
/// Parameters: leader {"type","key"}, max_block_size, join_expiry, disabled_gas_costs, max_votes_per_tx,
/// migration_status, maa_activation_height.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  {program} consensus propose --updates '{\"max_block_size\":8388608}' \\\n    --description \"larger blocks\""
)]
pub struct Propose {
    /// New values as a JSON object
    #[arg(short = 'u', long, default_value = "{}", value_name = "JSON")]
    updates: String,
    /// Text for those who vote
    #[arg(short = 'd', long, default_value = "", value_name = "TEXT")]
    description: String,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    submit: SubmitArgs,
}

#[derive(Serialize)]
struct Proposed {
    tx_hash: String,
    id: String,
}

impl Propose {
    /// Checks, asks, and lets the node sign and send the proposal.
    ///
    /// # Errors
    /// Wrong updates, a refusal, or what the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        if self.description.is_empty() {
            return Err(CliError::usage("description must not be empty"));
        }
        let updates = parse_updates(&self.updates).map_err(CliError::usage)?;
        let proposal = ParamUpdateProposal { description: self.description.clone(), updates };
        let failed =
            |error: &dyn std::error::Error| CliError::because("cannot make the proposal", error);
        let event =
            ResolutionBody::ParamUpdates(proposal).event().map_err(|error| failed(&error))?;
        if !self.yes && context.environment.interactive {
            context
                .output
                .note(&format!("Description: {}\nUpdates: {}", self.description, self.updates));
        }
        let question = Question { text: "Do you want to submit this proposal?", flag: "--yes" };
        confirm(question, self.yes, context)?;
        let body = event.body().to_vec();
        let sent = rpc.ask(context, async |node| {
            node.create_resolution(event.event_type(), body, self.submit.options()).await
        })?;
        let proposed = Proposed { tx_hash: sent.tx_hash.to_string(), id: event.id().to_string() };
        context.output.emit(&proposed, || {
            format!("Transaction Hash: {}\nResolution ID: {}", proposed.tx_hash, proposed.id)
        })
    }
}

fn parse_updates(text: &str) -> Result<ParamUpdates, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("bad updates json: {error}"))?;
    let Value::Object(object) = value else {
        return Err("bad updates json: not an object".to_owned());
    };
    if object.is_empty() {
        return Err("invalid updates: no parameter named".to_owned());
    }
    let mut updates = ParamUpdates::new();
    for (name, value) in &object {
        let name: ParamName =
            name.parse().map_err(|error: kwil_types::ParamError| error.to_string())?;
        if value.is_null() {
            return Err("cannot set null value".to_owned());
        }
        let parsed =
            parse_value(name, value).ok_or_else(|| format!("invalid updates: {name}: {value}"))?;
        parsed.check().map_err(|error| format!("invalid updates: {error}"))?;
        updates.set(parsed);
    }
    Ok(updates)
}

fn parse_value(name: ParamName, value: &Value) -> Option<ParamValue> {
    Some(match name {
        ParamName::Leader => {
            let key_type: KeyType = value.get("type")?.as_str()?.parse().ok()?;
            ParamValue::Leader(PublicKey::from_hex(key_type, value.get("key")?.as_str()?).ok()?)
        }
        ParamName::MaxBlockSize => ParamValue::MaxBlockSize(value.as_u64()?),
        // Nanoseconds are what old tools wrote.
        ParamName::JoinExpiry => ParamValue::JoinExpiry(match value.as_str() {
            Some(text) => text.parse().ok()?,
            None => GoDuration::from_nanos(value.as_i64()?),
        }),
        ParamName::DisabledGasCosts => ParamValue::DisabledGasCosts(value.as_bool()?),
        ParamName::MaxVotesPerTx => ParamValue::MaxVotesPerTx(value.as_u64()?),
        ParamName::MigrationStatus => {
            ParamValue::MigrationStatus(value.as_str()?.parse::<MigrationStatus>().ok()?)
        }
        ParamName::MaaActivationHeight => ParamValue::MaaActivationHeight(value.as_u64()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_text_or_nanoseconds() {
        let text = parse_updates("{\"join_expiry\":\"48h\"}").unwrap();
        assert_eq!(text, parse_updates("{\"join_expiry\":172800000000000}").unwrap());
        let many = r#"{"leader":{"type":"secp256k1","key":"0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82"},
            "max_block_size":8388608,"disabled_gas_costs":false,"max_votes_per_tx":5,"maa_activation_height":9}"#;
        assert_eq!(parse_updates(many).unwrap().len(), 5);
    }

    #[test]
    fn wrong_updates_are_named() {
        for (text, want) in [
            ("{", "bad updates json: "),
            ("[]", "bad updates json: "),
            ("{}", "invalid updates: "),
            ("{\"max_block_size\":null}", "cannot set null value"),
            ("{\"block_size\":1}", "unknown parameter name: block_size"),
            ("{\"max_block_size\":\"1\"}", "invalid updates: max_block_size"),
            ("{\"max_votes_per_tx\":0}", "invalid updates: "),
            ("{\"join_expiry\":\"-1h\"}", "invalid updates: "),
        ] {
            let error = parse_updates(text).unwrap_err();
            assert!(error.starts_with(want), "{text}: {error}");
        }
    }
}
