//! Expressions, of SQL and of actions.

use kwil_types::Decimal;

use super::{Ident, Select, TypeRef};
use crate::Span;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, with the parentheses around it.
    pub span: Span,
}

/// The kinds of expressions. Which ones may appear where is decided by the parser: actions have no columns, `CASE`,
/// `IN`, `LIKE`, `BETWEEN`, `COLLATE`, windows or subqueries; SQL has no calls with a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// `$name` or `@name`.
    Variable(Variable),
    /// A column, with the table it is asked from.
    Column {
        /// Table name or alias.
        table: Option<Ident>,
        /// Column name.
        name: Ident,
    },
    /// A function, an action or a method.
    Call(Box<Call>),
    /// A call with `OVER`.
    Window(Box<WindowCall>),
    /// `ARRAY[…]`, in actions also `[…]`.
    Array(Vec<Expr>),
    /// `x::type`.
    Cast(Box<Expr>, TypeRef),
    /// `x.field`.
    Field(Box<Expr>, Ident),
    /// `x[i]`.
    Index(Box<Expr>, Box<Expr>),
    /// `x[a:b]`.
    Slice(Box<Slice>),
    /// A prefix operator.
    Unary(UnaryOp, Box<Expr>),
    /// An infix operator.
    Binary(BinaryOp, Box<(Expr, Expr)>),
    /// `x COLLATE name`.
    Collate(Box<Expr>, Ident),
    /// `x [NOT] IN (…)`.
    In(Box<InList>),
    /// `x [NOT] LIKE y`, `x [NOT] ILIKE y`.
    Like(Box<Like>),
    /// `x [NOT] BETWEEN a AND b`.
    Between(Box<Between>),
    /// `x IS …`.
    Is(Box<Is>),
    /// `CASE … END`.
    Case(Box<Case>),
    /// `(SELECT …)` as a value.
    Subquery(Box<Select>),
    /// `[NOT] EXISTS (SELECT …)`.
    Exists {
        /// `NOT EXISTS`.
        not: bool,
        /// The query.
        select: Box<Select>,
    },
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Bool(bool),
    /// Digits with their sign.
    Int(i64),
    /// Digits with a point; precision and scale follow from the digits.
    Decimal(Decimal),
    /// Quoted text; backslashes are part of the value.
    Text(Box<str>),
    /// `0x…`.
    Bytes(Box<[u8]>),
}

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name with its `$` or `@`, in lower case.
    pub name: Box<str>,
    /// Where it stands.
    pub span: Span,
}

impl Variable {
    /// True for `@name`: set by the transaction, never by a program.
    #[must_use]
    pub fn is_contextual(&self) -> bool {
        self.name.starts_with('@')
    }
}

/// `name(arguments)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The namespace in front; in action expressions only.
    pub namespace: Option<Ident>,
    /// Function, action or method.
    pub name: Ident,
    /// `DISTINCT` in front of the arguments; SQL only.
    pub distinct: bool,
    /// `*` instead of arguments; SQL only.
    pub star: bool,
    /// The arguments.
    pub args: Vec<Expr>,
    /// `ORDER BY` behind the arguments; SQL only.
    pub order_by: Vec<OrderTerm>,
}

/// `call [FILTER (WHERE …)] OVER window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowCall {
    /// The function.
    pub call: Call,
    /// Condition of `FILTER`.
    pub filter: Option<Expr>,
    /// The rows it looks at.
    pub over: WindowRef,
}

/// What stands behind `OVER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowRef {
    /// A window of the `WINDOW` clause.
    Named(Ident),
    /// A window written out.
    Inline(Window),
}

/// `([PARTITION BY …] [ORDER BY …])`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Rows with equal values form a partition.
    pub partition_by: Vec<Expr>,
    /// Order inside a partition.
    pub order_by: Vec<OrderTerm>,
}

/// A term of `ORDER BY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderTerm {
    /// What to order by.
    pub expr: Expr,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST` is `Some(true)`, `NULLS LAST` is `Some(false)`.
    pub nulls_first: Option<bool>,
}

/// `array[from:to]`; a missing bound is the end of the array on that side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The array.
    pub array: Expr,
    /// First element, from 1.
    pub from: Option<Expr>,
    /// Last element.
    pub to: Option<Expr>,
}

/// Operators in front of their operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`.
    Minus,
    /// `+`.
    Plus,
    /// `NOT`, in actions also `!`.
    Not,
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `^`.
    Power,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `||`.
    Concat,
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `AND`.
    And,
    /// `OR`.
    Or,
}

impl BinaryOp {
    /// Every operator.
    pub const ALL: [Self; 15] = [
        Self::Power,
        Self::Multiply,
        Self::Divide,
        Self::Modulo,
        Self::Add,
        Self::Subtract,
        Self::Concat,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessEqual,
        Self::Greater,
        Self::GreaterEqual,
        Self::And,
        Self::Or,
    ];

    /// The operator as written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Power => "^",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concat => "||",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::And => "AND",
            Self::Or => "OR",
        }
    }

    /// True for `=`, `!=`, `<`, `<=`, `>`, `>=`.
    #[must_use]
    pub fn is_comparison(self) -> bool {
        match self {
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual => true,
            Self::Power
            | Self::Multiply
            | Self::Divide
            | Self::Modulo
            | Self::Add
            | Self::Subtract
            | Self::Concat
            | Self::And
            | Self::Or => false,
        }
    }
}

/// `x [NOT] IN (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InList {
    /// The value looked for.
    pub value: Expr,
    /// `NOT IN`.
    pub not: bool,
    /// Where it is looked for.
    pub source: InSource,
}

/// The right side of `IN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InSource {
    /// A list of expressions.
    List(Vec<Expr>),
    /// A query of one column.
    Select(Box<Select>),
}

/// `x [NOT] LIKE pattern`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    /// The text.
    pub value: Expr,
    /// `NOT`.
    pub not: bool,
    /// `ILIKE`: the case of letters does not count.
    pub any_case: bool,
    /// The pattern.
    pub pattern: Expr,
}

/// `x [NOT] BETWEEN low AND high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// The value.
    pub value: Expr,
    /// `NOT`.
    pub not: bool,
    /// Lower bound.
    pub low: Expr,
    /// Upper bound.
    pub high: Expr,
}

/// `x IS [NOT] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Is {
    /// The value.
    pub value: Expr,
    /// `NOT`.
    pub not: bool,
    /// What is asked.
    pub test: IsTest,
}

/// What stands behind `IS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsTest {
    /// `NULL`.
    Null,
    /// `TRUE`.
    True,
    /// `FALSE`.
    False,
    /// `DISTINCT FROM x`.
    DistinctFrom(Expr),
}

/// `CASE [operand] WHEN … THEN … [ELSE …] END`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The value compared with every `WHEN`.
    pub operand: Option<Expr>,
    /// `WHEN` and `THEN`, at least one.
    pub branches: Vec<(Expr, Expr)>,
    /// `ELSE`.
    pub otherwise: Option<Expr>,
}
