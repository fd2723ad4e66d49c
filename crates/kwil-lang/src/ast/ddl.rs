//! Tables and indexes.

use super::{Expr, Ident, TypeRef};
use crate::Span;

/// `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Ident,
    /// Columns in order, at least one, names unique.
    pub columns: Vec<Column>,
    /// Constraints written as items of their own.
    pub constraints: Vec<TableConstraint>,
}

/// A column of `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub data_type: TypeRef,
    /// What stands behind the type, in order.
    pub rules: Vec<ColumnRule>,
}

/// A constraint or default behind a column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnRule {
    /// `PRIMARY KEY`.
    PrimaryKey,
    /// `UNIQUE`.
    Unique,
    /// `NOT NULL`.
    NotNull,
    /// `DEFAULT`, an action expression without variables.
    Default(Expr),
    /// `CHECK (…)`, an SQL expression.
    Check(Expr),
    /// `REFERENCES …`.
    References(ForeignKey),
}

/// A constraint of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableConstraint {
    /// `CONSTRAINT name`.
    pub name: Option<Ident>,
    /// What it demands.
    pub rule: TableRule,
    /// Where it stands.
    pub span: Span,
}

/// What a table constraint demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableRule {
    /// `PRIMARY KEY (…)`.
    PrimaryKey(Vec<Ident>),
    /// `UNIQUE (…)`.
    Unique(Vec<Ident>),
    /// `CHECK (…)`.
    Check(Expr),
    /// `FOREIGN KEY (…) REFERENCES …`.
    ForeignKey {
        /// Columns of this table.
        columns: Vec<Ident>,
        /// What they refer to.
        references: ForeignKey,
    },
}

/// `REFERENCES [namespace.]table (columns) [ON UPDATE …] [ON DELETE …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Namespace of the table; the own one when missing.
    pub namespace: Option<Ident>,
    /// The table referred to.
    pub table: Ident,
    /// Its columns.
    pub columns: Vec<Ident>,
    /// `ON UPDATE`.
    pub on_update: Option<KeyAction>,
    /// `ON DELETE`.
    pub on_delete: Option<KeyAction>,
}

/// What happens to referring rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// `SET NULL`.
    SetNull,
    /// `SET DEFAULT`.
    SetDefault,
    /// `RESTRICT`.
    Restrict,
    /// `NO ACTION`.
    NoAction,
    /// `CASCADE`.
    Cascade,
}

impl KeyAction {
    /// The action as written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
            Self::Restrict => "RESTRICT",
            Self::NoAction => "NO ACTION",
            Self::Cascade => "CASCADE",
        }
    }
}

/// `DROP TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropTable {
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// The tables, at least one.
    pub tables: Vec<Ident>,
    /// `CASCADE`: what depends on them goes too.
    pub cascade: bool,
}

/// `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTable {
    /// The table.
    pub table: Ident,
    /// The changes in order, at least one.
    pub alterations: Vec<Alteration>,
}

/// A change of `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// `ALTER COLUMN … SET NOT NULL`.
    SetNotNull(Ident),
    /// `ALTER COLUMN … DROP NOT NULL`.
    DropNotNull(Ident),
    /// `ALTER COLUMN … SET DEFAULT …`, an action expression without variables.
    SetDefault(Ident, Expr),
    /// `ALTER COLUMN … DROP DEFAULT`.
    DropDefault(Ident),
    /// `ADD COLUMN`.
    AddColumn {
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Its name.
        name: Ident,
        /// Its type.
        data_type: TypeRef,
    },
    /// `DROP COLUMN`.
    DropColumn {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Its name.
        name: Ident,
    },
    /// `RENAME COLUMN`.
    RenameColumn {
        /// Old name.
        from: Ident,
        /// New name.
        to: Ident,
    },
    /// `RENAME TO`.
    RenameTable(Ident),
    /// `ADD constraint`.
    AddConstraint(TableConstraint),
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Its name.
        name: Ident,
    },
}

/// `CREATE INDEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    /// `UNIQUE`.
    pub unique: bool,
    /// `IF NOT EXISTS`; only with a name.
    pub if_not_exists: bool,
    /// Its name; PostgreSQL chooses when missing.
    pub name: Option<Ident>,
    /// The table.
    pub table: Ident,
    /// The columns, at least one.
    pub columns: Vec<Ident>,
}

/// `DROP INDEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIndex {
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Its name.
    pub name: Ident,
}
