//! Semantic analysis: names, types and rules of SQL statements, checked before PostgreSQL sees them.
//!
//! ```text
//! tree + catalog + types of variables ──analyze_query──▶ plan: resolved names, types, order, parameters, privileges
//! ```
//!
//! Pure: a plan depends on its inputs only, so it may be kept for as long as the catalog does not change.

mod action;
mod catalog;
mod change;
mod cover;
mod error;
mod expr;
mod function;
mod group;
mod info;
mod namespace;
mod operator;
mod order;
mod plan;
mod relation;
mod scope;
mod select;
mod walk;
mod window;

pub use action::{Access, ActionParameter, ActionSignature, check_action};
pub use catalog::{
    ActionKind, Catalog, Column, Namespace, NamespaceKind, Schema, Table, VariableType,
};
pub use error::{AnalysisError, Section};
pub use function::{Function, FunctionKind, Mismatch, function};
pub use info::info_namespace;
pub use namespace::{check_mutable, check_namespace_name, required_privilege};
pub use plan::{
    Body, OrderKey, OutputColumn, Parameter, ParameterSource, Plan, PlannedCore, PlannedCte,
    PlannedDelete, PlannedFrom, PlannedInsert, PlannedJoin, PlannedOrder, PlannedRelation,
    PlannedSelect, PlannedSource, PlannedUpdate, PlannedUpsert, RelationSource, Typed, TypedCall,
    TypedCase, TypedIn, TypedInSource, TypedIs, TypedKind, TypedWindow,
};

use std::collections::BTreeMap;

use kwil_types::{DataType, TypeKind};

use crate::ast::{Privilege, Query, QueryBody};
use crate::{ErrorClass, Span};
use scope::{Scope, WithEntry};

/// Branches of one compound. PostgreSQL nests them, so that more would exhaust its stack.
pub const MAX_BRANCHES: usize = 1_024;

/// Relations of one `FROM`. Planning time grows with a high power of their number: 64 left joins take PostgreSQL a quarter
/// of a second, 200 a quarter of a minute.
pub const MAX_RELATIONS: usize = 64;

/// What a statement is analysed against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// Namespaces, tables and actions that exist.
    pub catalog: &'c dyn Schema,
    /// The current namespace.
    pub namespace: &'c str,
    /// Types of the variables in reach, by name with `$`.
    pub variables: &'c BTreeMap<Box<str>, VariableType>,
    /// True in blocks: whatever order can be observed is made the same on every node.
    pub deterministic: bool,
}

/// Resolves, types and checks a statement on rows.
///
/// # Errors
/// The first fault, with its class and place.
pub fn analyze_query(query: &Query, context: Context<'_>) -> Result<Plan, AnalysisError> {
    let mut analyzer = Analyzer::new(context);
    let with = match &query.with {
        Some(with) => analyzer.with(with)?,
        None => Vec::new(),
    };
    let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
    let (body, columns, privilege) = match &query.body {
        QueryBody::Select(select) => {
            let select = analyzer.select(select, context.deterministic)?;
            let columns = select.columns.clone();
            (Body::Select(select), columns, Privilege::Select)
        }
        QueryBody::Insert(insert) => {
            (Body::Insert(Box::new(analyzer.insert(insert)?)), Vec::new(), Privilege::Insert)
        }
        QueryBody::Update(update) => {
            (Body::Update(Box::new(analyzer.update(update)?)), Vec::new(), Privilege::Update)
        }
        QueryBody::Delete(delete) => {
            (Body::Delete(Box::new(analyzer.delete(delete)?)), Vec::new(), Privilege::Delete)
        }
    };
    let mut privileges = vec![(privilege, Box::from(context.namespace))];
    let mut tables = analyzer.tables;
    tables.sort_unstable();
    for (namespace, _) in &tables {
        let is_asked = privileges.iter().any(|(_, asked)| asked == namespace);
        if !is_asked {
            privileges.push((Privilege::Select, namespace.clone()));
        }
    }
    let parameters = analyzer.parameters;
    let deterministic = context.deterministic;
    Ok(Plan { recursive, with, body, columns, parameters, privileges, tables, deterministic })
}

