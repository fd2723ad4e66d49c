//! `FROM` and `WITH`: which relations there are and what columns they have.

use std::borrow::Cow;

use super::plan::{
    OutputColumn, PlannedCte, PlannedFrom, PlannedJoin, PlannedRelation, PlannedSelect,
    RelationSource, Typed,
};
use super::scope::{Scope, ScopeRelation, WithEntry};
use super::{Analyzed, Analyzer, Column, INT8, MAX_RELATIONS, NULL, Section, Table, scalar};
use crate::ast::{Cte, Expr, FromClause, Ident, Relation, RelationKind, Select, With};
use crate::{ErrorClass, Span};

impl<'c> Analyzer<'c> {
    /// Adds the relations to the innermost scope, from left to right.
    pub(super) fn relations(&mut self, from: &FromClause) -> Analyzed<PlannedFrom> {
        if from.joins.len() >= MAX_RELATIONS {
            let detail = format!("FROM has at most {MAX_RELATIONS} relations");
            return Err(self.error(ErrorClass::PlanOther, from.relation.span, detail));
        }
        let relation = self.relation(&from.relation)?;
        let mut joins = Vec::with_capacity(from.joins.len());
        for join in &from.joins {
            let relation = self.relation(&join.relation)?;
            let on = self.condition(&join.on, Section::Join)?;
            joins.push(PlannedJoin { kind: join.kind, relation, on });
        }
        Ok(PlannedFrom { relation, joins })
    }

    fn relation(&mut self, relation: &Relation) -> Analyzed<PlannedRelation> {
        let span = relation.span;
        // A relation does not see the relations beside it.
        let own = self.scopes.pop();
        let read = match &relation.kind {
            RelationKind::Table { namespace, name } => {
                self.named_relation(namespace.as_ref(), name)
            }
            RelationKind::Select(select) => self.derived(select),
            RelationKind::Function { name, args, ordinality, columns } => {
                self.unnest(name, args, *ordinality, columns)
            }
        };
        self.scopes.extend(own);
        let (source, columns) = read?;
        let alias = match (&relation.alias, &relation.kind) {
            (Some(alias), _) => alias.name.clone(),
            (None, RelationKind::Table { name, .. }) => name.name.clone(),
            (None, RelationKind::Select(_) | RelationKind::Function { .. }) => {
                let detail = "a subquery or a table function needs an alias";
                return Err(self.error(ErrorClass::PlanOther, span, detail));
            }
        };
        let alias = self.add_relation(&alias, columns, span)?;
        Ok(PlannedRelation { alias, source })
    }

    /// Puts a relation into the innermost scope; gives its name in the plan.
    pub(super) fn add_relation(
        &mut self,
        alias: &str,
        columns: Cow<'c, [Column]>,
        span: Span,
    ) -> Analyzed<Box<str>> {
        let planned = self.planned_alias(alias);
        if let Some(scope) = self.scope()
            && !scope.relations.iter().any(|relation| &*relation.alias == alias)
        {
            let alias = alias.into();
            scope.relations.push(ScopeRelation { alias, planned: planned.clone(), columns });
            return Ok(planned);
        }
        let detail = format!("table name \"{alias}\" is used more than once");
        Err(self.error(ErrorClass::PlanOther, span, detail))
    }

    /// Puts the table that is changed in front of the relations joined to it.
    pub(super) fn add_target(
        &mut self,
        alias: &str,
        columns: Cow<'c, [Column]>,
        span: Span,
    ) -> Analyzed<()> {
        self.add_relation(alias, columns, span)?;
        if let Some(scope) = self.scope() {
            scope.relations.rotate_right(1);
        }
        Ok(())
    }

    /// The alias itself, or a name no program can write when a relation further out has it already: a column of that
    /// one could not be reached from here otherwise.
    fn planned_alias(&self, alias: &str) -> Box<str> {
        let is_taken = |name: &str| {
            let relations = self.scopes.iter().flat_map(|scope| &scope.relations);
            relations.into_iter().any(|relation| &*relation.planned == name)
        };
        if !is_taken(alias) {
            return alias.into();
        }
        let mut names = (1_u32..).map(|number| format!("_{number}"));
        names.find(|name| !is_taken(name)).unwrap_or_default().into_boxed_str()
    }

