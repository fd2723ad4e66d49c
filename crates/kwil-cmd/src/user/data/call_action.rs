//! `call-action`.

use kwil_api::RpcCode;
use kwil_api::read::CallResult;
use kwil_client::{Caller, ClientError};

use super::arguments::{ActionArgs, one_way};
use super::{ask_signature, rows};
use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::output::Mode;
use crate::table::TableArgs;
use crate::user::{Settings, UserArgs, tx};

/// Call a view action: nothing changes, nothing is paid.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli call-action get_user int8:1 -n social\n  kwil-cli call-action get_user -n social -p id:int8=1 --logs --output json"
)]
pub struct CallAction {
    #[command(flatten)]
    target: ActionArgs,
    /// Sign the call, as private nodes want it
    #[arg(long)]
    rpc_auth: bool,
    /// Show what the action said with NOTICE
    #[arg(long)]
    logs: bool,
    /// Wait until the node has this block, for example that of a transaction sent elsewhere
    #[arg(long, value_name = "HEIGHT")]
    min_height: Option<u64>,
    #[command(flatten)]
    table: TableArgs,
}

impl CallAction {
    /// Asks and prints. With a key the action sees its address as caller; a node that wants proof of that gets it.
    ///
    /// # Errors
    /// Wrong arguments, no key with --rpc-auth, what the node or the way to it says, and what the action refuses.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let by_name = self.target.by_name()?;
        let mut values = self.target.in_order()?;
        one_way(&values, &by_name)?;
        let settings = Settings::merge(user, context)?;
        let signer = if self.rpc_auth || settings.has_key() {
            Some(tx::reader(&settings, context)?)
        } else {
            None
        };
        let proof = signer.as_ref().filter(|_| self.rpc_auth);
        if !by_name.is_empty() {
            let target = self.target.names();
            let signature = ask_signature(target, signer.as_ref(), (user, &settings), context)?;
            values = signature.arrange(&by_name)?;
        }
        let caller = match (&signer, proof) {
            (_, Some(signer)) => Caller::Signed(signer),
            (Some(signer), None) => Caller::Claimed(signer),
            (None, None) => Caller::Anonymous,
        };
        let result = user.ask(&settings, context, async |node| {
            let node = self.min_height.map_or_else(|| node.clone(), |height| node.at_least(height));
            let (namespace, action) = self.target.names();
            let call = async |caller| node.call_action(namespace, action, &values, caller).await;
            match (call(caller).await, &signer) {
                (Err(error), Some(signer)) if proof.is_none() && wants_proof(&error) => {
                    call(Caller::Signed(signer)).await.map(Some)
                }
                (Err(error), None) if wants_proof(&error) => Ok(None),
                (answer, _) => answer.map(Some),
            }
        })?;
        match result {
            Some(result) => self.show(&result, context),
            None => Err(tx::no_key_for_proof()),
        }
    }

    fn show(&self, result: &CallResult, context: &mut Context) -> Result<(), CliError> {
        let failed = || CliError::told(ErrorCode::Failed);
        if context.output.mode() == Mode::Json && !self.logs {
            return match &result.error {
                Some(error) => Err(CliError::failed(error.clone())),
                None => context.output.emit(&result.query_result, String::new),
            };
        }
        context.output.emit(result, || self.text(result))?;
        if result.error.is_some() { Err(failed()) } else { Ok(()) }
    }

    fn text(&self, result: &CallResult) -> String {
        let mut parts = Vec::new();
        if result.error.is_none() || !result.query_result.rows.is_empty() {
            parts.push(rows::table(&result.query_result, self.table));
        }
        if let Some(error) = &result.error {
            parts.push(format!("Error: {error}"));
        }
        if self.logs && !result.logs.is_empty() {
            parts.push("Logs:".to_owned());
            parts.extend(result.logs.lines().map(|line| format!("  {line}")));
        }
        parts.join("\n")
    }
}

/// Whether a node refuses a caller because nothing proves who that is.
fn wants_proof(error: &ClientError) -> bool {
    error.rpc().is_some_and(|error| error.code() == RpcCode::CHALLENGE_NOT_FOUND)
}
