//! Which namespaces may be changed, which names they may have, and what a statement asks of its caller.

use super::{NamespaceKind, Schema};
use crate::ErrorClass;
use crate::ast::{Privilege, QueryBody, StatementKind};

/// Beginnings of names that no statement may give to a namespace.
const RESERVED_PREFIXES: &[&str] = &["pg_", "kwil_", "kwild_"];

/// Names that no statement may give to a namespace.
const RESERVED_NAMES: &[&str] = &["information_schema", "public"];

/// Checks the name of a new namespace, in lower case.
///
/// # Errors
/// `ReservedNamespacePrefix` for names of the system and of PostgreSQL.
pub fn check_namespace_name(name: &str) -> Result<(), ErrorClass> {
    let is_reserved = RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || RESERVED_NAMES.contains(&name);
    if is_reserved { Err(ErrorClass::ReservedNamespacePrefix) } else { Ok(()) }
}

/// Checks that a user may change tables, data and actions of a namespace. System code, and actions inside the namespace
/// of an extension, are not asked.
///
/// # Errors
/// `NamespaceNotFound`, `CannotMutateInfo` or `CannotMutateExtension`.
pub fn check_mutable(schema: &dyn Schema, namespace: &str) -> Result<(), ErrorClass> {
    match schema.namespace_kind(namespace) {
        None => Err(ErrorClass::NamespaceNotFound),
        Some(_) if namespace == "info" => Err(ErrorClass::CannotMutateInfo),
        Some(NamespaceKind::Extension) => Err(ErrorClass::CannotMutateExtension),
        Some(NamespaceKind::User | NamespaceKind::System) => Ok(()),
    }
}

/// The privilege a caller needs on the current namespace for a top-level statement. Statements on rows may need `SELECT`
/// on further ones, see [`super::Plan::privileges`].
#[must_use]
pub fn required_privilege(statement: &StatementKind) -> Privilege {
    match statement {
        StatementKind::Query(query) => match query.body {
            QueryBody::Select(_) => Privilege::Select,
            QueryBody::Insert(_) => Privilege::Insert,
            QueryBody::Update(_) => Privilege::Update,
            QueryBody::Delete(_) => Privilege::Delete,
        },
        StatementKind::CreateTable(_)
        | StatementKind::CreateIndex(_)
        | StatementKind::CreateAction(_)
        | StatementKind::CreateNamespace(_) => Privilege::Create,
        StatementKind::DropTable(_)
        | StatementKind::DropIndex(_)
        | StatementKind::DropAction { .. }
        | StatementKind::DropNamespace(_) => Privilege::Drop,
        StatementKind::AlterTable(_) => Privilege::Alter,
        StatementKind::CreateRole(_)
        | StatementKind::DropRole(_)
        | StatementKind::Grant(_)
        | StatementKind::Revoke(_)
        | StatementKind::TransferOwnership(_) => Privilege::Roles,
        StatementKind::Use(_) | StatementKind::Unuse(_) | StatementKind::SetNamespace(_) => {
            Privilege::Use
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::analyze::{Catalog, Namespace, info_namespace};

    #[test]
    fn names_of_the_system_are_reserved() {
        for name in ["pg_x", "kwil_x", "kwild_internal", "public", "information_schema"] {
            assert_eq!(check_namespace_name(name), Err(ErrorClass::ReservedNamespacePrefix));
        }
        for name in ["shop", "kwil", "publicity", "pg"] {
            assert_eq!(check_namespace_name(name), Ok(()));
        }
    }

    #[test]
    fn info_and_extensions_are_not_changed_by_users() {
        let empty = |kind| Namespace { kind, tables: BTreeMap::new(), actions: BTreeMap::new() };
        let namespaces = [
            ("info".into(), info_namespace()),
            ("main".into(), empty(NamespaceKind::System)),
            ("bridge".into(), empty(NamespaceKind::Extension)),
        ];
        let catalog = Catalog { namespaces: namespaces.into() };
        assert_eq!(check_mutable(&catalog, "main"), Ok(()));
        assert_eq!(check_mutable(&catalog, "info"), Err(ErrorClass::CannotMutateInfo));
        assert_eq!(check_mutable(&catalog, "bridge"), Err(ErrorClass::CannotMutateExtension));
        assert_eq!(check_mutable(&catalog, "nope"), Err(ErrorClass::NamespaceNotFound));
    }

    #[test]
    fn statements_ask_for_their_privilege() {
        for (source, privilege) in [
            ("INSERT INTO t VALUES (1)", Privilege::Insert),
            ("CREATE NAMESPACE n", Privilege::Create),
            ("ALTER TABLE t DROP COLUMN a", Privilege::Alter),
            ("GRANT r TO 'u'", Privilege::Roles),
            ("SET CURRENT NAMESPACE TO n", Privilege::Use),
        ] {
            let statements = crate::parse_script(source).unwrap();
            assert_eq!(required_privilege(&statements[0].kind), privilege, "{source}");
        }
    }
}
