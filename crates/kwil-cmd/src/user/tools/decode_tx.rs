//! `utils decode-tx`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kwil_types::json::{EncodedValue, Transaction};
use kwil_types::{Payload, RawTx, VotableEvent};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::query_tx::hex;

/// Show what is in the bytes of a transaction.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli utils decode-tx 0001…\n  kwil-cli utils query-tx 8f0c… --raw | cut \\\n    -c6- | kwil-cli utils decode-tx - --payload"
)]
pub struct DecodeTx {
    /// Transaction in hex or base64, or '-' for stdin
    #[arg(value_name = "TRANSACTION")]
    transaction: String,
    /// Show the payload too
    #[arg(long)]
    payload: bool,
}

impl DecodeTx {
    /// Decodes and prints; asks no node.
    ///
    /// # Errors
    /// Text that is no transaction.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let text = match self.transaction.as_str() {
            "-" => std::io::read_to_string(std::io::stdin().lock()).map_err(|error| {
                CliError::because("cannot read the transaction from stdin", &error)
            })?,
            text => text.to_owned(),
        };
        let bytes = decode_text(text.trim())
            .ok_or_else(|| CliError::usage("the transaction is neither hex nor base64"))?;
        let tx = RawTx::decode(bytes.into()).map_err(|error| {
            CliError::because("cannot decode the transaction", &error)
                .with_code(crate::ErrorCode::Usage)
        })?;
        let body = &tx.transaction().body;
        let payload = self.payload.then(|| {
            Payload::decode(&body.payload_type, &body.payload).map(|payload| payload_json(&payload))
        });
        let decoded = payload.as_ref().and_then(|payload| payload.as_ref().ok());
        let view = json!({ "tx": Transaction::from(tx.transaction()), "payload_decoded": decoded });
        context.output.emit(&view, || {
            let last = match &payload {
                None => String::new(),
                Some(Ok(value)) => format!("\nPayload (json): {value}"),
                Some(Err(_)) => format!("\nPayload (invalid): {}", STANDARD.encode(&body.payload)),
            };
            format!("{}{last}", lines(&tx))
        })
    }
}

fn lines(tx: &RawTx) -> String {
    let transaction = tx.transaction();
    let body = &transaction.body;
    format!(
        "Transaction ID: {}\nSender: {}\nDescription: {}\nPayload type: {}\nChainID: {}\nFee: {}\nNonce: {}\n\
         Signature type: {}\nSignature: {}",
        tx.id(),
        hex(&transaction.sender),
        body.description,
        body.payload_type,
        body.chain_id,
        body.fee,
        body.nonce,
        transaction.signature.auth_type,
        STANDARD.encode(&transaction.signature.bytes)
    )
}

fn decode_text(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_hex = !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    }
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// A payload for people who look into it.
fn payload_json(payload: &Payload) -> Value {
    let values = |values: &[kwil_types::EncodedValue]| {
        values.iter().map(|value| EncodedValue::try_from(value).ok()).collect::<Vec<_>>()
    };
    let event = |event: &VotableEvent| json!({ "type": event.event_type(), "body": STANDARD.encode(event.body()), "id": event.id().to_string() });
    match payload {
        Payload::RawStatement(raw) => {
            let parameters = raw.parameters.iter();
            let parameters: Vec<Value> = parameters
                .map(|p| json!({ "name": p.name, "value": EncodedValue::try_from(&p.value).ok() }))
                .collect();
            json!({ "statement": raw.statement, "parameters": parameters })
        }
        Payload::Execute(execute) => json!({
            "namespace": execute.namespace(),
            "action": execute.action(),
            "arguments": execute.calls().map(values).collect::<Vec<_>>(),
        }),
        Payload::Transfer(transfer) => {
            json!({ "to": transfer.to.to_string(), "amount": transfer.amount.to_string() })
        }
        Payload::ValidatorJoin(join) => json!({ "power": join.power }),
        Payload::ValidatorLeave(_) => json!({}),
        Payload::ValidatorApprove(approve) => json!({ "candidate": approve.candidate.to_string() }),
        Payload::ValidatorRemove(remove) => json!({ "validator": remove.validator.to_string() }),
        Payload::ValidatorVoteIds(votes) => {
            json!({ "resolution_ids": votes.ids.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
        Payload::ValidatorVoteBodies(votes) => {
            json!({ "events": votes.events.iter().map(event).collect::<Vec<_>>() })
        }
        Payload::CreateResolution(create) => json!({ "resolution": event(&create.event) }),
        Payload::ApproveResolution(approve) => json!({ "resolution_id": approve.id.to_string() }),
        Payload::DeleteResolution(delete) => json!({ "resolution_id": delete.id.to_string() }),
        Payload::MaaExec(exec) => json!({
            "account": exec.account.to_string(),
            "namespace": exec.namespace,
            "action": exec.action,
            "arguments": values(&exec.arguments),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_base64_are_told_apart() {
        assert_eq!(decode_text("0x0aff"), Some(vec![0x0a, 0xff]));
        assert_eq!(decode_text("Cv8="), Some(vec![0x0a, 0xff]));
        assert_eq!(decode_text(""), None);
        assert_eq!(decode_text("not either"), None);
    }
}
