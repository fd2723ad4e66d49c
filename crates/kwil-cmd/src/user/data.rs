//! The data commands: SQL and actions, in transactions and as reads.

mod arguments;
mod call_action;
mod csv;
mod exec_action;
mod exec_sql;
mod query;
mod rows;
mod signature;
mod statement;
mod value;

pub use call_action::CallAction;
pub use exec_action::ExecAction;
pub use exec_sql::ExecSql;
pub use query::Query;

use kwil_client::ClientError;
use kwil_crypto::auth::Signer;

use self::signature::{LookUp, Signature};
use super::{Settings, UserArgs};
use crate::context::Context;
use crate::error::CliError;

/// The parameters of an action of a namespace.
fn ask_signature(
    (namespace, action): (&str, &str),
    signer: Option<&Signer>,
    (user, settings): (&UserArgs, &Settings),
    context: &mut Context,
) -> Result<Signature, CliError> {
    user.ask(settings, context, async |node| {
        match Signature::of(node, signer, namespace, action).await {
            Ok(signature) => Ok(Ok(signature)),
            Err(LookUp::Cli(error)) => Ok(Err(error)),
            Err(LookUp::Client(error)) => Err::<_, ClientError>(error),
        }
    })?
}
