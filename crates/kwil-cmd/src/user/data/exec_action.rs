//! `exec-action`.

use kwil_client::{Parameters, TxDraft};
use kwil_types::Value;

use super::arguments::{ActionArgs, one_way};
use super::ask_signature;
use super::csv::{self, Mapping};
use crate::context::Context;
use crate::error::CliError;
use crate::user::tx::TxArgs;
use crate::user::{Settings, UserArgs};

/// Call an action in a transaction.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli exec-action add_user int8:1 text:Ann -n social --sync\n  kwil-cli exec-action add_user -n social -p id:int8=1 -p name:text=Ann --sync\n  kwil-cli exec-action add_user -n social --csv users.csv \\\n    -m id:id,full_name:name --batch-size 500 --sync"
)]
pub struct ExecAction {
    #[command(flatten)]
    target: ActionArgs,
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
        let by_name = self.target.by_name()?;
        let in_order = self.target.in_order()?;
        if !in_order.is_empty() && self.csv.is_some() {
            let text = "cannot specify both CSV file and positional parameters";
            return Err(CliError::usage(text));
        }
        one_way(&in_order, &by_name)?;
        if self.csv.is_none() && !self.csv_mapping.is_empty() {
            return Err(CliError::usage("--csv-mapping needs --csv"));
        }
        let settings = Settings::merge(user, context)?;
        let rows = self.rows(in_order, &by_name, (user, &settings), context)?;
        let size = if self.batch_size == 0 { rows.len() } else { self.batch_size };
        let draft = |rows: &[Vec<Value>]| {
            let (namespace, action) = self.target.names();
            TxDraft::execute(namespace, action, rows)
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
        let signature =
            ask_signature(self.target.names(), Some(&signer), (user, settings), context)?;
        match text {
            Some(text) => csv::rows(&text, &Mapping(&self.csv_mapping), &signature, by_name),
            None => Ok(vec![signature.arrange(by_name)?]),
        }
    }
}
