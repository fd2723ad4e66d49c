//! `CREATE ACTION` and `DROP ACTION`.

use kwil_lang::analyze::{ActionKind, FunctionKind, Schema, check_action, function};
use kwil_lang::ast::{CreateAction, Ident};
use kwil_lang::{ErrorClass, Span};

use super::draft::{Checked, Draft, other};
use crate::Failure;
use crate::catalog::{Action, Catalog};

/// What already answers to a name.
fn existing(catalog: &Catalog, namespace: &str, name: &str) -> Option<&'static str> {
    match catalog.action(namespace, name) {
        Some(ActionKind::Action) => Some("action"),
        Some(ActionKind::Method) => Some("precompile"),
        None => function(name)
            .is_some_and(|function| function.kind == FunctionKind::Scalar)
            .then_some("function"),
    }
}

/// Adds an action, or replaces one. The span is that of the statement as written, prefix included, without a semicolon.
pub(super) fn create_action(
    draft: &mut Draft,
    namespace: &str,
    create: &CreateAction,
    (source, span): (&str, Span),
) -> Checked<()> {
    let name = create.name.as_str();
    if !create.or_replace && existing(&draft.catalog, namespace, name).is_some() {
        if create.if_not_exists {
            return Ok(());
        }
        return Err(other(format!("action/function \"{name}\" already exists")));
    }
    let signature = check_action(create)?;
    let text = span.text(source);
    let action = Action::new(format!("{text};").into(), create.clone(), signature).read_at(span);
    draft.catalog.put_action(namespace, name, action);
    Ok(())
}

/// Removes an action; what it hid is visible again.
pub(super) fn drop_action(
    draft: &mut Draft,
    namespace: &str,
    if_exists: bool,
    name: &Ident,
) -> Checked<()> {
    let name = name.as_str();
    match existing(&draft.catalog, namespace, name) {
        Some("action") => {
            if let Some(namespace) = draft.catalog.namespace_mut(namespace) {
                namespace.actions.remove(name);
            }
            Ok(())
        }
        Some(kind) => Err(other(format!("cannot drop executable \"{name}\" of type {kind}"))),
        None if if_exists => Ok(()),
        None => {
            let detail = format!("action \"{name}\" does not exist");
            Err(Failure::new(ErrorClass::UnknownAction, detail))
        }
    }
}
