//! What the engine needs from a database.

use std::future::Future;
use std::sync::Arc;

use kwil_lang::analyze::OutputColumn;
use kwil_types::{DataType, Value};

use crate::catalog::Catalog;
use crate::error::Failure;

/// One row of a result.
pub type Row = Vec<Value>;

/// Whether a session may change rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Inside the transaction of a block.
    Write,
    /// A view of a committed height.
    Read,
}

/// A statement on rows, ready for the database. Shared and immutable, so a session may key its own cache by `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Unique among all statements that one engine has prepared.
    pub id: u64,
    /// SQL with `$1`, `$2`, …; every typed parameter carries a cast.
    pub sql: Box<str>,
    /// For an `INSERT` of one row that may run for many rows at once: SQL whose parameters are arrays of one length. Doing
    /// that is the same as running [`Prepared::sql`] for each element in turn, except that a failure undoes all of it.
    pub of_rows: Option<Box<str>>,
    /// Types of the parameters; the type of NULL for an untyped NULL.
    pub parameters: Vec<DataType>,
    /// Columns of the rows; empty for statements that change rows.
    pub columns: Vec<OutputColumn>,
    /// False for an ad-hoc statement that was not seen before: not worth a prepared statement of the server.
    pub is_reused: bool,
}

/// Rows with the names and types of their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryResult {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// Why the database did not do what it was asked.
#[derive(Debug)]
pub enum SessionError<F> {
    /// The statement is at fault, on every node alike.
    Sql {
        /// Five characters.
        sqlstate: Box<str>,
        /// What is wrong.
        message: String,
    },
    /// The program passed a limit that the session keeps, on every node alike.
    Failed(Box<Failure>),
    /// A read took longer than this node gives it.
    Timeout,
    /// This node is at fault.
    Fault(F),
}

/// A change of what exists.
#[derive(Clone, Debug)]
pub struct Change {
    /// What the database has to do, in order. Empty when only actions, roles or privileges change.
    pub ddl: Vec<Ddl>,
    /// The catalog after all of it.
    pub catalog: Arc<Catalog>,
}

/// One change of the database's own objects. Names are in lower case and unquoted; SQL is complete and qualified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ddl {
    /// A new, empty namespace.
    CreateNamespace {
        /// Its name.
        name: Box<str>,
    },
    /// A namespace with everything in it.
    DropNamespace {
        /// Its name.
        name: Box<str>,
    },
    /// A new table.
    CreateTable {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name.
        name: Box<str>,
        /// Its columns in order.
        columns: Vec<DdlColumn>,
        /// The whole `CREATE TABLE`.
        sql: String,
    },
    /// A table goes.
    DropTable {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name.
        name: Box<str>,
        /// The whole `DROP TABLE`.
        sql: String,
    },
    /// A table gets another name.
    RenameTable {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name so far.
        name: Box<str>,
        /// Its new name.
        to: Box<str>,
    },
    /// A column gets another name.
    RenameColumn {
        /// Namespace of the table.
        namespace: Box<str>,
        /// The table.
        table: Box<str>,
        /// Its name so far.
        name: Box<str>,
        /// Its new name.
        to: Box<str>,
    },
    /// A new column, NULL in every row.
    AddColumn {
        /// Namespace of the table.
        namespace: Box<str>,
        /// The table.
        table: Box<str>,
        /// The column.
        column: DdlColumn,
    },
    /// A column goes.
    DropColumn {
        /// Namespace of the table.
        namespace: Box<str>,
        /// The table.
        table: Box<str>,
        /// The column.
        name: Box<str>,
    },
    /// A column refuses NULL from now on, or no longer.
    SetNotNull {
        /// Namespace of the table.
        namespace: Box<str>,
        /// The table.
        table: Box<str>,
        /// The column.
        name: Box<str>,
        /// Whether NULL is refused.
        not_null: bool,
    },
    /// Anything that changes neither tables nor columns: constraints, defaults, indexes.
    Other {
        /// The whole statement.
        sql: String,
    },
}

/// A column as the database stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlColumn {
    /// Its name.
    pub name: Box<str>,
    /// Its type in the language.
    pub data_type: DataType,
    /// Stored in 32 bits.
    pub int4: bool,
    /// Whether NULL is refused.
    pub not_null: bool,
}

/// A database in the middle of a transaction. Implemented over a block that is being executed, and over a read-only view.
///
/// A statement whose result nobody needs may be queued and run later, together with others; its failure is then the
/// answer of the call that sends the queue. Whoever calls in sees the effects of everything called before.
pub trait Session: Send {
    /// What went wrong on this node alone.
    type Fault: Send + 'static;

    /// Whether rows may be changed.
    fn access(&self) -> Access;

    /// What exists now, this transaction's changes included.
    fn catalog(&self) -> &Arc<Catalog>;

    /// Runs what is queued, then a statement, and returns its rows, decoded by [`Prepared::columns`]: numbers rounded half away from zero to
    /// the scale of their column. `limit` is the number of rows after which reading stops with one row more.
    fn query(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> impl Future<Output = Result<Vec<Row>, SessionError<Self::Fault>>> + Send;

    /// Runs, or queues, a statement whose rows nobody needs.
    fn execute(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
    ) -> impl Future<Output = Result<(), SessionError<Self::Fault>>> + Send;

    /// Sends what is queued and waits for it.
    fn flush(&mut self) -> impl Future<Output = Result<(), SessionError<Self::Fault>>> + Send;

    /// A call is done. A session may leave what is queued for later, together with what other payloads left, when it sees
    /// to the failure of a late statement itself.
    fn finish(&mut self) -> impl Future<Output = Result<(), SessionError<Self::Fault>>> + Send {
        self.flush()
    }

    /// How many statements given to [`Session::execute`] are done, since the session began; after a failure, how many were
    /// before the one that failed. `None` when the session cannot tell: nothing that a program says to its user is then
    /// said while statements wait.
    fn finished(&self) -> Option<u64> {
        None
    }

    /// Changes what exists. On failure the catalog is as before; what the database did is undone by the transaction.
    fn change(
        &mut self,
        change: Change,
    ) -> impl Future<Output = Result<(), SessionError<Self::Fault>>> + Send;

    /// True when the work should stop because nobody waits for it any more; asked between statements and every so many
    /// steps.
    fn is_cancelled(&self) -> bool;

    /// The fault that stands for a cancelled run.
    fn cancelled(&self) -> Self::Fault;
}
