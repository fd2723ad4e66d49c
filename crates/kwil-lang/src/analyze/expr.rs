//! Expressions of SQL: leaves, casts, calls, subqueries.

use kwil_types::{DataType, TypeKind};

use super::function::{Function, FunctionKind, Mismatch, function};
use super::operator::retype;
use super::plan::{
    OrderKey, Parameter, ParameterSource, PlannedOrder, PlannedSelect, Typed, TypedCall, TypedKind,
};
use super::walk::each_level;
use super::{Analyzed, Analyzer, BOOL, INT8, NULL, Section, TEXT, VariableType, scalar};
use crate::ast::{Call, Expr, ExprKind, Ident, Literal, OrderTerm, Select, TypeRef, Variable};
use crate::{ErrorClass, Span};

impl Analyzer<'_> {
    /// Types an expression. Trees are up to [`crate::MAX_DEPTH`] high, so the frame of this function has to stay small:
    /// what it calls is not inlined.
    pub(super) fn expr(&mut self, expr: &Expr) -> Analyzed<Typed> {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(literal(value)),
            ExprKind::Variable(variable) => self.variable(variable),
            ExprKind::Column { table, name } => self.column(table.as_ref(), name, expr.span),
            ExprKind::Call(call) => self.call_expr(call, expr.span),
            ExprKind::Window(window) => self.window_call(window, expr.span),
            ExprKind::Array(items) => self.array(items, expr.span),
            ExprKind::Cast(value, data_type) => self.cast(value, data_type),
            ExprKind::Field(value, field) => self.field(value, field),
            ExprKind::Index(array, index) => self.index(array, index),
            ExprKind::Slice(slice) => self.slice(slice),
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Binary(op, operands) => self.binary(*op, operands, expr.span),
            ExprKind::Collate(value, name) => self.collate(value, name),
            ExprKind::In(list) => self.in_list(list),
            ExprKind::Like(like) => self.like(like),
            ExprKind::Between(between) => self.between(between),
            ExprKind::Is(is) => self.is(is),
            ExprKind::Case(case) => self.case(case),
            ExprKind::Subquery(select) => self.subquery(select),
            ExprKind::Exists { not, select } => self.exists(*not, select),
        }
    }

    /// A condition in this section.
    pub(super) fn condition(&mut self, expr: &Expr, section: Section) -> Analyzed<Typed> {
        let outside = std::mem::replace(&mut self.section, section);
        let typed = self.expr_of(expr, BOOL, "condition")?;
        self.section = outside;
        Ok(typed)
    }

    #[inline(never)]
    fn subquery(&mut self, select: &Select) -> Analyzed<Typed> {
        let select = self.one_column(select)?;
        let data_type = select.columns.first().map_or(NULL, |column| column.data_type);
        Ok(Typed { kind: TypedKind::Subquery(select), data_type })
    }

    #[inline(never)]
    fn exists(&mut self, not: bool, select: &Select) -> Analyzed<Typed> {
        let select = self.select(select, false)?;
        Ok(Typed { kind: TypedKind::Exists { not, select }, data_type: BOOL })
    }

    /// A subquery that must have one column.
    pub(super) fn one_column(&mut self, select: &Select) -> Analyzed<Box<PlannedSelect>> {
        let planned = self.select(select, false)?;
        if planned.columns.len() == 1 {
            return Ok(planned);
        }
        let detail = format!("subquery must have one column, got {}", planned.columns.len());
        Err(self.error(ErrorClass::PlanOther, select.span, detail))
    }

    #[inline(never)]
    fn cast(&mut self, value: &Expr, target: &TypeRef) -> Analyzed<Typed> {
        let typed = match &value.kind {
            ExprKind::Array(items) if items.is_empty() => {
                Typed { kind: TypedKind::Array(Vec::new()), data_type: target.data_type }
            }
            _ => self.expr(value)?,
        };
        Ok(Typed { kind: TypedKind::Cast(Box::new(typed), *target), data_type: target.data_type })
    }

    // ---- variables

    #[inline(never)]
    fn variable(&mut self, variable: &Variable) -> Analyzed<Typed> {
        let name = &variable.name;
        let data_type = if variable.is_contextual() {
            match contextual(name) {
                Some(data_type) => data_type,
                None => {
                    let class = ErrorClass::InvalidVariable;
                    return Err(self.error(class, variable.span, &**name));
                }
            }
        } else {
            match self.context.variables.get(name) {
                Some(VariableType::Value(data_type)) => *data_type,
                Some(VariableType::Record(_)) => {
                    let detail = format!("{name} is a record: only its fields are values");
                    return Err(self.error(ErrorClass::Type, variable.span, detail));
                }
                None => {
                    let class = ErrorClass::UnknownVariable;
                    return Err(self.error(class, variable.span, &**name));
                }
            }
        };
        Ok(self.parameter(ParameterSource::Variable(name.clone()), data_type))
    }

    #[inline(never)]
    fn field(&mut self, value: &Expr, field: &Ident) -> Analyzed<Typed> {
        let ExprKind::Variable(variable) = &value.kind else {
            let detail = format!("only records have fields, such as \"{field}\"");
            return Err(self.error(ErrorClass::Type, value.span, detail));
        };
        let data_type = match self.context.variables.get(&variable.name) {
            Some(VariableType::Record(fields)) => fields.get(&field.name).copied(),
            Some(VariableType::Value(_)) => {
                let detail = format!("{} is no record", variable.name);
                return Err(self.error(ErrorClass::Type, variable.span, detail));
            }
            None => {
                let class = ErrorClass::UnknownVariable;
                return Err(self.error(class, variable.span, &*variable.name));
            }
        };
        let Some(data_type) = data_type else {
            let detail = format!("field \"{field}\" not found in object");
            return Err(self.error(ErrorClass::Other, field.span, detail));
        };
        let (variable, field) = (variable.name.clone(), field.name.clone());
        Ok(self.parameter(ParameterSource::Field { variable, field }, data_type))
    }

    /// The parameter for this source; each is sent once.
    fn parameter(&mut self, source: ParameterSource, data_type: DataType) -> Typed {
        if data_type == NULL {
            // Nothing else can be in it, and PostgreSQL could not tell its type.
            return literal(&Literal::Null);
        }
        let known = self.parameters.iter().position(|parameter| parameter.source == source);
        let number = known.unwrap_or(self.parameters.len());
        if known.is_none() {
            self.parameters.push(Parameter { source, data_type });
        }
        Typed { kind: TypedKind::Parameter(number), data_type }
    }

    // ---- calls

    #[inline(never)]
    fn call_expr(&mut self, call: &Call, span: Span) -> Analyzed<Typed> {
        let function = self.function(&call.name)?;
        let name = function.name;
        match function.kind {
            FunctionKind::Scalar => self.check_scalar(call, span)?,
            FunctionKind::Window => {
                let detail = format!("{name} needs OVER");
                return Err(self.error(ErrorClass::InvalidWindow, span, detail));
            }
            FunctionKind::Aggregate => {
                if !self.may_aggregate {
                    let detail = format!("{name} cannot stand here");
                    return Err(self.error(ErrorClass::IllegalAggregate, span, detail));
                }
                self.aggregates = self.aggregates.saturating_add(1);
            }
        }
        // An aggregate inside an aggregate has no rows to look at.
        let is_aggregate = function.kind == FunctionKind::Aggregate;
        let outside = (self.may_aggregate, self.may_window);
        if is_aggregate {
            (self.may_aggregate, self.may_window) = (false, false);
        }
        let typed = self.call(function, call, span)?;
        if is_aggregate && is_about_outer_rows(&typed.0) {
            let detail = format!("{name} is over columns of an outer query only");
            return Err(self.error(ErrorClass::IllegalAggregate, span, detail));
        }
        (self.may_aggregate, self.may_window) = outside;
        Ok(Typed { data_type: typed.1, kind: TypedKind::Call(Box::new(typed.0)) })
    }

    fn check_scalar(&self, call: &Call, span: Span) -> Analyzed<()> {
        let what = if call.distinct {
            "DISTINCT"
        } else if call.star {
            "*"
        } else if !call.order_by.is_empty() {
            "ORDER BY"
        } else if call.name.as_str() == "notice" {
            let detail = "notice can be called in actions only";
            return Err(self.error(ErrorClass::IllegalFunctionUsage, span, detail));
        } else {
            return Ok(());
        };
        let detail = format!("{what} is for aggregates, {} is none", call.name);
        Err(self.error(ErrorClass::PlanOther, span, detail))
    }

    /// The function of this name, unless the namespace has an action of the name.
    pub(super) fn function(&self, name: &Ident) -> Analyzed<&'static Function> {
        if self.context.catalog.action(self.context.namespace, &name.name).is_some() {
            let detail = format!("\"{name}\" is an action");
            return Err(self.error(ErrorClass::ActionInSql, name.span, detail));
        }
        function(name.as_str()).ok_or_else(|| {
            self.error(ErrorClass::FunctionNotFound, name.span, format!("\"{name}\""))
        })
    }

    /// Types arguments and result of a call.
    pub(super) fn call(
        &mut self,
        function: &'static Function,
        call: &Call,
        span: Span,
    ) -> Analyzed<(TypedCall, DataType)> {
        if call.star && function.name != "count" {
            let detail = format!("{}(*) does not exist", function.name);
            return Err(self.error(ErrorClass::PlanOther, span, detail));
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.expr(arg)?);
        }
        let types: Vec<DataType> = args.iter().map(|arg| arg.data_type).collect();
        let data_type = (function.result)(&types).map_err(|mismatch| {
            let (class, detail) = match mismatch {
                Mismatch::Count(detail) => (ErrorClass::PlanOther, detail),
                Mismatch::Type(detail) => (ErrorClass::Type, detail),
            };
            self.error(class, span, format!("{}: {detail}", function.name))
        })?;
        type_nulls(function.name, &mut args, data_type);
        for position in function.int4 {
            if let Some(arg) = args.get_mut(*position) {
                let whole = std::mem::replace(arg, literal(&Literal::Null));
                *arg = Typed { kind: TypedKind::Int4(Box::new(whole)), data_type: INT8 };
            }
        }
        let mut order_by = self.inner_order(&call.order_by)?;
        if function.collects() {
            // Rows that are equal in all of these are the same row to the aggregate.
            for arg in &args {
                let is_fixed = matches!(arg.kind, TypedKind::Literal(_) | TypedKind::Parameter(_));
                let key = OrderKey::Expr(arg.clone());
                if !is_fixed && order_by.iter().all(|term| term.key != key) {
                    order_by.push(PlannedOrder::ascending(key));
                }
            }
        }
        let star = call.star || (function.name == "count" && args.is_empty());
        Ok((TypedCall { function, distinct: call.distinct, star, args, order_by }, data_type))
    }

    /// Terms of an order inside an aggregate or a window: expressions only.
    pub(super) fn inner_order(&mut self, terms: &[OrderTerm]) -> Analyzed<Vec<PlannedOrder>> {
        let mut order = Vec::with_capacity(terms.len());
        for term in terms {
            let key = OrderKey::Expr(self.expr(&term.expr)?);
            let (descending, nulls_first) = (term.descending, term.nulls_first);
            order.push(PlannedOrder { key, descending, nulls_first });
        }
        Ok(order)
    }
}

