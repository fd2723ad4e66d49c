//! `CREATE TABLE` and `ALTER TABLE`.

use std::fmt::{self, Display, Formatter};

use super::{list, names, when};
use crate::ast::{
    AlterTable, Alteration, Column, ColumnRule, CreateTable, ForeignKey, TableConstraint, TableRule,
};

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let guard = when(self.if_not_exists, "IF NOT EXISTS ");
        write!(f, "CREATE TABLE {guard}{} (\n    ", self.name)?;
        list(f, &self.columns, ",\n    ", |f, column| column.fmt(f))?;
        for constraint in &self.constraints {
            write!(f, ",\n    {constraint}")?;
        }
        f.write_str("\n)")
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.data_type)?;
        self.rules.iter().try_for_each(|rule| write!(f, " {rule}"))
    }
}

impl Display for ColumnRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrimaryKey => f.write_str("PRIMARY KEY"),
            Self::Unique => f.write_str("UNIQUE"),
            Self::NotNull => f.write_str("NOT NULL"),
            Self::Default(value) => write!(f, "DEFAULT {value}"),
            Self::Check(condition) => write!(f, "CHECK ({condition})"),
            Self::References(key) => key.fmt(f),
        }
    }
}

impl Display for TableConstraint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "CONSTRAINT {name} ")?;
        }
        match &self.rule {
            TableRule::PrimaryKey(columns) => {
                f.write_str("PRIMARY KEY ")?;
                names(f, columns)
            }
            TableRule::Unique(columns) => {
                f.write_str("UNIQUE ")?;
                names(f, columns)
            }
            TableRule::Check(condition) => write!(f, "CHECK ({condition})"),
            TableRule::ForeignKey { columns, references } => {
                f.write_str("FOREIGN KEY ")?;
                names(f, columns)?;
                write!(f, " {references}")
            }
        }
    }
}

impl Display for ForeignKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("REFERENCES ")?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}.")?;
        }
        write!(f, "{} ", self.table)?;
        names(f, &self.columns)?;
        if let Some(action) = self.on_update {
            write!(f, " ON UPDATE {}", action.text())?;
        }
        if let Some(action) = self.on_delete {
            write!(f, " ON DELETE {}", action.text())?;
        }
        Ok(())
    }
}

impl Display for AlterTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER TABLE {} ", self.table)?;
        list(f, &self.alterations, ", ", |f, alteration| alteration.fmt(f))
    }
}

impl Display for Alteration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetNotNull(column) => write!(f, "ALTER COLUMN {column} SET NOT NULL"),
            Self::DropNotNull(column) => write!(f, "ALTER COLUMN {column} DROP NOT NULL"),
            Self::SetDefault(column, value) => {
                write!(f, "ALTER COLUMN {column} SET DEFAULT {value}")
            }
            Self::DropDefault(column) => write!(f, "ALTER COLUMN {column} DROP DEFAULT"),
            Self::AddColumn { if_not_exists, name, data_type } => {
                write!(f, "ADD COLUMN {}{name} {data_type}", when(*if_not_exists, "IF NOT EXISTS "))
            }
            Self::DropColumn { if_exists, name } => {
                write!(f, "DROP COLUMN {}{name}", when(*if_exists, "IF EXISTS "))
            }
            Self::RenameColumn { from, to } => write!(f, "RENAME COLUMN {from} TO {to}"),
            Self::RenameTable(to) => write!(f, "RENAME TO {to}"),
            Self::AddConstraint(constraint) => write!(f, "ADD {constraint}"),
            Self::DropConstraint { if_exists, name } => {
                write!(f, "DROP CONSTRAINT {}{name}", when(*if_exists, "IF EXISTS "))
            }
        }
    }
}
