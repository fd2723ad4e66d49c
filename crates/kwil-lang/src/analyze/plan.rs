//! The typed plan: what PostgreSQL is asked to do, with every name resolved and every type known.
//!
//! A plan prints as one SQL statement: relations are known by their aliases, columns by alias and name, variables by
//! the position of their parameter. Named windows, stars and aliases of results are gone.
//!
//! PostgreSQL computes numbers with as many digits as it likes: whoever reads a result rounds it, half away from zero,
//! to the precision and scale of its [`OutputColumn`].

use kwil_types::DataType;

use super::function::Function;
use crate::ast::{BinaryOp, JoinKind, Literal, Privilege, SetOp, TypeRef, UnaryOp};

/// A statement on rows, ready to be written as SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// `WITH RECURSIVE`.
    pub recursive: bool,
    /// Common table expressions, in order.
    pub with: Vec<PlannedCte>,
    /// What is done.
    pub body: Body,
    /// Columns of the rows returned; empty for statements that change rows.
    pub columns: Vec<OutputColumn>,
    /// Values sent along; [`TypedKind::Parameter`] counts them from 0.
    pub parameters: Vec<Parameter>,
    /// Privileges an ad-hoc caller needs, each on a namespace.
    pub privileges: Vec<(Privilege, Box<str>)>,
    /// Tables and views that are read or written, as namespace and name, sorted, each once. The plan holds as long as
    /// these stay as they are, and the actions of the namespace it was made in.
    pub tables: Vec<(Box<str>, Box<str>)>,
    /// Made for a block: success, rows and their order are the same on every node.
    pub deterministic: bool,
}

impl Plan {
    /// True when rows are changed.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.body, Body::Select(_))
    }
}

/// What a [`Plan`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Reads rows.
    Select(Box<PlannedSelect>),
    /// Adds rows.
    Insert(Box<PlannedInsert>),
    /// Changes rows.
    Update(Box<PlannedUpdate>),
    /// Removes rows.
    Delete(Box<PlannedDelete>),
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name, `?column?` when it has none.
    pub name: Box<str>,
    /// Its type.
    pub data_type: DataType,
}

/// A value sent with the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Where it comes from.
    pub source: ParameterSource,
    /// Its type; the type of NULL for an untyped NULL, which is sent without a type.
    pub data_type: DataType,
}

/// Where the value of a parameter comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// A variable, with its `$` or `@`.
    Variable(Box<str>),
    /// A field of a record.
    Field {
        /// The variable, with its `$`.
        variable: Box<str>,
        /// The field.
        field: Box<str>,
    },
}

/// A query of a `WITH` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCte {
    /// Its name.
    pub name: Box<str>,
    /// Its columns, all of them.
    pub columns: Vec<OutputColumn>,
    /// The query.
    pub select: PlannedSelect,
}

/// A select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSelect {
    /// The first core.
    pub first: PlannedCore,
    /// Cores combined with it.
    pub compounds: Vec<(SetOp, PlannedCore)>,
    /// Order of the rows; in blocks completed where it can be observed.
    pub order_by: Vec<PlannedOrder>,
    /// `LIMIT`.
    pub limit: Option<Typed>,
    /// `OFFSET`.
    pub offset: Option<Typed>,
    /// Columns of the rows.
    pub columns: Vec<OutputColumn>,
}

/// A core of a select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCore {
    /// `DISTINCT`.
    pub distinct: bool,
    /// Values and their names.
    pub results: Vec<(Typed, Box<str>)>,
    /// Relations.
    pub from: Option<PlannedFrom>,
    /// `WHERE`.
    pub filter: Option<Typed>,
    /// `GROUP BY`.
    pub group_by: Vec<Typed>,
    /// `HAVING`.
    pub having: Option<Typed>,
    /// In blocks: what completes the order of windows that are [`TypedWindow::pure`].
    pub tiebreak: Vec<Typed>,
}

/// Relations and their joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFrom {
    /// The first relation.
    pub relation: PlannedRelation,
    /// What is joined to it, from left to right.
    pub joins: Vec<PlannedJoin>,
}

