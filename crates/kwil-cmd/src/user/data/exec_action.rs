//! `exec-action`.

use kwil_client::{Parameters, TxDraft};
use kwil_types::Value;

use super::csv::{self, Mapping};
use super::{arguments, ask_signature};
use crate::context::Context;
use crate::error::CliError;
use crate::user::tx::TxArgs;
use crate::user::{Settings, UserArgs};

/// Call an action in a transaction.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli exec-action add_user int8:1 text:Ann -n social --sync\n  kwil-cli exec-action add_user -n social -p id:int8=1 -p name:text=Ann --sync\n  kwil-cli exec-action add_user -n social --csv users.csv -m id:id,full_name:name --batch-size 500 --sync"
)]
pub struct ExecAction {
    /// Name of the action
    #[arg(value_name = "ACTION")]
    action: String,
    /// Arguments in order, type:value, or null
    #[arg(value_name = "TYPE:VALUE")]
    arguments: Vec<String>,
    /// Namespace of the action
    #[arg(short = 'n', long, default_value = "main", value_name = "NAME")]
    namespace: String,
    /// Argument by name, name:type=value; may be repeated
    #[arg(short = 'p', long = "param", value_name = "NAME:TYPE=VALUE")]
    params: Vec<String>,
    /// Call the action once for each record of this file
    #[arg(long, value_name = "FILE")]
    csv: Option<String>,
    /// Which column is which parameter, column:parameter or column:position; without it by their names
    #[arg(short = 'm', long, value_delimiter = ',', value_name = "COLUMN:PARAMETER")]
    csv_mapping: Vec<String>,
    /// Records in one transaction; 0 is all
    #[arg(long, default_value_t = 0, value_name = "N")]
    batch_size: usize,
    #[command(flatten)]
    tx: TxArgs,
}

impl ExecAction {
    /// Signs and sends.
    ///
    /// # Errors
    /// Wrong arguments or files, no key, what the node or the way to it says, or a failed transaction with --sync.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let by_name = arguments::named(&self.params)?;
        let in_order = self
            .arguments
            .iter()
            .map(|text| arguments::positional(text))
            .collect::<Result<Vec<_>, _>>()?;
        if !in_order.is_empty() && self.csv.is_some() {
            let text = "cannot specify both CSV file and positional parameters";
            return Err(CliError::usage(text));
        }
        if !in_order.is_empty() && !by_name.is_empty() {
            return Err(CliError::usage("cannot specify both named and positional parameters"));
        }
        if self.csv.is_none() && !self.csv_mapping.is_empty() {
            return Err(CliError::usage("--csv-mapping needs --csv"));
        }
        let settings = Settings::merge(user, context)?;
        let rows = self.rows(in_order, &by_name, (user, &settings), context)?;
        let size = if self.batch_size == 0 { rows.len() } else { self.batch_size };
        let draft = |rows: &[Vec<Value>]| {
            TxDraft::execute(&self.namespace, &self.action, rows)
                .map_err(|error| CliError::usage(error.to_string()).hint("see --batch-size"))
        };
        if rows.len() <= size {
            return self.tx.send(draft(&rows)?, user, &settings, context);
        }
        let drafts = rows.chunks(size).map(draft).collect::<Result<_, _>>()?;
        self.tx.send_all(drafts, user, &settings, context)
    }

    /// The arguments of each call.
    fn rows(
        &self,
        in_order: Vec<Value>,
        by_name: &Parameters,
        (user, settings): (&UserArgs, &Settings),
        context: &mut Context,
    ) -> Result<Vec<Vec<Value>>, CliError> {
        if by_name.is_empty() && self.csv.is_none() {
            return Ok(vec![in_order]);
        }
        let text = match &self.csv {
            Some(file) => Some(context.read_text("the CSV file", &context.path(file))?),
            None => None,
        };
        let signer = settings.signer(context)?;
        let target = (self.namespace.as_str(), self.action.as_str());
        let signature = ask_signature(target, Some(&signer), (user, settings), context)?;
        match text {
            Some(text) => csv::rows(&text, &Mapping(&self.csv_mapping), &signature, by_name),
            None => Ok(vec![signature.arrange(by_name)?]),
        }
    }
}
