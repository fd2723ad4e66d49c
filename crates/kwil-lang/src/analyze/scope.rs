//! Which columns a name may mean.

use std::borrow::Cow;

use kwil_types::DataType;

use super::plan::{Typed, TypedKind};
use super::{Analyzed, Analyzer, Column, Table};
use crate::ast::{Ident, NamedWindow};
use crate::{ErrorClass, Span};

/// The relations of one select.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'c> {
    pub(super) relations: Vec<ScopeRelation<'c>>,
    pub(super) windows: Vec<NamedWindow>,
    /// Columns that subqueries took from here.
    pub(super) captured: Vec<(Typed, Span)>,
}

/// A relation and its columns.
#[derive(Clone, Debug)]
pub(super) struct ScopeRelation<'c> {
    /// The name the program uses.
    pub(super) alias: Box<str>,
    /// The name in the plan: no relation further out has it.
    pub(super) planned: Box<str>,
    pub(super) columns: Cow<'c, [Column]>,
}

/// A query of the `WITH` list.
#[derive(Clone, Debug)]
pub(super) struct WithEntry {
    pub(super) name: Box<str>,
    pub(super) columns: Vec<Column>,
    /// False while the query itself is read where it may not name itself.
    pub(super) usable: bool,
}

impl<'c> Scope<'c> {
    pub(super) fn add_table(&mut self, alias: &str, table: &'c Table) {
        let columns = Cow::Borrowed(table.columns.as_slice());
        self.relations.push(ScopeRelation { alias: alias.into(), planned: alias.into(), columns });
    }

    /// Every column, in order.
    pub(super) fn all_columns(&self) -> Vec<Typed> {
        self.relations.iter().flat_map(ScopeRelation::typed).collect()
    }

    /// The relation and the type of the column of this name, and whether there is another one.
    fn find(&self, table: Option<&str>, name: &str) -> Option<(&str, DataType, bool)> {
        let mut found = self
            .relations
            .iter()
            .filter(|relation| table.is_none_or(|table| &*relation.alias == table))
            .flat_map(|relation| relation.columns.iter().map(move |column| (relation, column)))
            .filter(|(_, column)| &*column.name == name);
        let (relation, column) = found.next()?;
        Some((&relation.planned, column.data_type, found.next().is_some()))
    }
}

impl ScopeRelation<'_> {
    /// Every column of the relation, in order.
    pub(super) fn typed(&self) -> Vec<Typed> {
        let typed = |column: &Column| Typed {
            kind: TypedKind::Column {
                relation: self.planned.clone(),
                name: column.name.clone(),
                level: 0,
            },
            data_type: column.data_type,
        };
        self.columns.iter().map(typed).collect()
    }
}

impl<'c> Analyzer<'c> {
    /// The innermost column of this name; looked for further out as long as there is none.
    #[inline(never)]
    pub(super) fn column(
        &mut self,
        table: Option<&Ident>,
        name: &Ident,
        span: Span,
    ) -> Analyzed<Typed> {
        let wanted = table.map(Ident::as_str);
        for (level, scope) in self.scopes.iter().rev().enumerate() {
            let (relation, data_type): (Box<str>, _) = match scope.find(wanted, name.as_str()) {
                None => continue,
                Some((alias, data_type, false)) => (alias.into(), data_type),
                Some((_, _, true)) => {
                    let detail = format!("\"{name}\" may be a column of several tables");
                    return Err(self.error(ErrorClass::AmbiguousColumn, span, detail));
                }
            };
            let column = |level| Typed {
                kind: TypedKind::Column {
                    relation: relation.clone(),
                    name: name.name.clone(),
                    level,
                },
                data_type,
            };
            if level > 0 {
                let own = column(0);
                if let Some(scope) = self.scopes.iter_mut().rev().nth(level) {
                    scope.captured.push((own, span));
                }
            }
            return Ok(column(level));
        }
        let qualified = table.map_or_else(|| name.to_string(), |table| format!("{table}.{name}"));
        Err(self.error(ErrorClass::ColumnNotFound, span, qualified))
    }

    pub(super) fn scope(&mut self) -> Option<&mut Scope<'c>> {
        self.scopes.last_mut()
    }
}
