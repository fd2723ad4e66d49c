//! Roles, their privileges, and who has them.

use std::collections::{BTreeMap, BTreeSet};

use kwil_lang::ast::Privilege;

/// All roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    /// The one user of the role `owner`.
    pub owner: Option<Box<str>>,
    /// Roles by name; `owner` and `default` are always there.
    pub roles: BTreeMap<Box<str>, Role>,
    /// Roles of each user; `owner` and `default` are not listed.
    pub users: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Privileges on every namespace.
    pub global: BTreeSet<Privilege>,
    /// Privileges granted (true) or denied (false) on single namespaces.
    pub on_namespace: BTreeMap<(Box<str>, Privilege), bool>,
}

impl Default for Roles {
    /// The built-in roles, and no owner.
    fn default() -> Self {
        let default = Role { global: [Privilege::Select, Privilege::Call].into(), ..Role::default() };
        Self {
            owner: None,
            roles: [("default".into(), default), ("owner".into(), Role::default())].into(),
            users: BTreeMap::new(),
        }
    }
}
