//! Statements that change rows.

use super::{Expr, FromClause, Ident, Select};

/// `INSERT INTO`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// The table.
    pub table: Ident,
    /// `AS alias`.
    pub alias: Option<Ident>,
    /// Columns in the order of the values; empty means all, in table order.
    pub columns: Vec<Ident>,
    /// The rows.
    pub source: InsertSource,
    /// `ON CONFLICT`.
    pub conflict: Option<Conflict>,
}

/// Where inserted rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InsertSource {
    /// `VALUES (…), (…)`.
    Values(Vec<Vec<Expr>>),
    /// A query.
    Select(Box<Select>),
}

/// `ON CONFLICT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The columns that conflict; empty means any.
    pub columns: Vec<Ident>,
    /// Condition behind the columns.
    pub filter: Option<Expr>,
    /// What happens then.
    pub action: ConflictAction,
}

/// What an `INSERT` does with a row that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictAction {
    /// `DO NOTHING`.
    Nothing,
    /// `DO UPDATE SET …`.
    Update {
        /// Columns and their new values.
        set: Vec<SetClause>,
        /// Only rows for which this holds.
        filter: Option<Expr>,
    },
}

/// `column = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetClause {
    /// The column.
    pub column: Ident,
    /// Its new value.
    pub value: Expr,
}

/// `UPDATE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The table.
    pub table: Ident,
    /// `AS alias`.
    pub alias: Option<Ident>,
    /// Columns and their new values, at least one.
    pub set: Vec<SetClause>,
    /// Rows joined to the table.
    pub from: Option<FromClause>,
    /// `WHERE`.
    pub filter: Option<Expr>,
}

/// `DELETE FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The table.
    pub table: Ident,
    /// `AS alias`.
    pub alias: Option<Ident>,
    /// `WHERE`.
    pub filter: Option<Expr>,
}
