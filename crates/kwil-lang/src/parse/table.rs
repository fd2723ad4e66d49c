//! `CREATE TABLE` and `ALTER TABLE`.

use std::collections::BTreeSet;

use super::cursor::{Parsed, Parser};
use crate::ErrorClass;
use crate::ast::{
    AlterTable, Alteration, Column, ColumnRule, CreateTable, Ident, TableConstraint, TableRule,
};
use crate::lex::{Kw, Sym};

impl Parser<'_> {
    /// Behind `CREATE TABLE`.
    pub(super) fn create_table(&mut self) -> Parsed<CreateTable> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name("a table")?;
        self.expect_sym(Sym::LParen)?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        let (columns_in, constraints_in) = (&mut columns, &mut constraints);
        self.nest(|parser| {
            parser.list(|parser| {
                if parser.is_table_constraint() {
                    constraints_in.push(parser.table_constraint()?);
                } else {
                    columns_in.push(parser.column()?);
                }
                Ok(())
            })
        })?;
        self.close(Sym::RParen)?;
        let table = CreateTable { if_not_exists, name, columns, constraints };
        self.check_table(&table);
        Ok(table)
    }

    fn check_table(&mut self, table: &CreateTable) {
        let span = table.name.span;
        if table.columns.is_empty() {
            self.record(ErrorClass::TableDefinition, span, "table has no column".to_owned());
        }
        let mut columns = BTreeSet::new();
        for column in &table.columns {
            if !columns.insert(column.name.as_str()) {
                let detail = format!("column \"{}\" is defined twice", column.name);
                self.record(ErrorClass::TableDefinition, column.name.span, detail);
            }
        }
        let named = table.constraints.iter().filter_map(|constraint| constraint.name.as_ref());
        self.check_once(
            ErrorClass::RedeclaredConstraint,
            named.map(|name| (name.as_str(), name.span)),
        );
        for constraint in &table.constraints {
            self.check_local_columns(&constraint.rule, &columns);
        }
        self.check_primary_keys(table);
    }

    fn check_local_columns(&mut self, rule: &TableRule, known: &BTreeSet<&str>) {
        let used = match rule {
            TableRule::PrimaryKey(columns)
            | TableRule::Unique(columns)
            | TableRule::ForeignKey { columns, .. } => columns.as_slice(),
            TableRule::Check(_) => &[],
        };
        for column in used.iter().filter(|column| !known.contains(column.as_str())) {
            let detail = format!("the table has no column \"{column}\"");
            self.record(ErrorClass::UnknownColumn, column.span, detail);
        }
    }

    fn check_primary_keys(&mut self, table: &CreateTable) {
        let inline = table.columns.iter().flat_map(|column| {
            let keys = column.rules.iter().filter(|rule| matches!(rule, ColumnRule::PrimaryKey));
            keys.map(|_| column.name.span)
        });
        let separate = table.constraints.iter().filter_map(|constraint| match constraint.rule {
            TableRule::PrimaryKey(_) => Some(constraint.span),
            TableRule::Unique(_) | TableRule::Check(_) | TableRule::ForeignKey { .. } => None,
        });
        let keys: Vec<_> = inline.chain(separate).collect();
        match keys.as_slice() {
            [] => {
                let detail = format!("table \"{}\" needs a primary key", table.name);
                self.record(ErrorClass::NoPrimaryKey, table.name.span, detail);
            }
            [_] => {}
            [_, second, ..] => {
                let detail = format!("table \"{}\" has more than one", table.name);
                self.record(ErrorClass::RedeclaredPrimaryKey, *second, detail);
            }
        }
    }

    /// A constraint starts with `CONSTRAINT`, or with its keywords and an opening parenthesis; everything else is a
    /// column, whatever its name.
    fn is_table_constraint(&self) -> bool {
        let is_pair = |first, second| {
            self.is_kw(first) && self.is_kw_at(1, second) && self.is_sym_at(2, Sym::LParen)
        };
        self.is_kw(Kw::Constraint)
            || (self.is_kw(Kw::Unique) || self.is_kw(Kw::Check)) && self.is_sym_at(1, Sym::LParen)
            || is_pair(Kw::Primary, Kw::Key)
            || is_pair(Kw::Foreign, Kw::Key)
    }

    fn table_constraint(&mut self) -> Parsed<TableConstraint> {
        let start = self.here();
        let name = if self.eat_kw(Kw::Constraint) {
            Some(self.object_name("a constraint")?)
        } else {
            None
        };
        let rule = if self.eat_kw(Kw::Unique) {
            TableRule::Unique(self.idents_in_parens("a column")?)
        } else if self.eat_kw(Kw::Check) {
            TableRule::Check(self.check_expr()?)
        } else if self.eat_kws(&[Kw::Primary, Kw::Key]) {
            TableRule::PrimaryKey(self.idents_in_parens("a column")?)
        } else if self.eat_kws(&[Kw::Foreign, Kw::Key]) {
            let columns = self.idents_in_parens("a column")?;
            TableRule::ForeignKey { columns, references: self.references()? }
        } else {
            return Err(self.unexpected("UNIQUE, CHECK, PRIMARY KEY or FOREIGN KEY"));
        };
        Ok(TableConstraint { name, rule, span: self.since(start) })
    }

    fn column(&mut self) -> Parsed<Column> {
        let name = self.object_name("a column or a constraint")?;
        let data_type = self.data_type()?;
        let mut rules = Vec::new();
        while let Some(rule) = self.column_rule()? {
            rules.push(rule);
        }
        Ok(Column { name, data_type, rules })
    }

    /// Behind `ALTER`.
    pub(super) fn alter_table(&mut self) -> Parsed<AlterTable> {
        self.expect_kw(Kw::Table)?;
        let table = self.ident("a table")?;
        Ok(AlterTable { table, alterations: self.list(Self::alteration)? })
    }

    fn alteration(&mut self) -> Parsed<Alteration> {
        if self.eat_kw(Kw::Alter) {
            self.expect_kw(Kw::Column)?;
            let column = self.ident("a column")?;
            return self.alter_column(column);
        }
        if self.eat_kw(Kw::Rename) {
            if self.eat_kw(Kw::Column) {
                let from = self.ident("a column")?;
                self.expect_kw(Kw::To)?;
                let to = self.object_name("a column")?;
                return Ok(Alteration::RenameColumn { from, to });
            }
            if !self.eat_kw(Kw::To) {
                return Err(self.unexpected("COLUMN or TO"));
            }
            return self.object_name("a table").map(Alteration::RenameTable);
        }
        if self.eat_kw(Kw::Add) {
            return self.add();
        }
        if !self.eat_kw(Kw::Drop) {
            return Err(self.unexpected("ADD, DROP, ALTER COLUMN or RENAME"));
        }
        let is_column = self.eat_kw(Kw::Column);
        if !is_column && !self.eat_kw(Kw::Constraint) {
            return Err(self.unexpected("COLUMN or CONSTRAINT"));
        }
        let if_exists = self.if_exists();
        let name = self.ident("a name")?;
        Ok(if is_column {
            Alteration::DropColumn { if_exists, name }
        } else {
            Alteration::DropConstraint { if_exists, name }
        })
    }

    fn alter_column(&mut self, column: Ident) -> Parsed<Alteration> {
        let is_set = self.eat_kw(Kw::Set);
        if !is_set && !self.eat_kw(Kw::Drop) {
            return Err(self.unexpected("SET or DROP"));
        }
        if self.eat_kw(Kw::Default) {
            return Ok(if is_set {
                Alteration::SetDefault(column, self.action_expr()?)
            } else {
                Alteration::DropDefault(column)
            });
        }
        if !self.eat_kws(&[Kw::Not, Kw::Null]) {
            return Err(self.unexpected("NOT NULL or DEFAULT"));
        }
        Ok(if is_set { Alteration::SetNotNull(column) } else { Alteration::DropNotNull(column) })
    }

    fn add(&mut self) -> Parsed<Alteration> {
        if !self.eat_kw(Kw::Column) {
            return self.table_constraint().map(Alteration::AddConstraint);
        }
        let if_not_exists = self.if_not_exists();
        let name = self.object_name("a column")?;
        let data_type = self.data_type()?;
        Ok(Alteration::AddColumn { if_not_exists, name, data_type })
    }
}
