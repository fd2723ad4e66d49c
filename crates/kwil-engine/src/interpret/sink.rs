//! Where the rows of a call go.

use kwil_lang::analyze::OutputColumn;

use crate::error::Failure;
use crate::session::Row;

/// Takes the rows that an action called from outside returns, one by one, while the action waits.
pub(crate) trait RowSink: Send {
    /// Tells the columns of the rows that follow.
    fn columns(&mut self, columns: &[OutputColumn]);

    /// Takes a row. A failure ends the call.
    fn row(&mut self, row: Row) -> Result<(), Failure>;

    /// How many rows more may come; `None` for any number.
    fn room(&self) -> Option<u64>;
}
