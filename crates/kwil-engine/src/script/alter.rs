//! `ALTER TABLE`: every alteration is checked and done by itself, in order.

use kwil_lang::ErrorClass;
use kwil_lang::analyze::Column;
use kwil_lang::ast::{AlterTable, Alteration, Expr, Ident, TableConstraint, TableRule, TypeRef};
use kwil_lang::quote_ident;
use kwil_types::Value;

use super::constraint::Constrained;
use super::default::default_text;
use super::draft::{Checked, Draft, no_column, other, qualified, relation_exists, still_needed};
use super::table::check_column_name;
use crate::catalog::check_text::rename_column;
use crate::catalog::names::TakenNames;
use crate::catalog::{Table, TableColumn};
use crate::{Ddl, DdlColumn, Failure};

/// The table that is altered, under its name of the moment.
pub(super) struct Altered<'d> {
    draft: &'d mut Draft,
    namespace: &'d str,
    name: Box<str>,
}

/// The defaults that an `ALTER TABLE` sets, in order.
pub(super) fn default_exprs(alter: &AlterTable) -> impl Iterator<Item = &Expr> {
    alter.alterations.iter().filter_map(|alteration| match alteration {
        Alteration::SetDefault(_, expr) => Some(expr),
        Alteration::SetNotNull(_)
        | Alteration::DropNotNull(_)
        | Alteration::DropDefault(_)
        | Alteration::AddColumn { .. }
        | Alteration::DropColumn { .. }
        | Alteration::RenameColumn { .. }
        | Alteration::RenameTable(_)
        | Alteration::AddConstraint(_)
        | Alteration::DropConstraint { .. } => None,
    })
}

/// Fails unless the table exists.
pub(super) fn check_table(draft: &Draft, namespace: &str, table: &Ident) -> Checked<()> {
    if draft.catalog.table_of(namespace, table.as_str()).is_some() {
        return Ok(());
    }
    Err(Failure::new(ErrorClass::UnknownTable, format!("\"{table}\"")))
}

/// Does all alterations. `defaults` are the values of [`default_exprs`].
pub(super) fn alter_table(
    draft: &mut Draft,
    namespace: &str,
    alter: &AlterTable,
    defaults: Vec<Value>,
) -> Checked<()> {
    check_table(draft, namespace, &alter.table)?;
    let mut altered = Altered { draft, namespace, name: alter.table.name.clone() };
    let mut defaults = defaults.into_iter();
    for alteration in &alter.alterations {
        match alteration {
            Alteration::SetNotNull(column) => altered.set_not_null(column, true)?,
            Alteration::DropNotNull(column) => altered.set_not_null(column, false)?,
            Alteration::SetDefault(column, _) => {
                altered.set_default(column, defaults.next().unwrap_or(Value::NULL))?;
            }
            Alteration::DropDefault(column) => altered.drop_default(column)?,
            Alteration::AddColumn { if_not_exists, name, data_type } => {
                altered.add_column(*if_not_exists, name, *data_type)?;
            }
            Alteration::DropColumn { if_exists, name } => altered.drop_column(*if_exists, name)?,
            Alteration::RenameColumn { from, to } => altered.rename_column(from, to)?,
            Alteration::RenameTable(to) => altered.rename(to)?,
            Alteration::AddConstraint(constraint) => altered.add_constraint(constraint)?,
            Alteration::DropConstraint { if_exists, name } => {
                altered.drop_constraint(*if_exists, name)?;
            }
        }
    }
    Ok(())
}

