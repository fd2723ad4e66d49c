//! `admin verify-state`.

use kwil_api::admin::StateCheck;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::remote::RpcArgs;

/// Recompute the state hash from the tables and compare it with the signed one; exits with 8 when they differ.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin verify-state")]
pub struct VerifyState {}

impl VerifyState {
    /// Asks the node, which reads all its tables, and prints what it found.
    ///
    /// # Errors
    /// What the node or the way to it says, or that a table differs.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let check = rpc.ask(context, async |node| node.verify_state().await)?;
        if !check.ok {
            return Err(CliError::new(ErrorCode::CheckFailed, difference(&check)).hint(
                "stop this node and take the state again from its peers: kwild setup reset --all",
            ));
        }
        context.output.emit(&check, || {
            format!(
                "State at height {} is what the validators signed.\nApp hash: {}\nTables: {}\nRows: {}",
                check.height, check.got_app_hash, check.tables, check.rows
            )
        })
    }
}

fn difference(check: &StateCheck) -> String {
    let tables = match check.differing_tables.as_slice() {
        [] => "no table differs, but the catalog or the chain row does".to_owned(),
        names => format!("differing tables: {}", names.join(", ")),
    };
    format!(
        "the state at height {} is not what the validators signed: app hash {}, signed {}; {tables}",
        check.height, check.got_app_hash, check.want_app_hash
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_tables() {
        let check = StateCheck {
            height: 7,
            differing_tables: vec!["main.users".to_owned()],
            ..StateCheck::default()
        };
        assert!(difference(&check).ends_with("; differing tables: main.users"));
    }
}
