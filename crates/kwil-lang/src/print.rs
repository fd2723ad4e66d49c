//! The printer: trees back to text that reads as the same tree.
//!
//! Parentheses come from precedence, not from the source. Statements on rows take one line; tables and actions are
//! laid out over several.

mod action;
mod expr;
mod query;
mod table;

use std::fmt::{self, Display, Formatter};

use crate::ast::{
    CreateIndex, Grant, GrantBody, Ident, Literal, Statement, StatementKind, UseExtension, UserRef,
};

/// Prints a script, a statement a line, with semicolons between and behind them.
#[must_use]
pub fn print_script(statements: &[Statement]) -> String {
    statements.iter().map(|statement| format!("{statement};\n")).collect()
}

/// Writes items with a separator.
fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// Writes names between parentheses.
fn names(f: &mut Formatter<'_>, names: &[Ident]) -> fmt::Result {
    f.write_str("(")?;
    list(f, names, ", ", |f, name| name.fmt(f))?;
    f.write_str(")")
}

/// `text` when `given`, nothing otherwise.
fn when(given: bool, text: &'static str) -> &'static str {
    if given { text } else { "" }
}

/// A string literal whose value is `value`. Backslashes protect the character behind them, so quotes behind one
/// must not be doubled.
fn quote(f: &mut Formatter<'_>, value: &str) -> fmt::Result {
    f.write_str("'")?;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                f.write_str("\\")?;
                if let Some(protected) = chars.next() {
                    write!(f, "{protected}")?;
                }
            }
            '\'' => f.write_str("''")?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("'")
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(value) => quote(f, value),
            Self::Bytes(value) => {
                f.write_str("0x")?;
                value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{{{namespace}}} ")?;
        }
        self.kind.fmt(f)
    }
}

impl Display for StatementKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(query) => query.fmt(f),
            Self::CreateTable(table) => table.fmt(f),
            Self::AlterTable(table) => table.fmt(f),
            Self::DropTable(drop) => {
                write!(f, "DROP TABLE {}", when(drop.if_exists, "IF EXISTS "))?;
                list(f, &drop.tables, ", ", |f, table| table.fmt(f))?;
                f.write_str(when(drop.cascade, " CASCADE"))
            }
            Self::CreateIndex(index) => index.fmt(f),
            Self::DropIndex(drop) => drop_one(f, "INDEX", drop.if_exists, &drop.name),
            Self::CreateAction(action) => action.fmt(f),
            Self::DropAction { if_exists, name } => drop_one(f, "ACTION", *if_exists, name),
            Self::CreateRole(role) => {
                let guard = when(role.if_not_exists, "IF NOT EXISTS ");
                write!(f, "CREATE ROLE {guard}{}", role.name)
            }
            Self::DropRole(drop) => drop_one(f, "ROLE", drop.if_exists, &drop.name),
            Self::Grant(grant) => grant_or_revoke(f, grant, true),
            Self::Revoke(revoke) => grant_or_revoke(f, revoke, false),
            Self::TransferOwnership(user) => write!(f, "TRANSFER OWNERSHIP TO {user}"),
            Self::Use(extension) => extension.fmt(f),
            Self::Unuse(unuse) => {
                write!(f, "UNUSE {}{}", unuse.namespace, when(unuse.if_exists, " IF EXISTS"))
            }
            Self::CreateNamespace(create) => {
                let guard = when(create.if_not_exists, "IF NOT EXISTS ");
                write!(f, "CREATE NAMESPACE {guard}{}", create.name)
            }
            Self::DropNamespace(drop) => drop_one(f, "NAMESPACE", drop.if_exists, &drop.name),
            Self::SetNamespace(name) => write!(f, "SET CURRENT NAMESPACE TO {name}"),
        }
    }
}

fn drop_one(f: &mut Formatter<'_>, what: &str, if_exists: bool, name: &Ident) -> fmt::Result {
    write!(f, "DROP {what} {}{name}", when(if_exists, "IF EXISTS "))
}

fn grant_or_revoke(f: &mut Formatter<'_>, grant: &Grant, gives: bool) -> fmt::Result {
    f.write_str(match (gives, grant.guarded) {
        (true, false) => "GRANT ",
        (true, true) => "GRANT IF NOT GRANTED ",
        (false, false) => "REVOKE ",
        (false, true) => "REVOKE IF GRANTED ",
    })?;
    let direction = if gives { "TO" } else { "FROM" };
    match &grant.body {
        GrantBody::Privileges { privileges, namespace, role } => {
            list(f, privileges, ", ", |f, privilege| privilege.fmt(f))?;
            if let Some(namespace) = namespace {
                write!(f, " ON {namespace}")?;
            }
            write!(f, " {direction} {role}")
        }
        GrantBody::Role { role, user } => write!(f, "{role} {direction} {user}"),
    }
}

impl Display for UserRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => quote(f, name),
            // Parentheses tell a string that is an expression from one that is a name.
            Self::Expr(expr) => write!(f, "({expr})"),
        }
    }
}

impl Display for CreateIndex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let guard = when(self.if_not_exists, "IF NOT EXISTS ");
        write!(f, "CREATE {}INDEX {guard}", when(self.unique, "UNIQUE "))?;
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        write!(f, "ON {} ", self.table)?;
        names(f, &self.columns)
    }
}

impl Display for UseExtension {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "USE {}{}", when(self.if_not_exists, "IF NOT EXISTS "), self.extension)?;
        if !self.options.is_empty() {
            f.write_str(" { ")?;
            list(f, &self.options, ", ", |f, (name, value)| write!(f, "{name}: {value}"))?;
            f.write_str(" }")?;
        }
        write!(f, " AS {}", self.namespace)
    }
}
