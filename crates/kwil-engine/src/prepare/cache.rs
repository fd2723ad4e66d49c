//! Remembered plans, bounded by bytes; those that nobody used for a while go first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use kwil_lang::analyze::{ParameterSource, VariableType};
use kwil_types::{DataType, TypeKind};

use super::{Planned, Request, StatementId, Variables};
use crate::catalog::{Catalog, Namespace};
use crate::session::Access;

const NULL: DataType = DataType::scalar(TypeKind::Null);

/// Plans of one statement for different types and catalogs.
const MAX_VARIANTS: usize = 8;

/// Ad-hoc texts of which it is known that they were met once.
const MAX_SEEN: usize = 4096;

/// What an entry costs beside its texts.
const OVERHEAD: usize = 512;

/// Which statement; plans of one key differ in types and catalogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    origin: Origin,
    in_block: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Site(u64, u32),
    /// Hash of namespace and text; the entry has both.
    Text(u64),
    Function(&'static str, usize),
}

impl Key {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let origin = match request.id {
            StatementId::Site { program, index } => Origin::Site(program, index),
            StatementId::Text(text) => {
                let mut hasher = DefaultHasher::new();
                (request.namespace, text).hash(&mut hasher);
                Origin::Text(hasher.finish())
            }
        };
        Self { origin, in_block: request.access == Access::Write }
    }

    pub(super) fn function(name: &'static str, arguments: usize, access: Access) -> Self {
        let in_block = access == Access::Write;
        Self { origin: Origin::Function(name, arguments), in_block }
    }
}

/// A plan and what it holds for.
#[derive(Debug)]
pub(super) struct Entry {
    planned: Arc<Planned>,
    /// The namespaces it was made from. Only their identity counts: a weak reference keeps the address from being given
    /// to another one, and nothing else alive.
    reads: Vec<(Box<str>, Weak<Namespace>)>,
    /// Variables and fields that were NULL without a type: they are no parameters but part of the SQL.
    untyped: Vec<ParameterSource>,
    /// Types of the arguments, for functions.
    arguments: Vec<DataType>,
    /// Namespace and text of an ad-hoc statement.
    text: Option<(Box<str>, Box<str>)>,
    /// Used since it was last looked at for eviction.
    is_recent: bool,
    size: usize,
}

impl Entry {
    pub(super) fn new(
        request: &Request<'_>,
        variables: &BTreeMap<Box<str>, VariableType>,
        planned: &Arc<Planned>,
    ) -> Self {
        let reads = planned.privileges.iter().filter_map(|(_, name)| {
            let found = request.catalog.namespaces.get(name)?;
            Some((name.clone(), Arc::downgrade(found)))
        });
        let text = match request.id {
            StatementId::Site { .. } => None,
            StatementId::Text(text) => Some((request.namespace.into(), text.into())),
        };
        let untyped = untyped(&request.query.to_string(), variables);
        Self { reads: reads.collect(), untyped, text, ..Self::of_function(planned, &[]) }.sized()
    }

    pub(super) fn of_function(planned: &Arc<Planned>, arguments: &[DataType]) -> Self {
        let planned = Arc::clone(planned);
        let entry = Self {
            planned,
            reads: Vec::new(),
            untyped: Vec::new(),
            arguments: arguments.to_vec(),
            text: None,
            is_recent: false,
            size: 0,
        };
        entry.sized()
    }

    fn sized(mut self) -> Self {
        let prepared = &self.planned.prepared;
        let texts = self.text.iter().map(|(at, text)| at.len().saturating_add(text.len()));
        let columns = prepared.columns.iter().map(|column| column.name.len().saturating_add(32));
        let parameters = prepared.parameters.iter().map(|_| 64);
        let of_rows = prepared.of_rows.as_ref().map_or(0, |sql| sql.len());
        let fixed = [prepared.sql.len(), of_rows, OVERHEAD];
        let parts = texts.chain(columns).chain(parameters).chain(fixed);
        self.size = parts.fold(0, usize::saturating_add);
        self
    }

    /// Whether analysis would give this plan again.
    pub(super) fn fits(&self, request: &Request<'_>, variables: &dyn Variables) -> bool {
        let is_text = match (&self.text, request.id) {
            (Some((namespace, text)), StatementId::Text(wanted)) => {
                **namespace == *request.namespace && **text == *wanted
            }
            (None, StatementId::Site { .. }) => true,
            (Some(_), StatementId::Site { .. }) | (None, StatementId::Text(_)) => false,
        };
        let sources = self.planned.parameters.iter().zip(&self.planned.prepared.parameters);
        let mut sources = sources.filter(|(source, _)| !is_contextual(source));
        is_text
            && self.is_of(request.catalog)
            && sources.all(|(source, of)| variables.type_of(source) == Some(*of))
            && self.untyped.iter().all(|source| variables.type_of(source) == Some(NULL))
    }

