//! Extensions: methods written in Rust that actions can call.
//!
//! An [`Extension`] is registered by name. `USE name {…} AS alias` makes an [`ExtensionInstance`] of it, with a namespace
//! of its own. What an instance does must depend on its options, its arguments and the rows it reads and on nothing
//! else: it has no clock, no files and no network, and it keeps no state in memory. State lives in tables of its namespace,
//! where it follows savepoints, restarts and snapshots like all rows.

mod check;
mod context;
mod math;
mod method;
mod run;

pub use context::{ExtensionContext, ExtensionError, Stopped};
pub use math::Math;
pub use method::{MethodParameter, MethodReturns, MethodSpec};

pub(crate) use run::{call_method, run_hook};

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kwil_types::Value;

use crate::catalog::{ExtensionMethod, ExtensionUse};
use crate::{Failure, Row};

/// What an extension is asked to do, and its answer later.
pub type ExtensionFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, ExtensionError>> + Send + 'a>>;

/// Makes instances, one per `USE`.
pub trait Extension: fmt::Debug + Send + Sync {
    /// The name that `USE` finds it by: an identifier in lower case.
    fn name(&self) -> &str;

    /// Makes an instance for a namespace. Called again and again for the same `USE`, on every node and after every
    /// restart, so equal input must give equal instances.
    ///
    /// # Errors
    /// What is wrong with the options; the statement fails with this text.
    fn instantiate(
        &self,
        namespace: &str,
        options: &BTreeMap<Box<str>, Value>,
    ) -> Result<Arc<dyn ExtensionInstance>, String>;
}

/// One use of an extension.
pub trait ExtensionInstance: fmt::Debug + Send + Sync {
    /// What can be called. Names are identifiers in lower case, each once.
    fn methods(&self) -> Vec<MethodSpec>;

    /// Runs inside `USE`: makes the tables it needs.
    fn on_use<'a>(&'a self, context: &'a mut ExtensionContext<'_>) -> ExtensionFuture<'a, ()> {
        let _ = context;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Runs inside `UNUSE`, before the namespace goes with everything in it.
    fn on_unuse<'a>(&'a self, context: &'a mut ExtensionContext<'_>) -> ExtensionFuture<'a, ()> {
        let _ = context;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Runs a method. The arguments have the declared types; NULL only where the parameter is nullable. The rows must
    /// have the declared columns.
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: Vec<Value>,
        context: &'a mut ExtensionContext<'_>,
    ) -> ExtensionFuture<'a, Vec<Row>>;
}

/// The extensions of a node, by name. There are no global ones.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    by_name: BTreeMap<Box<str>, Arc<dyn Extension>>,
}

/// Why an extension cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionsError {
    /// Another one has the name.
    #[error("two extensions have the name \"{0}\"")]
    Twice(String),
    /// No program can write the name.
    #[error("\"{0}\" is no name of an extension: it must be an identifier in lower case")]
    Name(String),
}

impl Extensions {
    /// None at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    ///
    /// # Errors
    /// Its name is taken, or is no identifier in lower case.
    pub fn register(&mut self, extension: Arc<dyn Extension>) -> Result<(), ExtensionsError> {
        let name = extension.name();
        if !is_identifier(name) {
            return Err(ExtensionsError::Name(name.to_owned()));
        }
        let name: Box<str> = name.into();
        if self.by_name.contains_key(&name) {
            return Err(ExtensionsError::Twice(name.into()));
        }
        self.by_name.insert(name, extension);
        Ok(())
    }

    /// Names of all of them, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    /// Extensions that a catalog uses and this node does not have: it cannot execute blocks of that network.
    #[must_use]
    pub fn missing(&self, catalog: &crate::catalog::Catalog) -> Vec<String> {
        let used = catalog.namespaces.values().filter_map(|found| found.extension.as_ref());
        let mut missing: Vec<String> = used
            .map(|extension| extension.extension.to_string())
            .filter(|name| !self.by_name.contains_key(&**name))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// A new instance.
    pub(crate) fn instantiate(
        &self,
        extension: &str,
        namespace: &str,
        options: &BTreeMap<Box<str>, Value>,
    ) -> Result<Arc<dyn ExtensionInstance>, Failure> {
        let Some(found) = self.by_name.get(extension) else {
            let detail = format!("extension \"{extension}\" does not exist");
            return Err(Failure::new(kwil_lang::ErrorClass::Other, detail));
        };
        found.instantiate(namespace, options).map_err(|detail| {
            let detail = format!("extension \"{extension}\" cannot be used: {detail}");
            Failure::new(kwil_lang::ErrorClass::Other, detail)
        })
    }

    /// The method of a namespace that was made by `USE`, with its instance.
    pub(crate) fn method(
        &self,
        namespace: &str,
        of: &ExtensionUse,
        method: &str,
    ) -> Result<Method, Failure> {
        let instance = self.instantiate(&of.extension, namespace, &of.options)?;
        let spec = instance.methods().into_iter().find(|spec| &*spec.name == method);
        match spec {
            Some(spec) => Ok(Method { spec, instance }),
            None => {
                let detail = format!("extension \"{}\" lost its method \"{method}\"", of.extension);
                Err(implementation(detail))
            }
        }
    }
}

/// A method that is about to be called.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) spec: MethodSpec,
    pub(crate) instance: Arc<dyn ExtensionInstance>,
}

/// What the catalog tells about the methods of an instance.
pub(crate) fn catalog_methods(
    extension: &str,
    instance: &dyn ExtensionInstance,
) -> Result<BTreeMap<Box<str>, ExtensionMethod>, Failure> {
    let mut methods = BTreeMap::new();
    for spec in instance.methods() {
        let is_new = !methods.contains_key(&spec.name);
        if !is_new || !is_identifier(&spec.name) {
            let detail = format!("extension \"{extension}\": method name \"{}\"", spec.name);
            return Err(implementation(detail));
        }
        methods.insert(spec.name.clone(), spec.for_catalog());
    }
    Ok(methods)
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= kwil_lang::MAX_IDENTIFIER
}

/// The extension, or who calls it, broke its contract.
pub(crate) fn implementation(detail: impl fmt::Display) -> Failure {
    Failure::new(kwil_lang::ErrorClass::ExtensionImplementation, detail)
}