/// A join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedJoin {
    /// Its kind.
    pub kind: JoinKind,
    /// The relation joined.
    pub relation: PlannedRelation,
    /// Its condition.
    pub on: Typed,
}

/// A relation under the name by which columns refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRelation {
    /// The name.
    pub alias: Box<str>,
    /// Where the rows come from.
    pub source: RelationSource,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelationSource {
    /// A table.
    Table {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name.
        name: Box<str>,
    },
    /// A query of the `WITH` list.
    Cte(Box<str>),
    /// A subquery.
    Select(Box<PlannedSelect>),
    /// `unnest`.
    Unnest {
        /// The arrays.
        args: Vec<Typed>,
        /// `WITH ORDINALITY`.
        ordinality: bool,
        /// Names of all columns.
        columns: Vec<Box<str>>,
    },
}

/// A term of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOrder {
    /// By what.
    pub key: OrderKey,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST` is `Some(true)`.
    pub nulls_first: Option<bool>,
}

/// What rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKey {
    /// An output column, counted from 1; never inside aggregates and windows.
    Ordinal(usize),
    /// An expression.
    Expr(Typed),
}

/// `INSERT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedInsert {
    /// Namespace of the table.
    pub namespace: Box<str>,
    /// The table.
    pub table: Box<str>,
    /// The name of the existing row in `ON CONFLICT … DO UPDATE`.
    pub alias: Box<str>,
    /// Columns in the order of the values.
    pub columns: Vec<Box<str>>,
    /// The rows.
    pub source: PlannedSource,
    /// `ON CONFLICT`.
    pub conflict: Option<PlannedUpsert>,
}

/// Rows to insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedSource {
    /// Written out.
    Values(Vec<Vec<Typed>>),
    /// A query.
    Select(Box<PlannedSelect>),
}

/// `ON CONFLICT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedUpsert {
    /// The columns that conflict; empty means any.
    pub columns: Vec<Box<str>>,
    /// Columns and new values; `None` is `DO NOTHING`.
    pub set: Option<Vec<(Box<str>, Typed)>>,
    /// Only rows for which this holds.
    pub filter: Option<Typed>,
}

/// `UPDATE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedUpdate {
    /// Namespace of the table.
    pub namespace: Box<str>,
    /// The table.
    pub table: Box<str>,
    /// The name by which columns refer to it.
    pub alias: Box<str>,
    /// Columns and new values.
    pub set: Vec<(Box<str>, Typed)>,
    /// Relations joined to the table.
    pub from: Option<PlannedFrom>,
    /// `WHERE`.
    pub filter: Option<Typed>,
    /// In blocks, when several rows of `FROM` may meet one row of the table: the primary key. The smallest values, in the
    /// order of `set`, are then taken.
    pub pick: Vec<Box<str>>,
}

/// `DELETE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDelete {
    /// Namespace of the table.
    pub namespace: Box<str>,
    /// The table.
    pub table: Box<str>,
    /// The name by which columns refer to it.
    pub alias: Box<str>,
    /// `WHERE`.
    pub filter: Option<Typed>,
}

/// An expression with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// What it is.
    pub kind: TypedKind,
    /// The type of its value; the type of NULL when nothing gives one.
    pub data_type: DataType,
}

/// The kinds of typed expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedKind {
    /// A constant.
    Literal(Literal),
    /// A parameter, counted from 0.
    Parameter(usize),
    /// A column.
    Column {
        /// The relation, by its alias.
        relation: Box<str>,
        /// The column.
        name: Box<str>,
        /// How many selects further out the relation stands; 0 is the own one.
        level: usize,
    },
    /// A function.
    Call(Box<TypedCall>),
    /// A function over a window.
    Window(Box<TypedWindow>),
    /// An array; its type is that of the expression.
    Array(Vec<Typed>),
    /// A cast that the program asks for.
    Cast(Box<Typed>, TypeRef),
    /// A cast to PostgreSQL's `integer`, where a function needs one.
    Int4(Box<Typed>),
    /// An element of an array.
    Index(Box<(Typed, Typed)>),
    /// A part of an array.
    Slice(Box<(Typed, Option<Typed>, Option<Typed>)>),
    /// A prefix operator.
    Unary(UnaryOp, Box<Typed>),
    /// An infix operator.
    Binary(BinaryOp, Box<(Typed, Typed)>),
    /// `COLLATE nocase`.
    Nocase(Box<Typed>),
    /// `IN`.
    In(Box<TypedIn>),
    /// `LIKE`: value, pattern.
    Like {
        /// `NOT`.
        not: bool,
        /// `ILIKE`.
        any_case: bool,
        /// Value and pattern.
        operands: Box<(Typed, Typed)>,
    },
    /// `BETWEEN`: value, low, high.
    Between {
        /// `NOT`.
        not: bool,
        /// Value and bounds.
        operands: Box<(Typed, Typed, Typed)>,
    },
    /// `IS`.
    Is(Box<TypedIs>),
    /// `CASE`.
    Case(Box<TypedCase>),
    /// A query of one column as a value.
    Subquery(Box<PlannedSelect>),
    /// `EXISTS`.
    Exists {
        /// `NOT`.
        not: bool,
        /// The query.
        select: Box<PlannedSelect>,
    },
}