    pub(super) fn takes(&self, arguments: &[DataType]) -> bool {
        self.arguments == arguments
    }

    fn is_of(&self, catalog: &Catalog) -> bool {
        self.reads.iter().all(|(name, made_from)| {
            let now = catalog.namespaces.get(name);
            now.is_some_and(|now| std::ptr::eq(Arc::as_ptr(now), made_from.as_ptr()))
        })
    }
}

/// The variables and fields without a type that a statement may use.
fn untyped(text: &str, variables: &BTreeMap<Box<str>, VariableType>) -> Vec<ParameterSource> {
    let mut found = Vec::new();
    for (name, of) in variables.iter().filter(|(name, _)| text.contains(&***name)) {
        match of {
            VariableType::Value(of) if *of == NULL => {
                found.push(ParameterSource::Variable(name.clone()));
            }
            VariableType::Value(_) => {}
            VariableType::Record(fields) => {
                let open = fields.iter().filter(|(_, of)| **of == NULL);
                found.extend(open.map(|(field, _)| ParameterSource::Field {
                    variable: name.clone(),
                    field: field.clone(),
                }));
            }
        }
    }
    found
}

/// Contextual variables have the same type everywhere.
fn is_contextual(source: &ParameterSource) -> bool {
    match source {
        ParameterSource::Variable(name) => name.starts_with('@'),
        ParameterSource::Field { .. } => false,
    }
}

#[derive(Debug)]
pub(super) struct Cache {
    capacity: usize,
    used: usize,
    entries: BTreeMap<Key, Vec<Entry>>,
    /// One item for each entry; the first is the next to be looked at for eviction.
    order: VecDeque<(Key, u64)>,
    seen: BTreeSet<Key>,
    seen_order: VecDeque<Key>,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            used: 0,
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            seen: BTreeSet::new(),
            seen_order: VecDeque::new(),
        }
    }

    pub(super) fn find(
        &mut self,
        key: &Key,
        fits: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<Planned>> {
        let entry = self.entries.get_mut(key)?.iter_mut().find(|entry| fits(entry))?;
        entry.is_recent = true;
        Some(Arc::clone(&entry.planned))
    }

    /// Whether an ad-hoc statement was met before; from now on it was.
    pub(super) fn was_seen(&mut self, key: &Key) -> bool {
        if !self.seen.insert(*key) {
            return true;
        }
        self.seen_order.push_back(*key);
        if self.seen_order.len() > MAX_SEEN {
            let oldest = self.seen_order.pop_front();
            oldest.map(|oldest| self.seen.remove(&oldest));
        }
        false
    }

    /// Remembers a plan, unless someone else was faster: then that one is the answer.
    pub(super) fn insert(
        &mut self,
        key: Key,
        entry: Entry,
        fits: impl Fn(&Entry) -> bool,
    ) -> Arc<Planned> {
        if let Some(found) = self.find(&key, fits) {
            return found;
        }
        let planned = Arc::clone(&entry.planned);
        self.order.push_back((key, planned.prepared.id));
        self.used = self.used.saturating_add(entry.size);
        let variants = self.entries.entry(key).or_default();
        variants.push(entry);
        if variants.len() > MAX_VARIANTS {
            let oldest = variants.remove(0);
            self.used = self.used.saturating_sub(oldest.size);
            let id = oldest.planned.prepared.id;
            self.order.retain(|(_, other)| *other != id);
        }
        self.evict();
        planned
    }

    /// Bytes of all that is remembered.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used
    }

    fn evict(&mut self) {
        while self.used > self.capacity {
            let Some((key, id)) = self.order.pop_front() else { return };
            let Some(variants) = self.entries.get_mut(&key) else { continue };
            let place = variants.iter().position(|entry| entry.planned.prepared.id == id);
            let Some(entry) = place.and_then(|place| variants.get_mut(place)) else { continue };
            if entry.is_recent {
                entry.is_recent = false;
                self.order.push_back((key, id));
                continue;
            }
            self.used = self.used.saturating_sub(entry.size);
            variants.retain(|entry| entry.planned.prepared.id != id);
            if variants.is_empty() {
                self.entries.remove(&key);
            }
        }
    }
}
