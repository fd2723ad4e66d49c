//! Statements on rows: analysed, written as SQL, and remembered.
//!
//! A plan depends on the namespaces it reads, on the types of the variables it uses and on whether order must be the
//! same everywhere. A remembered plan is used again only when all three are what they were: namespaces are compared by
//! the identity of their immutable `Arc`, so a plan made inside a transaction that was undone is never met again, and
//! becomes useless with the catalog it was made for.

mod cache;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kwil_lang::analyze::{
    Body, Catalog as Names, Context, ParameterSource, Plan, VariableType, analyze_query,
};
use kwil_lang::ast::{Privilege, Query, StatementKind};
use kwil_lang::{ErrorClass, INTERNAL_SCHEMA, parse_script, write_insert_of_rows, write_sql};
use kwil_types::{DataType, Value};

use crate::catalog::Catalog;
use crate::error::Failure;
use crate::session::{Access, Prepared};
use cache::{Cache, Entry, Key};

/// A statement on rows, planned for a catalog and for the types of its variables.
#[derive(Debug)]
pub(crate) struct Planned {
    /// What the database is asked to do.
    pub(crate) prepared: Arc<Prepared>,
    /// Where the value of each parameter comes from, in the order of the parameters.
    pub(crate) parameters: Vec<ParameterSource>,
    /// What an ad-hoc caller must be allowed to do, each on a namespace. Actions are not asked.
    pub(crate) privileges: Vec<(Privilege, Box<str>)>,
    /// True when rows may change.
    pub(crate) writes: bool,
}

/// Which statement it is: what makes it worth remembering, and how it is found again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StatementId<'s> {
    /// A statement of an action: the compiled action, unique in this process, and the number of the statement in it.
    Site {
        /// The compiled action.
        program: u64,
        /// The statement in it, from 0.
        index: u32,
    },
    /// The text of an ad-hoc statement; remembered from its second use on.
    Text(&'s str),
}

/// What to prepare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'q> {
    /// What exists.
    pub(crate) catalog: &'q Catalog,
    /// Whether the statement runs in a block: order is then the same everywhere.
    pub(crate) access: Access,
    /// The current namespace.
    pub(crate) namespace: &'q str,
    /// The statement.
    pub(crate) query: &'q Query,
    /// Which one it is.
    pub(crate) id: StatementId<'q>,
}

/// The variables a statement can use.
pub(crate) trait Variables {
    /// The type of one variable or field with a `$`; `None` when there is no such variable.
    fn type_of(&self, source: &ParameterSource) -> Option<DataType>;

    /// All of them, by name with `$`. Asked only when a statement has to be analysed.
    fn all(&self) -> BTreeMap<Box<str>, VariableType>;
}

impl Variables for BTreeMap<Box<str>, VariableType> {
    fn type_of(&self, source: &ParameterSource) -> Option<DataType> {
        match source {
            ParameterSource::Variable(name) => match self.get(name)? {
                VariableType::Value(data_type) => Some(*data_type),
                VariableType::Record(_) => None,
            },
            ParameterSource::Field { variable, field } => match self.get(variable)? {
                VariableType::Value(_) => None,
                VariableType::Record(fields) => fields.get(field).copied(),
            },
        }
    }

    fn all(&self) -> Self {
        self.clone()
    }
}

/// Prepares statements for all calls of one engine, and remembers them in at most 32 MiB.
#[derive(Debug)]
pub(crate) struct Preparer {
    cache: Mutex<Cache>,
    next_id: AtomicU64,
}

impl Default for Preparer {
    fn default() -> Self {
        Self::with_capacity(32 << 20)
    }
}

