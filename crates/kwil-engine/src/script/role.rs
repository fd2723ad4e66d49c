//! Roles, privileges, and who has them.

use kwil_lang::ErrorClass;
use kwil_lang::ast::{CreateRole, DropRole, Ident, Privilege};

use super::draft::{Checked, Draft, other};
use crate::Failure;
use crate::catalog::Role;
use crate::catalog::roles::{DEFAULT, OWNER, is_built_in};

fn unknown_role(name: &str) -> Failure {
    other(format!("role \"{name}\" does not exist"))
}

fn built_in(name: &str) -> Failure {
    Failure::new(ErrorClass::BuiltInRole, format!("\"{name}\""))
}

/// Adds a role without privileges.
pub(super) fn create_role(draft: &mut Draft, create: &CreateRole) -> Checked<()> {
    let name = create.name.as_str();
    if is_built_in(name) {
        return Err(built_in(name));
    }
    if draft.catalog.roles.roles.contains_key(name) {
        if create.if_not_exists {
            return Ok(());
        }
        return Err(other(format!("role \"{name}\" already exists")));
    }
    draft.catalog.roles_mut().roles.insert(name.into(), Role::default());
    Ok(())
}

/// Removes a role, and takes it from all users.
pub(super) fn drop_role(draft: &mut Draft, drop: &DropRole) -> Checked<()> {
    let name = drop.name.as_str();
    if is_built_in(name) {
        return Err(built_in(name));
    }
    if !draft.catalog.roles.roles.contains_key(name) {
        return if drop.if_exists { Ok(()) } else { Err(unknown_role(name)) };
    }
    let roles = draft.catalog.roles_mut();
    roles.roles.remove(name);
    roles.users.retain(|_, held| {
        held.remove(name);
        !held.is_empty()
    });
    Ok(())
}

/// Privileges of a role that a statement gives or takes.
pub(super) struct PrivilegeChange<'a> {
    pub(super) privileges: &'a [Privilege],
    pub(super) namespace: Option<&'a Ident>,
    pub(super) role: &'a Ident,
    /// `IF NOT GRANTED`, `IF GRANTED`.
    pub(super) guarded: bool,
    /// `GRANT`.
    pub(super) gives: bool,
}

/// Gives or takes privileges.
pub(super) fn change_privileges(draft: &mut Draft, change: &PrivilegeChange<'_>) -> Checked<()> {
    let name = change.role.as_str();
    let namespace = change.namespace.map(Ident::as_str);
    let global_only = change.privileges.iter().find(|privilege| privilege.is_global_only());
    if let (Some(privilege), Some(_)) = (global_only, namespace) {
        return Err(Failure::new(ErrorClass::CannotBeNamespaced, privilege));
    }
    let Some(role) = draft.catalog.roles.roles.get(name) else {
        return Err(unknown_role(name));
    };
    if name == OWNER {
        return Err(other(if change.gives {
            "owner role already has all privileges"
        } else {
            "owner role cannot have privileges revoked"
        }));
    }
    if let Some(namespace) = namespace {
        draft.namespace(namespace)?;
    }
    let is_odd = |privilege: &&Privilege| is_done(role, **privilege, namespace, change.gives);
    if !change.guarded && change.privileges.iter().any(|privilege| is_odd(&privilege)) {
        let verb = if change.gives { "already has" } else { "does not have" };
        return Err(other(format!(
            "role \"{name}\" {verb} some or all of the specified privileges"
        )));
    }
    if let Some(role) = draft.catalog.roles_mut().roles.get_mut(name) {
        for privilege in change.privileges {
            if change.gives {
                role.grant(*privilege, namespace);
            } else {
                role.revoke(*privilege, namespace);
            }
        }
    }
    Ok(())
}

/// Whether a privilege is already held, or already not held.
fn is_done(role: &Role, privilege: Privilege, namespace: Option<&str>, gives: bool) -> bool {
    match (namespace, gives) {
        (Some(namespace), gives) => role.holds(privilege, namespace) == gives,
        (None, true) => role.holds_everywhere(privilege),
        // A grant on a single namespace is something that can be taken.
        (None, false) => {
            !role.global.contains(&privilege)
                && !role.on_namespace.keys().any(|(_, at)| *at == privilege)
        }
    }
}

/// A role of a user that a statement gives or takes.
pub(super) struct MemberChange<'a> {
    pub(super) role: &'a Ident,
    /// `IF NOT GRANTED`, `IF GRANTED`.
    pub(super) guarded: bool,
    /// `GRANT`.
    pub(super) gives: bool,
}

/// Fails for roles that nobody can be given.
pub(super) fn check_member_role(draft: &Draft, change: &MemberChange<'_>) -> Checked<()> {
    match change.role.as_str() {
        DEFAULT => Err(built_in(DEFAULT)),
        OWNER => {
            Err(other("cannot grant or revoke the owner role, use TRANSFER OWNERSHIP instead"))
        }
        name if draft.catalog.roles.roles.contains_key(name) => Ok(()),
        name => Err(unknown_role(name)),
    }
}

/// Gives a role to a user, or takes it.
pub(super) fn change_member(
    draft: &mut Draft,
    change: &MemberChange<'_>,
    user: &str,
) -> Checked<()> {
    check_member_role(draft, change)?;
    let role = change.role.as_str();
    let held = draft.catalog.roles.users.get(user);
    if held.is_some_and(|held| held.contains(role)) == change.gives {
        if change.guarded {
            return Ok(());
        }
        let verb = if change.gives { "already has" } else { "does not have" };
        return Err(other(format!("user \"{user}\" {verb} role \"{role}\"")));
    }
    let users = &mut draft.catalog.roles_mut().users;
    let held = users.entry(user.into()).or_default();
    if change.gives {
        held.insert(role.into());
    } else {
        held.remove(role);
    }
    if held.is_empty() {
        users.remove(user);
    }
    Ok(())
}

/// Makes a user the owner.
pub(super) fn transfer_ownership(draft: &mut Draft, user: &str) -> Checked<()> {
    if user.is_empty() {
        return Err(other("the owner cannot be nobody"));
    }
    draft.catalog.roles_mut().owner = Some(user.into());
    Ok(())
}
