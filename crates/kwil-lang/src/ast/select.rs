//! Queries: `WITH`, `SELECT`, joins, compounds.

use super::{Delete, Expr, Ident, Insert, OrderTerm, Update, Window};
use crate::Span;

/// A statement that reads or changes rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Common table expressions.
    pub with: Option<With>,
    /// The statement itself.
    pub body: QueryBody,
    /// Where it stands.
    pub span: Span,
}

impl Query {
    /// True for everything but `SELECT`: only statements with a write connection may run it.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self.body {
            QueryBody::Select(_) => false,
            QueryBody::Insert(_) | QueryBody::Update(_) | QueryBody::Delete(_) => true,
        }
    }
}

/// What a [`Query`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryBody {
    /// Reads rows.
    Select(Box<Select>),
    /// Adds rows.
    Insert(Insert),
    /// Changes rows.
    Update(Update),
    /// Removes rows.
    Delete(Delete),
}

/// `WITH [RECURSIVE] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    /// `RECURSIVE`.
    pub recursive: bool,
    /// The queries, in order; at least one.
    pub ctes: Vec<Cte>,
}

/// A named query of a `WITH` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cte {
    /// Its name.
    pub name: Ident,
    /// New names for its columns; empty keeps them.
    pub columns: Vec<Ident>,
    /// The query.
    pub select: Select,
}

/// One or more `SELECT` cores with their common order and bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// The first core.
    pub first: SelectCore,
    /// What is combined with it, in order; empty for a simple select.
    pub compounds: Vec<Compound>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderTerm>,
    /// `LIMIT`.
    pub limit: Option<Expr>,
    /// `OFFSET`.
    pub offset: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A further core of a compound select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compound {
    /// How it is combined.
    pub op: SetOp,
    /// The core.
    pub core: SelectCore,
}

/// How two selects are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOp {
    /// `UNION`.
    Union,
    /// `UNION ALL`.
    UnionAll,
    /// `INTERSECT`; binds tighter than the others.
    Intersect,
    /// `EXCEPT`.
    Except,
}

impl SetOp {
    /// The operator as written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Union => "UNION",
            Self::UnionAll => "UNION ALL",
            Self::Intersect => "INTERSECT",
            Self::Except => "EXCEPT",
        }
    }
}

/// `SELECT … FROM … WHERE … GROUP BY … HAVING … WINDOW …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectCore {
    /// `DISTINCT`.
    pub distinct: bool,
    /// Result columns, at least one.
    pub results: Vec<ResultItem>,
    /// `FROM`.
    pub from: Option<FromClause>,
    /// `WHERE`.
    pub filter: Option<Expr>,
    /// `GROUP BY`.
    pub group_by: Vec<Expr>,
    /// `HAVING`; only with `GROUP BY`.
    pub having: Option<Expr>,
    /// `WINDOW`.
    pub windows: Vec<NamedWindow>,
    /// Where it stands.
    pub span: Span,
}

/// An item of the result list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultItem {
    /// `expr [AS alias]`.
    Expr {
        /// The value.
        expr: Expr,
        /// The name of the column.
        alias: Option<Ident>,
    },
    /// `*` or `table.*`.
    Star {
        /// Table name or alias.
        table: Option<Ident>,
        /// Where it stands.
        span: Span,
    },
}

/// A window of the `WINDOW` clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedWindow {
    /// Its name.
    pub name: Ident,
    /// The window.
    pub window: Window,
}

/// A relation and what is joined to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromClause {
    /// The first relation.
    pub relation: Relation,
    /// Joins, from left to right.
    pub joins: Vec<Join>,
}

/// `[kind] JOIN relation ON condition`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Which rows without partner are kept.
    pub kind: JoinKind,
    /// The relation joined.
    pub relation: Relation,
    /// `ON`.
    pub on: Expr,
}

/// Kinds of joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// `JOIN`, `INNER JOIN`.
    Inner,
    /// `LEFT JOIN`.
    Left,
    /// `RIGHT JOIN`.
    Right,
    /// `FULL JOIN`.
    Full,
}

impl JoinKind {
    /// The join as written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Inner => "JOIN",
            Self::Left => "LEFT JOIN",
            Self::Right => "RIGHT JOIN",
            Self::Full => "FULL JOIN",
        }
    }
}

/// Something with rows, and the name it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Where the rows come from.
    pub kind: RelationKind,
    /// `AS alias`.
    pub alias: Option<Ident>,
    /// Where it stands.
    pub span: Span,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// A table, a view of `info`, or a common table expression.
    Table {
        /// Namespace in front.
        namespace: Option<Ident>,
        /// Name.
        name: Ident,
    },
    /// A subquery.
    Select(Box<Select>),
    /// A table function.
    Function {
        /// Name of the function.
        name: Ident,
        /// Arguments, at least one.
        args: Vec<Expr>,
        /// `WITH ORDINALITY`.
        ordinality: bool,
        /// Names of the columns, behind the alias.
        columns: Vec<Ident>,
    },
}