    fn named_relation(
        &mut self,
        namespace: Option<&Ident>,
        name: &Ident,
    ) -> Analyzed<(RelationSource, Cow<'c, [Column]>)> {
        if namespace.is_none() {
            let entry = self.ctes.iter().rev().find(|entry| entry.name == name.name);
            if let Some(entry) = entry {
                if !entry.usable {
                    let detail =
                        format!("recursive CTE {name} cannot reference itself in this context");
                    return Err(self.error(ErrorClass::PlanOther, name.span, detail));
                }
                return Ok((
                    RelationSource::Cte(name.name.clone()),
                    Cow::Owned(entry.columns.clone()),
                ));
            }
        }
        let (namespace_name, table) = self.table(namespace, name)?;
        let columns = Cow::Borrowed(table.columns.as_slice());
        let source = RelationSource::Table { namespace: namespace_name, name: name.name.clone() };
        Ok((source, columns))
    }

    /// A table of the catalog; without a namespace, of the current one.
    pub(super) fn table(
        &mut self,
        namespace: Option<&Ident>,
        name: &Ident,
    ) -> Analyzed<(Box<str>, &'c Table)> {
        let namespace_name = namespace.map_or(self.context.namespace, Ident::as_str);
        let span = namespace.map_or(name.span, |namespace| namespace.span);
        if self.context.catalog.namespace_kind(namespace_name).is_none() {
            let detail = format!("\"{namespace_name}\"");
            return Err(self.error(ErrorClass::NamespaceNotFound, span, detail));
        }
        match self.context.catalog.table(namespace_name, &name.name) {
            Some(table) => {
                let is_met =
                    |met: &(Box<str>, Box<str>)| *met.0 == *namespace_name && met.1 == name.name;
                if !self.tables.iter().any(is_met) {
                    self.tables.push((namespace_name.into(), name.name.clone()));
                }
                Ok((namespace_name.into(), table))
            }
            None => {
                let detail = format!("\"{name}\" in namespace \"{namespace_name}\"");
                Err(self.error(ErrorClass::UnknownTable, name.span, detail))
            }
        }
    }

    fn derived(&mut self, select: &Select) -> Analyzed<(RelationSource, Cow<'c, [Column]>)> {
        let planned = self.select(select, false)?;
        let columns = planned.columns.iter().map(Column::from).collect();
        Ok((RelationSource::Select(planned), Cow::Owned(columns)))
    }

    fn unnest(
        &mut self,
        name: &Ident,
        args: &[Expr],
        ordinality: bool,
        aliases: &[Ident],
    ) -> Analyzed<(RelationSource, Cow<'c, [Column]>)> {
        if name.as_str() != "unnest" {
            let detail = format!("{name} is not a table-valued function");
            return Err(self.error(ErrorClass::PlanOther, name.span, detail));
        }
        let mut typed: Vec<Typed> = Vec::with_capacity(args.len());
        let mut columns: Vec<Column> = Vec::with_capacity(args.len().saturating_add(1));
        for (number, arg) in (1_usize..).zip(args) {
            let array = self.expr(arg)?;
            if !array.data_type.is_array() && array.data_type != NULL {
                let detail = format!("unnest takes arrays, got {}", array.data_type);
                return Err(self.error(ErrorClass::Type, arg.span, detail));
            }
            let own =
                if args.len() == 1 { "unnest".to_owned() } else { format!("unnest_{number}") };
            let data_type = scalar(array.data_type.kind());
            columns.push(Column { name: own.into_boxed_str(), data_type });
            typed.push(array);
        }
        if ordinality {
            columns.push(Column { name: "ordinality".into(), data_type: INT8 });
        }
        if !aliases.is_empty() && aliases.len() != columns.len() {
            let detail = format!(
                "column alias count {} does not match the {} columns of {name}",
                aliases.len(),
                columns.len()
            );
            return Err(self.error(ErrorClass::PlanOther, name.span, detail));
        }
        for (column, alias) in columns.iter_mut().zip(aliases) {
            column.name.clone_from(&alias.name);
        }
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let source = RelationSource::Unnest { args: typed, ordinality, columns: names };
        Ok((source, Cow::Owned(columns)))
    }

