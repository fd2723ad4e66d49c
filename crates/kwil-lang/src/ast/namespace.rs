//! Namespaces and extensions.

use super::{Expr, Ident};

/// `CREATE NAMESPACE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateNamespace {
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Ident,
}

/// `DROP NAMESPACE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropNamespace {
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Its name.
    pub name: Ident,
}

/// `USE extension {…} AS namespace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseExtension {
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The extension.
    pub extension: Ident,
    /// Options: action expressions.
    pub options: Vec<(Ident, Expr)>,
    /// The namespace it becomes.
    pub namespace: Ident,
}

/// `UNUSE namespace [IF EXISTS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnuseExtension {
    /// The namespace of the extension.
    pub namespace: Ident,
    /// `IF EXISTS`.
    pub if_exists: bool,
}