/// Types a condition on the rows of one table: a `CHECK`. It has no variables, no subqueries and no aggregates.
///
/// # Errors
/// The first fault, with its class and place.
pub fn analyze_check<'c>(
    condition: &crate::ast::Expr,
    table_name: &str,
    table: &'c Table,
    context: Context<'c>,
) -> Result<Typed, AnalysisError> {
    let mut analyzer = Analyzer::new(context);
    let mut scope = Scope::default();
    scope.add_table(table_name, table);
    analyzer.scopes.push(scope);
    let typed = analyzer.condition(condition, Section::Where)?;
    if let Some(parameter) = analyzer.parameters.first() {
        let name = match &parameter.source {
            ParameterSource::Variable(name) => name,
            ParameterSource::Field { variable, .. } => variable,
        };
        let detail = format!("{name} cannot stand in a CHECK");
        return Err(analyzer.error(ErrorClass::InvalidVariable, condition.span, detail));
    }
    let is_query = |typed: &Typed| match &typed.kind {
        TypedKind::Subquery(_) | TypedKind::Exists { .. } => true,
        TypedKind::In(list) => matches!(list.source, TypedInSource::Select(_)),
        _ => false,
    };
    if typed.any(&is_query) {
        let detail = "a CHECK cannot have a subquery";
        return Err(analyzer.error(ErrorClass::PlanOther, condition.span, detail));
    }
    Ok(typed)
}

type Analyzed<T> = Result<T, AnalysisError>;

/// The state of one analysis.
struct Analyzer<'c> {
    context: Context<'c>,
    /// FROM scopes, the innermost last.
    scopes: Vec<Scope<'c>>,
    /// Queries of the `WITH` list that are in reach.
    ctes: Vec<WithEntry>,
    parameters: Vec<Parameter>,
    /// Tables met, each once.
    tables: Vec<(Box<str>, Box<str>)>,
    section: Section,
    /// Aggregates met in the core being read.
    aggregates: u32,
    /// Window functions met there whose results depend on the order of equal rows.
    pure_windows: u32,
    may_aggregate: bool,
    may_window: bool,
}

impl<'c> Analyzer<'c> {
    fn new(context: Context<'c>) -> Self {
        Self {
            context,
            scopes: Vec::new(),
            ctes: Vec::new(),
            parameters: Vec::new(),
            tables: Vec::new(),
            section: Section::Unknown,
            aggregates: 0,
            pure_windows: 0,
            may_aggregate: false,
            may_window: false,
        }
    }

    fn error(&self, class: ErrorClass, span: Span, detail: impl Into<String>) -> AnalysisError {
        AnalysisError { class, detail: detail.into(), span, section: Some(self.section) }
    }

    /// Fails unless the types are equal or one of them is open.
    fn expect_fit(&self, left: DataType, right: DataType, span: Span, what: &str) -> Analyzed<()> {
        if fits(left, right) {
            return Ok(());
        }
        let detail = format!("{what}: {left} and {right} do not fit");
        Err(self.error(ErrorClass::PlanType, span, detail))
    }
}

pub(crate) const fn scalar(kind: TypeKind) -> DataType {
    DataType::scalar(kind)
}

pub(crate) const INT8: DataType = scalar(TypeKind::Int8);
pub(crate) const TEXT: DataType = scalar(TypeKind::Text);
pub(crate) const BOOL: DataType = scalar(TypeKind::Bool);
pub(crate) const NULL: DataType = scalar(TypeKind::Null);

/// True when values of the types may meet: equal, or one is the type of an untyped NULL, or one is an array of such and
/// the other any array.
pub(crate) fn fits(left: DataType, right: DataType) -> bool {
    let null_array = DataType::array(TypeKind::Null);
    left == right
        || left == NULL
        || right == NULL
        || (left == null_array && right.is_array())
        || (right == null_array && left.is_array())
}