impl Preparer {
    /// Remembers plans of about this many bytes.
    #[must_use]
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { cache: Mutex::new(Cache::new(bytes)), next_id: AtomicU64::new(1) }
    }

    /// The plan of a statement on rows.
    ///
    /// # Errors
    /// The statement makes no sense on this catalog with these variables: the fault that analysis found.
    pub(crate) fn prepare(
        &self,
        request: Request<'_>,
        variables: &dyn Variables,
    ) -> Result<Arc<Planned>, Failure> {
        let key = Key::of(&request);
        let found =
            self.with_cache(|cache| cache.find(&key, |entry| entry.fits(&request, variables)));
        if let Some(planned) = found {
            return Ok(planned);
        }
        let types = variables.all();
        let context = Context {
            catalog: request.catalog,
            namespace: request.namespace,
            variables: &types,
            deterministic: request.access == Access::Write,
        };
        let plan = analyze_query(request.query, context)?;
        let is_worth_it = match request.id {
            StatementId::Site { .. } => true,
            StatementId::Text(_) => self.with_cache(|cache| cache.was_seen(&key)),
        };
        let of_rows = if is_worth_it { insert_of_rows(&plan, request.catalog) } else { None };
        let planned = self.planned(plan, of_rows, is_worth_it);
        if !is_worth_it {
            return Ok(planned);
        }
        let entry = Entry::new(&request, &types, &planned);
        Ok(self
            .with_cache(|cache| cache.insert(key, entry, |other| other.fits(&request, variables))))
    }

    /// The plan that asks the database for the value of one scalar function, and what is sent with it.
    ///
    /// # Errors
    /// The function takes other arguments.
    pub(crate) fn prepare_function(
        &self,
        name: &'static str,
        arguments: &[Value],
        access: Access,
    ) -> Result<(Arc<Planned>, Vec<Value>), Failure> {
        let types: Vec<DataType> = arguments.iter().map(Value::data_type).collect();
        // What it is asked with is a text of ours.
        let planned = self.plan_function(name, &types, access).map_err(Failure::without_origin)?;
        // Each argument stands once, in order; NULL without a type is no parameter.
        let untyped = Value::NULL.data_type();
        let sent = arguments.iter().filter(|argument| argument.data_type() != untyped);
        Ok((planned, sent.cloned().collect()))
    }

    fn plan_function(
        &self,
        name: &'static str,
        arguments: &[DataType],
        access: Access,
    ) -> Result<Arc<Planned>, Failure> {
        let key = Key::function(name, arguments.len(), access);
        let fits = |entry: &Entry| entry.takes(arguments);
        if let Some(found) = self.with_cache(|cache| cache.find(&key, fits)) {
            return Ok(found);
        }
        let (query, types) = function_query(name, arguments)?;
        // The functions of the language are the same everywhere: no catalog can hide one of them here.
        let nothing = Names::default();
        let context =
            Context { catalog: &nothing, namespace: "", variables: &types, deterministic: false };
        let plan = analyze_query(&query, context)?;
        let planned = self.planned(plan, None, true);
        let entry = Entry::of_function(&planned, arguments);
        Ok(self.with_cache(|cache| cache.insert(key, entry, fits)))
    }

    fn planned(&self, plan: Plan, of_rows: Option<Box<str>>, is_reused: bool) -> Arc<Planned> {
        let writes = plan.is_write();
        let sql = write_sql(&plan, INTERNAL_SCHEMA).into_boxed_str();
        let (sources, types) = plan
            .parameters
            .into_iter()
            .map(|parameter| (parameter.source, parameter.data_type))
            .unzip();
        let prepared = Prepared {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            sql,
            of_rows,
            parameters: types,
            columns: plan.columns,
            is_reused,
        };
        Arc::new(Planned {
            prepared: Arc::new(prepared),
            parameters: sources,
            privileges: plan.privileges,
            writes,
        })
    }

    fn with_cache<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        // A cache in the middle of a change is still a cache: entries are checked when they are used.
        work(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The plan as an insert of many rows; `None` when that may differ from inserting them one by one.
fn insert_of_rows(plan: &Plan, catalog: &Catalog) -> Option<Box<str>> {
    let Body::Insert(insert) = &plan.body else { return None };
    let table = catalog.table_of(&insert.namespace, &insert.table)?;
    // Keys are checked when a statement ends: a row could refer to one that comes after it.
    let refers_to_itself = table
        .foreign_keys
        .iter()
        .any(|key| key.namespace == insert.namespace && key.table == insert.table);
    let sql = if refers_to_itself { None } else { write_insert_of_rows(plan, INTERNAL_SCHEMA) };
    sql.map(String::into_boxed_str)
}

/// Types of variables by name with `$`.
type Types = BTreeMap<Box<str>, VariableType>;

/// `SELECT name($arg_1, …)` and the types of its variables.
fn function_query(
    name: &'static str,
    arguments: &[DataType],
) -> Result<(Box<Query>, Types), Failure> {
    let names: Vec<String> = (1..=arguments.len()).map(|number| format!("$arg_{number}")).collect();
    let text = format!("SELECT {name}({})", names.join(", "));
    let query = parse_script(&text)?.into_iter().find_map(|statement| match statement.kind {
        StatementKind::Query(query) => Some(query),
        _ => None,
    });
    let Some(query) = query else {
        return Err(Failure::new(ErrorClass::Other, format_args!("{text} is no query")));
    };
    let types = names.into_iter().map(String::into_boxed_str);
    let types = types.zip(arguments.iter().map(|of| VariableType::Value(*of)));
    Ok((query, types.collect()))
}
