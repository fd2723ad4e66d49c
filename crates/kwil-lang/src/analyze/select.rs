//! `SELECT`.

use super::group::{in_order, ungrouped};
use super::order::complete;
use super::plan::{
    OrderKey, OutputColumn, PlannedCore, PlannedOrder, PlannedSelect, Typed, TypedKind,
};
use super::{Analyzed, Analyzer, INT8, MAX_BRANCHES, NULL, Section, fits};
use crate::ast::{Expr, ExprKind, Ident, Literal, OrderTerm, ResultItem, Select, SelectCore};
use crate::{ErrorClass, Span};

/// A core, the order of the select it is the only core of, and its columns.
type Core = (PlannedCore, Vec<PlannedOrder>, Vec<OutputColumn>);

impl Analyzer<'_> {
    /// A select in a scope of its own. `observed`: its rows go to a caller or a loop, so their order counts.
    pub(super) fn select(
        &mut self,
        select: &Select,
        observed: bool,
    ) -> Analyzed<Box<PlannedSelect>> {
        let outside = (self.section, self.may_aggregate, self.may_window);
        let counted = (self.aggregates, self.pure_windows);
        let is_single = select.compounds.is_empty();
        let own_order = if is_single { select.order_by.as_slice() } else { &[] };
        let (first, order, columns) = self.core(&select.first, own_order)?;
        let mut planned = self.compound(select, first, columns)?;
        planned.order_by = if is_single {
            order
        } else {
            self.order_of_compound(&select.order_by, &planned.columns)?
        };
        (self.may_aggregate, self.may_window) = (false, false);
        planned.limit = self.bound(select.limit.as_ref(), Section::Limit)?;
        planned.offset = self.bound(select.offset.as_ref(), Section::Offset)?;
        let is_cut = planned.limit.is_some() || planned.offset.is_some();
        let is_lone = is_single && has_one_row(&planned.first, self.aggregates > 0);
        if self.context.deterministic && (observed || is_cut) && !is_lone {
            complete(&mut planned.order_by, planned.columns.len());
        }
        (self.section, self.may_aggregate, self.may_window) = outside;
        (self.aggregates, self.pure_windows) = counted;
        Ok(planned)
    }

    /// `SELECT DISTINCT` knows its results only: expressions in its order must be among them.
    fn order_by_results(
        &self,
        order: &mut [PlannedOrder],
        results: &[(Typed, Box<str>)],
        span: Span,
    ) -> Analyzed<()> {
        for term in order {
            let OrderKey::Expr(expr) = &term.key else { continue };
            let position = (1_usize..).zip(results).find(|(_, (result, _))| result == expr);
            let Some((position, _)) = position else {
                let detail =
                    "for SELECT DISTINCT, ORDER BY expressions must appear in the result list";
                return Err(self.error(ErrorClass::PlanOther, span, detail));
            };
            term.key = OrderKey::Ordinal(position);
        }
        Ok(())
    }

    fn bound(&mut self, bound: Option<&Expr>, section: Section) -> Analyzed<Option<Typed>> {
        let Some(bound) = bound else { return Ok(None) };
        self.section = section;
        self.expr_of(bound, INT8, "bound").map(Some)
    }

    /// Reads the further cores of a select and checks that their columns fit those of the first.
    pub(super) fn compound(
        &mut self,
        select: &Select,
        first: PlannedCore,
        mut columns: Vec<OutputColumn>,
    ) -> Analyzed<Box<PlannedSelect>> {
        if select.compounds.len() >= MAX_BRANCHES {
            let detail = format!("a compound has at most {MAX_BRANCHES} branches");
            return Err(self.error(ErrorClass::PlanOther, select.span, detail));
        }
        let mut compounds = Vec::with_capacity(select.compounds.len());
        for compound in &select.compounds {
            let (core, _, more) = self.core(&compound.core, &[])?;
            self.section = Section::Compound;
            let is_alike = columns.len() == more.len()
                && columns.iter().zip(&more).all(|(a, b)| fits(a.data_type, b.data_type));
            if !is_alike {
                let types = |columns: &[OutputColumn]| {
                    let types = columns.iter().map(|column| column.data_type.to_string());
                    types.collect::<Vec<_>>().join(", ")
                };
                let detail = format!("({}) and ({})", types(&columns), types(&more));
                return Err(self.error(ErrorClass::SetShape, compound.core.span, detail));
            }
            for (column, other) in columns.iter_mut().zip(more) {
                if column.data_type == NULL {
                    column.data_type = other.data_type;
                }
            }
            compounds.push((compound.op, core));
        }
        let (order_by, limit, offset) = (Vec::new(), None, None);
        Ok(Box::new(PlannedSelect { first, compounds, order_by, limit, offset, columns }))
    }

    pub(super) fn core(&mut self, core: &SelectCore, order: &[OrderTerm]) -> Analyzed<Core> {
        self.in_scope(|analyzer| analyzer.core_in_scope(core, order))
    }

    fn core_in_scope(&mut self, core: &SelectCore, order: &[OrderTerm]) -> Analyzed<Core> {
        (self.may_aggregate, self.may_window) = (false, false);
        (self.aggregates, self.pure_windows) = (0, 0);
        self.section = Section::Unknown;
        let from = core.from.as_ref().map(|from| self.relations(from)).transpose()?;
        let filter = match &core.filter {
            Some(filter) => Some(self.condition(filter, Section::Where)?),
            None => None,
        };
        let group_by = self.group_by(core)?;
        if let Some(scope) = self.scope() {
            scope.captured.clear();
        }
        self.may_aggregate = true;
        self.section = Section::Having;
        let having = match &core.having {
            Some(having) => Some(self.condition(having, Section::Having)?),
            None => None,
        };
        self.section = Section::Window;
        self.declare_windows(&core.windows)?;
        self.may_window = true;
        self.section = Section::Results;
        let mut results = Vec::with_capacity(core.results.len());
        for item in &core.results {
            self.result(item, &mut results)?;
        }
        let mut order = self.order_of_core(order, &results)?;
        if core.distinct {
            self.order_by_results(&mut order, &results, core.span)?;
        }
        let mut planned = PlannedCore {
            distinct: core.distinct,
            results,
            from,
            filter,
            group_by,
            having,
            tiebreak: Vec::new(),
        };
        self.finish_groups(&mut planned, &order, core.span)?;
        let column = |(typed, name): &(Typed, Box<str>)| OutputColumn {
            name: name.clone(),
            data_type: typed.data_type,
        };
        let columns = planned.results.iter().map(column).collect();
        Ok((planned, order, columns))
    }

    /// Grouping terms: expressions, or positions of the result list. Equal ones collapse.
    fn group_by(&mut self, core: &SelectCore) -> Analyzed<Vec<Typed>> {
        self.section = Section::GroupBy;
        let mut groups: Vec<Typed> = Vec::with_capacity(core.group_by.len());
        for term in &core.group_by {
            let term = match &term.kind {
                ExprKind::Literal(Literal::Int(number)) => {
                    let item = number
                        .checked_sub(1)
                        .and_then(|number| usize::try_from(number).ok())
                        .and_then(|position| core.results.get(position));
                    match item {
                        Some(ResultItem::Expr { expr, .. }) => expr,
                        Some(ResultItem::Star { .. }) | None => {
                            let detail = format!("position {number} is not in the result list");
                            return Err(self.error(ErrorClass::PlanOther, term.span, detail));
                        }
                    }
                }
                _ => term,
            };
            let typed = self.expr(term)?;
            if !groups.contains(&typed) {
                groups.push(typed);
            }
        }
        Ok(groups)
    }

    fn result(&mut self, item: &ResultItem, results: &mut Vec<(Typed, Box<str>)>) -> Analyzed<()> {
        match item {
            ResultItem::Expr { expr, alias } => {
                let typed = self.expr(expr)?;
                let name = match alias {
                    Some(alias) => alias.name.clone(),
                    None => typed.result_name().into(),
                };
                results.push((typed, name));
            }
            ResultItem::Star { table, span } => {
                let columns = self.star(table.as_ref(), *span)?;
                results.extend(columns.into_iter().map(|column| {
                    let name = column.result_name().into();
                    (column, name)
                }));
            }
        }
        Ok(())
    }

    fn star(&self, table: Option<&Ident>, span: Span) -> Analyzed<Vec<Typed>> {
        let relations = self.scopes.last().map(|scope| &scope.relations);
        let Some(relations) = relations.filter(|relations| !relations.is_empty()) else {
            let detail = "* stands in a SELECT without a FROM clause";
            return Err(self.error(ErrorClass::PlanOther, span, detail));
        };
        let Some(table) = table else {
            return Ok(relations.iter().flat_map(super::scope::ScopeRelation::typed).collect());
        };
        match relations.iter().find(|relation| relation.alias == table.name) {
            Some(relation) => Ok(relation.typed()),
            None => {
                let detail = format!("{table}.*");
                Err(self.error(ErrorClass::ColumnNotFound, span, detail))
            }
        }
    }

    /// Checks that results and order ask of groups only what groups have, and says what completes window orders.
    fn finish_groups(
        &mut self,
        core: &mut PlannedCore,
        order: &[PlannedOrder],
        span: Span,
    ) -> Analyzed<()> {
        let is_grouped = !core.group_by.is_empty() || self.aggregates > 0;
        let wants_tiebreak = self.context.deterministic && self.pure_windows > 0;
        if !is_grouped {
            if let Some(scope) = self.scopes.last().filter(|_| wants_tiebreak) {
                core.tiebreak = scope.all_columns();
            }
            return Ok(());
        }
        self.section = Section::Results;
        let groups = &core.group_by;
        let of_results = core.results.iter().find_map(|(typed, _)| ungrouped(typed, groups));
        let of_having = core.having.as_ref().and_then(|having| ungrouped(having, groups));
        let of_order = order.iter().find_map(|term| in_order(term, groups));
        if let Some(name) = of_results.or(of_having).or(of_order) {
            let detail = format!("column \"{name}\" must be grouped or inside an aggregate");
            return Err(self.error(ErrorClass::IllegalAggregate, span, detail));
        }
        let captured = self.scopes.last().map(|scope| scope.captured.as_slice());
        let stray =
            captured.unwrap_or_default().iter().find(|(column, _)| !groups.contains(column));
        if let Some((Typed { kind: TypedKind::Column { name, .. }, .. }, place)) = stray {
            let detail = format!("column \"{name}\" must be grouped to be used in a subquery");
            return Err(self.error(ErrorClass::IllegalAggregate, *place, detail));
        }
        if wants_tiebreak {
            core.tiebreak.clone_from(&core.group_by);
        }
        Ok(())
    }
}

/// True when there are never two rows whose order could be seen.
fn has_one_row(core: &PlannedCore, has_aggregates: bool) -> bool {
    core.group_by.is_empty() && (core.from.is_none() || has_aggregates)
}