/// A call of a function of the language.
#[derive(Clone, Debug)]
pub struct TypedCall {
    /// The function, with how PostgreSQL computes it.
    pub function: &'static Function,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `*` instead of arguments.
    pub star: bool,
    /// Arguments.
    pub args: Vec<Typed>,
    /// Order of the rows an aggregate sees.
    pub order_by: Vec<PlannedOrder>,
}

impl PartialEq for TypedCall {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
            && (self.distinct, self.star) == (other.distinct, other.star)
            && self.args == other.args
            && self.order_by == other.order_by
    }
}

impl Eq for TypedCall {}

/// A call over a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedWindow {
    /// The call.
    pub call: TypedCall,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Typed>,
    /// `PARTITION BY`.
    pub partition_by: Vec<Typed>,
    /// `ORDER BY`.
    pub order_by: Vec<PlannedOrder>,
    /// True when the result depends on the order of equal rows, so that [`PlannedCore::tiebreak`] goes behind the order;
    /// an aggregate then looks at the whole partition.
    pub pure: bool,
}

/// `value [NOT] IN source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedIn {
    /// The value.
    pub value: Typed,
    /// `NOT`.
    pub not: bool,
    /// Where it is looked for.
    pub source: TypedInSource,
}

/// The right side of `IN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedInSource {
    /// A list.
    List(Vec<Typed>),
    /// A query of one column.
    Select(Box<PlannedSelect>),
}

/// `value IS [NOT] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedIs {
    /// `IS NULL`.
    Null(bool, Typed),
    /// `IS TRUE`.
    True(bool, Typed),
    /// `IS FALSE`.
    False(bool, Typed),
    /// `IS DISTINCT FROM`.
    DistinctFrom(bool, Typed, Typed),
}

/// `CASE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedCase {
    /// The value compared with.
    pub operand: Option<Typed>,
    /// `WHEN` and `THEN`.
    pub branches: Vec<(Typed, Typed)>,
    /// `ELSE`.
    pub otherwise: Option<Typed>,
}

impl Typed {
    /// The name of a result column with this value and no alias.
    #[must_use]
    pub fn result_name(&self) -> &str {
        match &self.kind {
            TypedKind::Column { name, .. } => name,
            TypedKind::Cast(inner, _) | TypedKind::Int4(inner) | TypedKind::Nocase(inner) => {
                inner.result_name()
            }
            TypedKind::Index(operands) => operands.0.result_name(),
            TypedKind::Slice(operands) => operands.0.result_name(),
            TypedKind::Call(call) => call.function.name,
            TypedKind::Window(window) => window.call.function.name,
            TypedKind::Subquery(select) => {
                select.columns.first().map_or("?column?", |column| &column.name)
            }
            TypedKind::Literal(_)
            | TypedKind::Parameter(_)
            | TypedKind::Array(_)
            | TypedKind::Unary(..)
            | TypedKind::Binary(..)
            | TypedKind::In(_)
            | TypedKind::Like { .. }
            | TypedKind::Between { .. }
            | TypedKind::Is(_)
            | TypedKind::Case(_)
            | TypedKind::Exists { .. } => "?column?",
        }
    }
}