/// PostgreSQL would take such an aggregate for one of the outer query.
fn is_about_outer_rows(call: &TypedCall) -> bool {
    let (mut own, mut outer) = (false, false);
    let mut visit = |level| {
        own |= level == 0;
        outer |= level > 0;
    };
    call.args.iter().for_each(|arg| each_level(arg, &mut visit));
    for term in &call.order_by {
        if let OrderKey::Expr(expr) = &term.key {
            each_level(expr, &mut visit);
        }
    }
    outer && !own
}

/// Anything but a bare NULL takes the type.
fn retype_query(arg: &mut Typed, wanted: DataType) {
    if !matches!(arg.kind, TypedKind::Literal(_)) {
        retype(arg, wanted);
    }
}

/// Arrays and elements without a type take that of the other argument.
fn type_nulls(function: &str, args: &mut [Typed], result: DataType) {
    let element = DataType::scalar(result.kind());
    match (function, args) {
        ("array_append" | "array_remove", [array, value]) | ("array_prepend", [value, array]) => {
            retype(array, result);
            retype(value, element);
        }
        ("array_cat", [left, right]) => {
            retype(left, result);
            retype(right, result);
        }
        ("coalesce" | "greatest" | "least" | "nullif", args) => {
            args.iter_mut().for_each(|arg| retype_query(arg, result));
        }
        ("array_length", [array, ..]) => retype(array, DataType::array(TypeKind::Text)),
        _ => {}
    }
}

#[inline(never)]
fn literal(value: &Literal) -> Typed {
    let data_type = match value {
        Literal::Null => NULL,
        Literal::Bool(_) => BOOL,
        Literal::Int(_) => INT8,
        Literal::Text(_) => TEXT,
        Literal::Bytes(_) => scalar(TypeKind::Bytea),
        Literal::Decimal(number) => {
            scalar(TypeKind::Numeric { precision: number.precision(), scale: number.scale() })
        }
    };
    Typed { kind: TypedKind::Literal(value.clone()), data_type }
}

/// The type of a contextual variable.
#[must_use]
pub(super) fn contextual(name: &str) -> Option<DataType> {
    match name {
        "@caller" | "@txid" | "@authenticator" | "@leader" | "@foreign_caller" => Some(TEXT),
        "@signer" | "@leader_sender" => Some(scalar(TypeKind::Bytea)),
        "@height" | "@block_timestamp" => Some(INT8),
        _ => None,
    }
}
