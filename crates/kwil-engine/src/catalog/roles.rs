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
    /// Privileges granted (true) or denied (false) on single namespaces. Only what differs from `global` is listed.
    pub on_namespace: BTreeMap<(Box<str>, Privilege), bool>,
}

/// The role that may do everything.
pub(crate) const OWNER: &str = "owner";

/// The role of everybody.
pub(crate) const DEFAULT: &str = "default";

/// Whether the role is there from the start and stays.
pub(crate) fn is_built_in(role: &str) -> bool {
    role == OWNER || role == DEFAULT
}

impl Default for Roles {
    /// The built-in roles, and no owner.
    fn default() -> Self {
        let default =
            Role { global: [Privilege::Select, Privilege::Call].into(), ..Role::default() };
        let owner = Role { global: Privilege::ALL.into(), ..Role::default() };
        Self {
            owner: None,
            roles: [(DEFAULT.into(), default), (OWNER.into(), owner)].into(),
            users: BTreeMap::new(),
        }
    }
}

impl Roles {
    /// Whether the user owns the database. Nobody with the empty name does: that is everyone who did not sign.
    #[must_use]
    pub fn is_owner(&self, user: &str) -> bool {
        !user.is_empty() && self.owner.as_deref() == Some(user)
    }

    /// Whether the user may do something on a namespace: as the owner, or by one of the user's roles.
    #[must_use]
    pub fn allows(&self, user: &str, privilege: Privilege, namespace: &str) -> bool {
        let holds =
            |role: &str| self.roles.get(role).is_some_and(|role| role.holds(privilege, namespace));
        self.is_owner(user)
            || holds(DEFAULT)
            || (!user.is_empty()
                && self.users.get(user).is_some_and(|roles| roles.iter().any(|role| holds(role))))
    }
}

impl Role {
    /// Whether the role holds a privilege on a namespace.
    #[must_use]
    pub fn holds(&self, privilege: Privilege, namespace: &str) -> bool {
        self.on_namespace
            .get(&(Box::from(namespace), privilege))
            .copied()
            .unwrap_or_else(|| self.global.contains(&privilege))
    }

    /// Whether the role holds a privilege everywhere, without exception.
    #[must_use]
    pub fn holds_everywhere(&self, privilege: Privilege) -> bool {
        let is_denied =
            self.on_namespace.iter().any(|((_, at), granted)| *at == privilege && !granted);
        self.global.contains(&privilege) && !is_denied
    }

    /// Gives a privilege, on one namespace or everywhere.
    pub(crate) fn grant(&mut self, privilege: Privilege, namespace: Option<&str>) {
        match namespace {
            None => {
                self.on_namespace.retain(|(_, at), _| *at != privilege);
                self.global.insert(privilege);
            }
            Some(namespace) => self.set(privilege, namespace, true),
        }
    }

    /// Takes a privilege, on one namespace or everywhere.
    pub(crate) fn revoke(&mut self, privilege: Privilege, namespace: Option<&str>) {
        match namespace {
            None => {
                self.on_namespace.retain(|(_, at), _| *at != privilege);
                self.global.remove(&privilege);
            }
            Some(namespace) => self.set(privilege, namespace, false),
        }
    }

    fn set(&mut self, privilege: Privilege, namespace: &str, granted: bool) {
        let key = (Box::from(namespace), privilege);
        if self.global.contains(&privilege) == granted {
            self.on_namespace.remove(&key);
        } else {
            self.on_namespace.insert(key, granted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_takes_one_namespace_and_a_global_grant_lifts_it() {
        let mut role = Role::default();
        role.grant(Privilege::Insert, None);
        role.revoke(Privilege::Insert, Some("shop"));
        assert!(role.holds(Privilege::Insert, "main"));
        assert!(!role.holds(Privilege::Insert, "shop"));
        assert!(!role.holds_everywhere(Privilege::Insert));
        role.grant(Privilege::Insert, None);
        assert!(role.holds_everywhere(Privilege::Insert));
        assert!(role.on_namespace.is_empty());
    }

    #[test]
    fn a_global_revoke_takes_grants_on_namespaces_too() {
        let mut role = Role::default();
        role.grant(Privilege::Drop, Some("shop"));
        assert!(role.holds(Privilege::Drop, "shop") && !role.holds(Privilege::Drop, "main"));
        role.revoke(Privilege::Drop, None);
        assert_eq!(role, Role::default());
    }

    #[test]
    fn the_owner_may_everything_and_nobody_is_not_the_owner() {
        let roles = Roles { owner: Some("ann".into()), ..Roles::default() };
        assert!(roles.allows("ann", Privilege::Roles, "main"));
        assert!(!roles.allows("bob", Privilege::Insert, "main"));
        assert!(roles.allows("", Privilege::Select, "main"));
        let nobody = Roles { owner: Some("".into()), ..Roles::default() };
        assert!(!nobody.allows("", Privilege::Insert, "main"));
    }
}
