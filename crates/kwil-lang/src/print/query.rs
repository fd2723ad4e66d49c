//! Statements on rows.

use std::fmt::{self, Display, Formatter};

use super::expr::order_by;
use super::{list, names, when};
use crate::ast::{
    Conflict, ConflictAction, Cte, Delete, Expr, FromClause, Ident, Insert, InsertSource, Query,
    QueryBody, Relation, RelationKind, ResultItem, Select, SelectCore, SetClause, Update,
};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(with) = &self.with {
            write!(f, "WITH {}", when(with.recursive, "RECURSIVE "))?;
            list(f, &with.ctes, ", ", |f, cte| cte.fmt(f))?;
            f.write_str(" ")?;
        }
        match &self.body {
            QueryBody::Select(select) => select.fmt(f),
            QueryBody::Insert(insert) => insert.fmt(f),
            QueryBody::Update(update) => update.fmt(f),
            QueryBody::Delete(delete) => delete.fmt(f),
        }
    }
}

impl Display for Cte {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if !self.columns.is_empty() {
            f.write_str(" ")?;
            names(f, &self.columns)?;
        }
        write!(f, " AS ({})", self.select)
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        for compound in &self.compounds {
            write!(f, " {} {}", compound.op.text(), compound.core)?;
        }
        if !self.order_by.is_empty() {
            f.write_str(" ")?;
            order_by(f, &self.order_by)?;
        }
        clause(f, " LIMIT ", self.limit.as_ref())?;
        clause(f, " OFFSET ", self.offset.as_ref())
    }
}

fn clause(f: &mut Formatter<'_>, words: &str, expr: Option<&Expr>) -> fmt::Result {
    match expr {
        Some(expr) => write!(f, "{words}{expr}"),
        None => Ok(()),
    }
}

fn alias(f: &mut Formatter<'_>, alias: Option<&Ident>) -> fmt::Result {
    match alias {
        Some(alias) => write!(f, " AS {alias}"),
        None => Ok(()),
    }
}

impl Display for SelectCore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {}", when(self.distinct, "DISTINCT "))?;
        list(f, &self.results, ", ", |f, item| item.fmt(f))?;
        if let Some(from) = &self.from {
            write!(f, " FROM {from}")?;
        }
        clause(f, " WHERE ", self.filter.as_ref())?;
        if !self.group_by.is_empty() {
            f.write_str(" GROUP BY ")?;
            list(f, &self.group_by, ", ", |f, expr| expr.fmt(f))?;
        }
        clause(f, " HAVING ", self.having.as_ref())?;
        if !self.windows.is_empty() {
            f.write_str(" WINDOW ")?;
            list(f, &self.windows, ", ", |f, named| {
                write!(f, "{} AS {}", named.name, named.window)
            })?;
        }
        Ok(())
    }
}

impl Display for ResultItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expr { expr, alias: name } => {
                expr.fmt(f)?;
                alias(f, name.as_ref())
            }
            Self::Star { table: Some(table), .. } => write!(f, "{table}.*"),
            Self::Star { table: None, .. } => f.write_str("*"),
        }
    }
}

impl Display for FromClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.relation.fmt(f)?;
        for join in &self.joins {
            write!(f, " {} {} ON {}", join.kind.text(), join.relation, join.on)?;
        }
        Ok(())
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RelationKind::Table { namespace: Some(namespace), name } => {
                write!(f, "{namespace}.{name}")?;
            }
            RelationKind::Table { namespace: None, name } => name.fmt(f)?,
            RelationKind::Select(select) => write!(f, "({select})")?,
            RelationKind::Function { name, args, ordinality, .. } => {
                write!(f, "{name}(")?;
                list(f, args, ", ", |f, arg| arg.fmt(f))?;
                write!(f, "){}", when(*ordinality, " WITH ORDINALITY"))?;
            }
        }
        alias(f, self.alias.as_ref())?;
        match &self.kind {
            RelationKind::Function { columns, .. } if !columns.is_empty() => names(f, columns),
            RelationKind::Function { .. }
            | RelationKind::Table { .. }
            | RelationKind::Select(_) => Ok(()),
        }
    }
}

impl Display for Insert {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {}", self.table)?;
        alias(f, self.alias.as_ref())?;
        f.write_str(" ")?;
        if !self.columns.is_empty() {
            names(f, &self.columns)?;
            f.write_str(" ")?;
        }
        match &self.source {
            InsertSource::Values(rows) => {
                f.write_str("VALUES ")?;
                list(f, rows, ", ", |f, row| {
                    f.write_str("(")?;
                    list(f, row, ", ", |f, value| value.fmt(f))?;
                    f.write_str(")")
                })?;
            }
            InsertSource::Select(select) => select.fmt(f)?,
        }
        self.conflict.as_ref().map_or(Ok(()), |conflict| conflict.fmt(f))
    }
}

impl Display for Conflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(" ON CONFLICT ")?;
        if !self.columns.is_empty() {
            names(f, &self.columns)?;
            clause(f, " WHERE ", self.filter.as_ref())?;
            f.write_str(" ")?;
        }
        match &self.action {
            ConflictAction::Nothing => f.write_str("DO NOTHING"),
            ConflictAction::Update { set, filter } => {
                f.write_str("DO UPDATE SET ")?;
                list(f, set, ", ", |f, set| set.fmt(f))?;
                clause(f, " WHERE ", filter.as_ref())
            }
        }
    }
}

impl Display for SetClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.column, self.value)
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UPDATE {}", self.table)?;
        alias(f, self.alias.as_ref())?;
        f.write_str(" SET ")?;
        list(f, &self.set, ", ", |f, set| set.fmt(f))?;
        if let Some(from) = &self.from {
            write!(f, " FROM {from}")?;
        }
        clause(f, " WHERE ", self.filter.as_ref())
    }
}

impl Display for Delete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "DELETE FROM {}", self.table)?;
        alias(f, self.alias.as_ref())?;
        clause(f, " WHERE ", self.filter.as_ref())
    }
}
