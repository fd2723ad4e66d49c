//! `CREATE NAMESPACE` and `DROP NAMESPACE`.

use std::sync::Arc;

use kwil_lang::ErrorClass;
use kwil_lang::analyze::{NamespaceKind, check_namespace_name};
use kwil_lang::ast::{CreateNamespace, DropNamespace};

use super::draft::{Checked, Draft, no_namespace};
use crate::catalog::{INFO, MAIN, Namespace};
use crate::{Ddl, Failure};

/// Prefix of the namespaces that system code makes.
const SYSTEM_PREFIX: &str = "kwil_";

/// Fails for a name that a new namespace may not have.
pub(super) fn check_name(name: &str, is_system: bool) -> Checked<()> {
    if is_system && name.starts_with(SYSTEM_PREFIX) {
        return Ok(());
    }
    check_namespace_name(name).map_err(|class| Failure::new(class, format!("\"{name}\"")))
}

/// Adds a namespace.
pub(super) fn create_namespace(
    draft: &mut Draft,
    create: &CreateNamespace,
    is_system: bool,
) -> Checked<()> {
    let name = create.name.as_str();
    check_name(name, is_system)?;
    if draft.catalog.namespace(name).is_some() {
        if create.if_not_exists {
            return Ok(());
        }
        let detail = format!("namespace \"{name}\" already exists");
        return Err(Failure::new(ErrorClass::NamespaceExists, detail));
    }
    let kind = if is_system { NamespaceKind::System } else { NamespaceKind::User };
    add(draft, name, Namespace::new(kind));
    Ok(())
}

/// Adds a namespace that is known not to exist.
pub(super) fn add(draft: &mut Draft, name: &str, namespace: Namespace) {
    draft.ddl.push(Ddl::CreateNamespace { name: name.into() });
    draft.catalog.namespaces.insert(name.into(), Arc::new(namespace));
}

/// Removes a namespace with its tables and actions.
pub(super) fn drop_namespace(draft: &mut Draft, drop: &DropNamespace) -> Checked<()> {
    let name = drop.name.as_str();
    let Some(found) = draft.catalog.namespace(name) else {
        return if drop.if_exists { Ok(()) } else { Err(no_namespace(name)) };
    };
    if name == MAIN || name == INFO {
        let detail = format!("\"{name}\"");
        return Err(Failure::new(ErrorClass::CannotDropBuiltinNamespace, detail));
    }
    if found.kind == NamespaceKind::Extension {
        let detail = format!("\"{name}\" is an extension, use UNUSE instead");
        return Err(Failure::new(ErrorClass::CannotMutateExtension, detail));
    }
    remove(draft, name);
    Ok(())
}

/// Removes a namespace that is known to exist.
pub(super) fn remove(draft: &mut Draft, name: &str) {
    draft.ddl.push(Ddl::DropNamespace { name: name.into() });
    draft.catalog.remove_namespace(name);
}
