//! Who may call what.

use kwil_lang::ErrorClass;
use kwil_lang::analyze;
use kwil_lang::ast::Privilege;

use crate::catalog::Catalog;
use crate::context::Invocation;
use crate::error::{Failure, FailureClass};
use crate::session::Access;

/// What is called, with what its author says about callers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callee<'c> {
    pub(super) namespace: &'c str,
    pub(super) name: &'c str,
    pub(super) access: analyze::Access,
    pub(super) view: bool,
    pub(super) owner: bool,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller<'c> {
    /// A user, by a transaction or a request.
    User,
    /// An action or a method in this namespace.
    Namespace(&'c str),
}

/// Checks a call, in the order in which the answers are promised.
pub(super) fn check(
    callee: Callee<'_>,
    caller: Caller<'_>,
    (catalog, invocation, access): (&Catalog, &Invocation, Access),
) -> Result<(), Failure> {
    let Callee { namespace, name, .. } = callee;
    let refused = |class| Err(Failure::new(class, format_args!("\"{name}\" in \"{namespace}\"")));
    if !callee.view && access == Access::Read {
        let detail = format!("action \"{name}\" requires a writer connection");
        return Err(Failure::new(ErrorClass::CannotMutateState, detail));
    }
    let is_user = match caller {
        Caller::User if invocation.is_system => return Ok(()),
        Caller::User => true,
        Caller::Namespace(_) => false,
    };
    let is_neighbour = match caller {
        Caller::User => false,
        Caller::Namespace(from) => from == namespace,
    };
    match callee.access {
        analyze::Access::Private if !is_neighbour => return refused(ErrorClass::Private),
        analyze::Access::System if is_user => return refused(ErrorClass::SystemOnly),
        analyze::Access::Public | analyze::Access::Private | analyze::Access::System => {}
    }
    if callee.owner && !catalog.roles.is_owner(&invocation.caller) {
        return refused(ErrorClass::OwnerOnly);
    }
    if is_user && !catalog.roles.allows(&invocation.caller, Privilege::Call, namespace) {
        let message = format!("user does not have privilege CALL on namespace \"{namespace}\"");
        return Err(Failure::with_message(FailureClass::Lang(ErrorClass::NoPrivilege), message));
    }
    Ok(())
}