    // ---- WITH

    pub(super) fn with(&mut self, with: &With) -> Analyzed<Vec<PlannedCte>> {
        let mut planned = Vec::with_capacity(with.ctes.len());
        for cte in &with.ctes {
            if self.ctes.iter().any(|entry| entry.name == cte.name.name) {
                let detail = format!("WITH query name \"{}\" is used more than once", cte.name);
                return Err(self.error(ErrorClass::PlanOther, cte.name.span, detail));
            }
            planned.push(self.cte(cte, with.recursive)?);
        }
        Ok(planned)
    }

    fn cte(&mut self, cte: &Cte, recursive: bool) -> Analyzed<PlannedCte> {
        let is_recursive = recursive && !cte.select.compounds.is_empty();
        let has_bounds = cte.select.limit.is_some() || cte.select.offset.is_some();
        if is_recursive && (has_bounds || !cte.select.order_by.is_empty()) {
            let detail = format!("recursive CTE {} cannot have ORDER BY or LIMIT", cte.name);
            return Err(self.error(ErrorClass::PlanOther, cte.name.span, detail));
        }
        if recursive {
            // Until its first branch is read, nobody knows its columns.
            let entry =
                WithEntry { name: cte.name.name.clone(), columns: Vec::new(), usable: false };
            self.ctes.push(entry);
        }
        let select = if is_recursive {
            self.recursive_select(cte)?
        } else {
            self.select(&cte.select, false)?
        };
        if recursive {
            self.ctes.pop();
        }
        let columns = self.cte_columns(cte, &select)?;
        let entry = WithEntry {
            name: cte.name.name.clone(),
            columns: columns.iter().map(Column::from).collect(),
            usable: true,
        };
        self.ctes.push(entry);
        Ok(PlannedCte { name: cte.name.name.clone(), columns, select: *select })
    }

    /// A compound that may name itself from its second branch on.
    fn recursive_select(&mut self, cte: &Cte) -> Analyzed<Box<PlannedSelect>> {
        let (first, _, columns) = self.core(&cte.select.first, &[])?;
        let named = self.renamed(cte, &columns)?;
        if let Some(entry) = self.ctes.last_mut() {
            entry.columns = named.iter().map(Column::from).collect();
            entry.usable = true;
        }
        self.compound(&cte.select, first, columns)
    }

    fn cte_columns(&mut self, cte: &Cte, select: &PlannedSelect) -> Analyzed<Vec<OutputColumn>> {
        self.renamed(cte, &select.columns)
    }

    fn renamed(&self, cte: &Cte, columns: &[OutputColumn]) -> Analyzed<Vec<OutputColumn>> {
        let mut columns = columns.to_vec();
        if !cte.columns.is_empty() && cte.columns.len() != columns.len() {
            let detail = format!(
                "CTE {} has {} columns but {} names were given",
                cte.name,
                columns.len(),
                cte.columns.len()
            );
            return Err(self.error(ErrorClass::PlanOther, cte.name.span, detail));
        }
        for (column, name) in columns.iter_mut().zip(&cte.columns) {
            column.name.clone_from(&name.name);
        }
        Ok(columns)
    }

    /// Runs `read` with a new innermost scope.
    pub(super) fn in_scope<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Analyzed<T>,
    ) -> Analyzed<T> {
        self.scopes.push(Scope::default());
        let read = read(self);
        self.scopes.pop();
        read
    }
}

impl From<&OutputColumn> for Column {
    fn from(column: &OutputColumn) -> Self {
        Self { name: column.name.clone(), data_type: column.data_type }
    }
}
