//! The syntax tree: what a program says, before anyone looks at a catalog.
//!
//! Every node knows the bytes it was read from. Names are folded to lower case; parentheses, comments and the choice
//! between equal spellings (`==` and `=`, `<>` and `!=`) are gone.

mod action;
mod ddl;
mod dml;
mod expr;
mod namespace;
mod roles;
mod select;
mod walk;

pub use action::{
    ActionCall, AssignTarget, Assignment, Block, Branch, CreateAction, LoopSource, Parameter,
    Receiver, ReturnField, Returns, Step, StepKind,
};
pub use ddl::{
    AlterTable, Alteration, Column, ColumnRule, CreateIndex, CreateTable, DropIndex, DropTable,
    ForeignKey, KeyAction, TableConstraint, TableRule,
};
pub use dml::{Conflict, ConflictAction, Delete, Insert, InsertSource, SetClause, Update};
pub use expr::{
    Between, BinaryOp, Call, Case, Expr, ExprKind, InList, InSource, Is, IsTest, Like, Literal,
    OrderTerm, Slice, UnaryOp, Variable, Window, WindowCall, WindowRef,
};
pub use namespace::{CreateNamespace, DropNamespace, UnuseExtension, UseExtension};
pub use roles::{CreateRole, DropRole, Grant, GrantBody, Privilege, UserRef};
pub use select::{
    Compound, Cte, FromClause, Join, JoinKind, NamedWindow, Query, QueryBody, Relation,
    RelationKind, ResultItem, Select, SelectCore, SetOp, With,
};
pub use walk::BodySummary;

use std::fmt;

use kwil_types::DataType;

use crate::Span;

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The namespace of the `{…}` prefix, when there is one.
    pub namespace: Option<Ident>,
    /// What to do.
    pub kind: StatementKind,
    /// From the first character, prefix included, to the last; without the semicolon.
    pub span: Span,
}

/// The kinds of top-level statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, with or without `WITH`.
    Query(Box<Query>),
    /// `CREATE TABLE`.
    CreateTable(Box<CreateTable>),
    /// `ALTER TABLE`.
    AlterTable(Box<AlterTable>),
    /// `DROP TABLE`.
    DropTable(DropTable),
    /// `CREATE INDEX`.
    CreateIndex(CreateIndex),
    /// `DROP INDEX`.
    DropIndex(DropIndex),
    /// `CREATE ACTION`.
    CreateAction(Box<CreateAction>),
    /// `DROP ACTION`.
    DropAction {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Name of the action.
        name: Ident,
    },
    /// `CREATE ROLE`.
    CreateRole(CreateRole),
    /// `DROP ROLE`.
    DropRole(DropRole),
    /// `GRANT`.
    Grant(Grant),
    /// `REVOKE`.
    Revoke(Grant),
    /// `TRANSFER OWNERSHIP TO`.
    TransferOwnership(UserRef),
    /// `USE … AS`.
    Use(UseExtension),
    /// `UNUSE`.
    Unuse(UnuseExtension),
    /// `CREATE NAMESPACE`.
    CreateNamespace(CreateNamespace),
    /// `DROP NAMESPACE`.
    DropNamespace(DropNamespace),
    /// `SET CURRENT NAMESPACE TO`.
    SetNamespace(Ident),
}

/// A name, folded to lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub name: Box<str>,
    /// Where it stands.
    pub span: Span,
}

impl Ident {
    /// A name that stands nowhere, folded to lower case.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_ascii_lowercase().into_boxed_str(), span: Span::default() }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A type as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef {
    /// The type values have in the language.
    pub data_type: DataType,
    /// True for `int4` and `smallint`: `int8` to the language, 32 bits wide in a column or a cast of SQL.
    pub int4: bool,
    /// Where it stands.
    pub span: Span,
}

impl fmt::Display for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.int4, self.data_type.is_array()) {
            (true, false) => f.write_str("int4"),
            (true, true) => f.write_str("int4[]"),
            (false, _) => self.data_type.fmt(f),
        }
    }
}
