//! `validators list`.

use kwil_api::Validator;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::table::{ListFormat, Table, TableArgs};

/// List the current validators and their power.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators list --output json")]
pub struct List {
    /// lines or table
    #[arg(long, value_enum, default_value_t = ListFormat::Lines, value_name = "FORMAT")]
    format: ListFormat,
    #[command(flatten)]
    table: TableArgs,
}

#[derive(Serialize)]
struct View {
    pubkey: String,
    pubkey_type: &'static str,
    power: i64,
}

impl List {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let validators = rpc.ask(context, async |node| node.validators().await)?;
        let views: Vec<View> = validators.iter().map(view).collect();
        context.output.emit(&views, || match self.format.or_table(self.table) {
            ListFormat::Lines => lines(&views),
            ListFormat::Table => table(&views).render(self.table),
        })
    }
}

fn view(validator: &Validator) -> View {
    View {
        pubkey: validator.key.to_hex(),
        pubkey_type: validator.key.key_type().name(),
        power: validator.power,
    }
}

fn lines(views: &[View]) -> String {
    let lines = views.iter().enumerate().map(|(index, View { pubkey, pubkey_type, power })| {
        format!("\n  {index}. {{pubkey = {pubkey}#{pubkey_type}, power = {power}}}")
    });
    format!("Current validator set:{}", lines.collect::<String>())
}

fn table(views: &[View]) -> Table {
    let mut table = Table::new(["PubKey", "Type", "Power"]);
    for view in views {
        table.row([view.pubkey.clone(), view.pubkey_type.to_owned(), view.power.to_string()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_validator() {
        let views = [
            View { pubkey: "0277".to_owned(), pubkey_type: "secp256k1", power: 1 },
            View { pubkey: "0aa6".to_owned(), pubkey_type: "ed25519", power: 30 },
        ];
        insta::assert_snapshot!(lines(&views), @r"
        Current validator set:
          0. {pubkey = 0277#secp256k1, power = 1}
          1. {pubkey = 0aa6#ed25519, power = 30}
        ");
        insta::assert_snapshot!(table(&views).render(TableArgs::default()), @r"
        | PubKey |    Type   | Power |
        +--------+-----------+-------+
        |   0277 | secp256k1 |     1 |
        | 0aa6   | ed25519   |    30 |
        ");
    }
}