impl Altered<'_> {
    fn table(&self) -> Checked<&Table> {
        let found = self.draft.catalog.table_of(self.namespace, &self.name);
        found
            .map(|table| &**table)
            .ok_or_else(|| Failure::new(ErrorClass::UnknownTable, format!("\"{}\"", self.name)))
    }

    fn change(&mut self, change: impl FnOnce(&mut Table)) {
        if let Some(table) = self.draft.catalog.table_mut(self.namespace, &self.name) {
            change(table);
            table.refresh();
        }
    }

    fn change_column(&mut self, name: &str, change: impl FnOnce(&mut TableColumn)) {
        self.change(|table| {
            let at = table.shape.columns.iter().position(|column| &*column.name == name);
            if let Some(column) = at.and_then(|at| table.columns.get_mut(at)) {
                change(column);
            }
        });
    }

    /// The statement `ALTER TABLE … <rest>`.
    fn sql(&mut self, rest: &str) {
        let table = qualified(self.namespace, &self.name);
        self.draft.sql(format!("ALTER TABLE {table} {rest}"));
    }

    /// A column that exists and is no part of the primary key.
    fn free_column(&self, column: &Ident) -> Checked<()> {
        let table = self.table()?;
        if table.shape.column(column.as_str()).is_none() {
            return Err(no_column(column.as_str()));
        }
        if table.is_in_primary_key(column.as_str()) {
            let detail = format!("column \"{column}\"");
            return Err(Failure::new(ErrorClass::CannotAlterPrimaryKey, detail));
        }
        Ok(())
    }

    fn set_not_null(&mut self, column: &Ident, not_null: bool) -> Checked<()> {
        self.free_column(column)?;
        self.draft.ddl.push(Ddl::SetNotNull {
            namespace: self.namespace.into(),
            table: self.name.clone(),
            name: column.name.clone(),
            not_null,
        });
        self.change_column(column.as_str(), |column| column.not_null = not_null);
        Ok(())
    }

    fn set_default(&mut self, column: &Ident, value: Value) -> Checked<()> {
        self.free_column(column)?;
        if let Some((data_type, _)) = self.table()?.column(column.as_str()) {
            let text = default_text(&crate::eval::assignable(value, data_type)?);
            let quoted = quote_ident(column.as_str());
            self.sql(&format!("ALTER COLUMN {quoted} SET DEFAULT {text}"));
            self.change_column(column.as_str(), |column| column.default = Some(text.into()));
        }
        Ok(())
    }

    fn drop_default(&mut self, column: &Ident) -> Checked<()> {
        self.free_column(column)?;
        self.sql(&format!("ALTER COLUMN {} DROP DEFAULT", quote_ident(column.as_str())));
        self.change_column(column.as_str(), |column| column.default = None);
        Ok(())
    }

    fn add_column(&mut self, if_not_exists: bool, name: &Ident, of: TypeRef) -> Checked<()> {
        if self.table()?.shape.column(name.as_str()).is_some() {
            if if_not_exists {
                return Ok(());
            }
            return Err(other(format!("column \"{name}\" already exists")));
        }
        check_column_name(name.as_str())?;
        let column = DdlColumn {
            name: name.name.clone(),
            data_type: of.data_type,
            int4: of.int4,
            not_null: false,
        };
        let (namespace, table) = (self.namespace.into(), self.name.clone());
        self.draft.ddl.push(Ddl::AddColumn { namespace, table, column });
        self.change(|table| {
            let shape = Column { name: name.name.clone(), data_type: of.data_type };
            table.shape.columns.push(shape);
            table.columns.push(TableColumn { int4: of.int4, ..TableColumn::default() });
        });
        Ok(())
    }

    /// Constraints and indexes that use the column go with it, like in PostgreSQL.
    fn drop_column(&mut self, if_exists: bool, name: &Ident) -> Checked<()> {
        let column = name.as_str();
        if self.table()?.shape.column(column).is_none() && if_exists {
            return Ok(());
        }
        self.free_column(name)?;
        let uses = |columns: &[Box<str>]| columns.iter().any(|used| &**used == column);
        let is_needed =
            self.draft.referring(self.namespace, &self.name).any(|(namespace, table, key)| {
                let goes_too =
                    namespace == self.namespace && table == &*self.name && uses(&key.columns);
                uses(&key.referred) && !goes_too
            });
        if is_needed {
            return Err(still_needed(format_args!("column {column} of table {}", self.name)));
        }
        self.draft.ddl.push(Ddl::DropColumn {
            namespace: self.namespace.into(),
            table: self.name.clone(),
            name: name.name.clone(),
        });
        self.change(|table| {
            if let Some(at) = table.shape.columns.iter().position(|found| &*found.name == column) {
                table.shape.columns.remove(at);
                table.columns.remove(at);
            }
            table.uniques.retain(|key| !uses(&key.columns));
            table.checks.retain(|check| !uses(&check.columns));
            table.foreign_keys.retain(|key| !uses(&key.columns));
            table.indexes.retain(|index| !uses(&index.columns));
        });
        Ok(())
    }

    fn rename_column(&mut self, from: &Ident, to: &Ident) -> Checked<()> {
        let table = self.table()?;
        if table.shape.column(from.as_str()).is_none() {
            return Err(no_column(from.as_str()));
        }
        if table.shape.column(to.as_str()).is_some() {
            return Err(other(format!("column \"{to}\" already exists")));
        }
        check_column_name(to.as_str())?;
        self.draft.ddl.push(Ddl::RenameColumn {
            namespace: self.namespace.into(),
            table: self.name.clone(),
            name: from.name.clone(),
            to: to.name.clone(),
        });
        self.change(|table| rename_everywhere(table, from.as_str(), to.as_str()));
        let (namespace, name) = (self.namespace, self.name.clone());
        let refers =
            |key: &crate::catalog::ForeignKey| &*key.namespace == namespace && key.table == name;
        self.draft.catalog.change_foreign_keys(refers, |table| {
            for key in table.foreign_keys.iter_mut().filter(|key| refers(key)) {
                rename_in(&mut key.referred, from.as_str(), to.as_str());
            }
        });
        Ok(())
    }

    fn rename(&mut self, to: &Ident) -> Checked<()> {
        let found = self.draft.namespace(self.namespace)?;
        if found.tables.contains_key(to.as_str()) {
            return Err(other(format!("table \"{to}\" already exists")));
        }
        if TakenNames::of(found).relations.contains(to.as_str()) {
            return Err(relation_exists(to.as_str()));
        }
        self.draft.ddl.push(Ddl::RenameTable {
            namespace: self.namespace.into(),
            name: self.name.clone(),
            to: to.name.clone(),
        });
        if let Some(namespace) = self.draft.catalog.namespace_mut(self.namespace)
            && let Some(table) = namespace.tables.remove(&self.name)
        {
            namespace.tables.insert(to.name.clone(), table);
        }
        let (namespace, name) = (self.namespace, self.name.clone());
        let refers =
            |key: &crate::catalog::ForeignKey| &*key.namespace == namespace && key.table == name;
        self.draft.catalog.change_foreign_keys(refers, |table| {
            for key in table.foreign_keys.iter_mut().filter(|key| refers(key)) {
                key.table = to.name.clone();
            }
        });
        self.name = to.name.clone();
        Ok(())
    }

    fn add_constraint(&mut self, constraint: &TableConstraint) -> Checked<()> {
        let mut constrained = Constrained {
            catalog: &self.draft.catalog,
            namespace: self.namespace,
            name: &self.name,
            table: self.table()?.clone(),
            taken: TakenNames::of(self.draft.namespace(self.namespace)?),
        };
        let name = constraint.name.as_ref();
        let sql = match &constraint.rule {
            TableRule::PrimaryKey(_) => {
                let message =
                    format!("multiple primary keys for table \"{}\" are not allowed", self.name);
                return Err(Failure::sql("42P16", &message));
            }
            TableRule::Unique(columns) => constrained.unique(name, columns)?,
            TableRule::Check(condition) => constrained.check(name, condition)?,
            TableRule::ForeignKey { columns, references } => {
                constrained.foreign_key(name, columns, references)?
            }
        };
        let table = constrained.table;
        self.draft.put_table(self.namespace, &self.name, table);
        self.sql(&format!("ADD {sql}"));
        Ok(())
    }

    fn drop_constraint(&mut self, if_exists: bool, name: &Ident) -> Checked<()> {
        let table = self.table()?;
        if *table.primary_key_name == *name.name {
            let detail = format!("constraint \"{name}\"");
            return Err(Failure::new(ErrorClass::CannotAlterPrimaryKey, detail));
        }
        if !table.constraint_names().contains(name.as_str()) {
            if if_exists {
                return Ok(());
            }
            let message =
                format!("constraint \"{name}\" of relation \"{}\" does not exist", self.name);
            return Err(Failure::sql("42704", &message));
        }
        let unique = table.uniques.iter().find(|key| key.name == name.name);
        let is_needed = unique
            .is_some_and(|key| self.draft.is_key_needed(self.namespace, &self.name, &key.columns));
        if is_needed {
            let what = format!("constraint {name} on table {}", self.name);
            return Err(still_needed(what));
        }
        self.sql(&format!("DROP CONSTRAINT {}", quote_ident(name.as_str())));
        self.change(|table| {
            table.uniques.retain(|key| key.name != name.name);
            table.checks.retain(|check| check.name != name.name);
            table.foreign_keys.retain(|key| key.name != name.name);
        });
        Ok(())
    }
}

fn rename_in(columns: &mut [Box<str>], from: &str, to: &str) {
    for column in columns.iter_mut().filter(|column| &***column == from) {
        *column = to.into();
    }
}

fn rename_everywhere(table: &mut Table, from: &str, to: &str) {
    if let Some(column) = table.shape.columns.iter_mut().find(|column| &*column.name == from) {
        column.name = to.into();
    }
    rename_in(&mut table.shape.primary_key, from, to);
    for key in &mut table.uniques {
        rename_in(&mut key.columns, from, to);
    }
    for index in &mut table.indexes {
        rename_in(&mut index.columns, from, to);
    }
    for key in &mut table.foreign_keys {
        rename_in(&mut key.columns, from, to);
    }
    for check in &mut table.checks {
        rename_in(&mut check.columns, from, to);
        check.expression = rename_column(&check.expression, from, to).into();
    }
}
