//! Actions: stored procedures of the language.

use super::{Call, Expr, Ident, Literal, Query, TypeRef, Variable};
use crate::Span;

/// `CREATE ACTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateAction {
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `IF NOT EXISTS`; never together with `OR REPLACE`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Ident,
    /// Parameters, names unique.
    pub parameters: Vec<Parameter>,
    /// Words between parameters and body, each once; which ones are allowed is checked against the catalog.
    pub modifiers: Vec<Ident>,
    /// `RETURNS`.
    pub returns: Option<Returns>,
    /// What it does.
    pub body: Block,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name with `$`.
    pub name: Variable,
    /// Its type.
    pub data_type: TypeRef,
    /// `DEFAULT`.
    pub default: Option<Literal>,
}

/// `RETURNS [TABLE] (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returns {
    /// `TABLE`: any number of rows.
    pub table: bool,
    /// The columns, at least one; all with names or none.
    pub fields: Vec<ReturnField>,
}

/// A returned column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnField {
    /// Its name.
    pub name: Option<Ident>,
    /// Its type.
    pub data_type: TypeRef,
}

/// Statements between braces; a scope of variables.
pub type Block = Vec<Step>;

/// A statement of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of statements of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// `$x type;`.
    Declare {
        /// The variable.
        name: Variable,
        /// Its type.
        data_type: TypeRef,
    },
    /// `target [type] := value;`.
    Assign(Box<Assignment>),
    /// `[receivers :=] call(…);`.
    Call(Box<ActionCall>),
    /// A statement of SQL.
    Query(Box<Query>),
    /// `FOR $x IN … { … }`.
    For {
        /// The loop variable.
        variable: Variable,
        /// What is looped over.
        source: Box<LoopSource>,
        /// The body.
        body: Block,
    },
    /// `IF … { … } ELSEIF … { … } ELSE { … }`.
    If {
        /// Conditions and blocks, at least one.
        branches: Vec<Branch>,
        /// `ELSE`.
        otherwise: Option<Block>,
    },
    /// `BREAK;`.
    Break,
    /// `CONTINUE;`.
    Continue,
    /// `RETURN;`, `RETURN a, b;`.
    Return(Vec<Expr>),
    /// `RETURN SELECT …;`.
    ReturnQuery(Box<Query>),
    /// `RETURN NEXT a, b;`.
    ReturnNext(Vec<Expr>),
}

/// `target [type] := value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What is set.
    pub target: AssignTarget,
    /// The type written behind a variable.
    pub data_type: Option<TypeRef>,
    /// The value.
    pub value: Expr,
}

/// The left side of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignTarget {
    /// A variable.
    Variable(Variable),
    /// An element of an array: `$x[i]`.
    Element {
        /// The array.
        array: Variable,
        /// Which element, from 1.
        index: Expr,
    },
    /// A range of an array: `$x[a:b]`.
    Slice {
        /// The array.
        array: Variable,
        /// First element.
        from: Option<Expr>,
        /// Last element.
        to: Option<Expr>,
    },
}

/// A call as a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCall {
    /// Where the values of the one returned row go; empty ignores all rows.
    pub receivers: Vec<Receiver>,
    /// The call.
    pub call: Call,
}

/// Takes a returned value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// `$x`.
    Variable(Variable),
    /// `_`.
    Ignore,
}

/// What a loop runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopSource {
    /// `a..b`, both included.
    Range(Expr, Expr),
    /// `ARRAY x`.
    Array(Expr),
    /// The rows of a statement.
    Query(Box<Query>),
    /// The rows an action returns.
    Call(Call),
    /// Any other expression; an error when it runs.
    Other(Expr),
}

/// A condition and its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The condition.
    pub condition: Expr,
    /// What runs when it holds.
    pub body: Block,
}
