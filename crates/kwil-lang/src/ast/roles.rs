//! Roles, privileges, ownership.

use std::fmt;

use super::{Expr, Ident};

/// `CREATE ROLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRole {
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Ident,
}

/// `DROP ROLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropRole {
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Its name.
    pub name: Ident,
}

/// The body of `GRANT` and `REVOKE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `IF NOT GRANTED` of `GRANT`, `IF GRANTED` of `REVOKE`.
    pub guarded: bool,
    /// What is given or taken.
    pub body: GrantBody,
}

/// What is given or taken, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantBody {
    /// Privileges of a role.
    Privileges {
        /// At least one.
        privileges: Vec<Privilege>,
        /// `ON namespace`; everywhere when missing.
        namespace: Option<Ident>,
        /// The role.
        role: Ident,
    },
    /// A role of a user.
    Role {
        /// The role.
        role: Ident,
        /// The user.
        user: UserRef,
    },
}

/// A user: a string, or an expression that gives one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// The text `@caller` has for this user.
    Name(Box<str>),
    /// An action expression of type text.
    Expr(Expr),
}

/// What a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// Read rows.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
    /// Create tables, indexes, actions, namespaces.
    Create,
    /// Drop them.
    Drop,
    /// Alter tables.
    Alter,
    /// Manage roles; global only.
    Roles,
    /// Call actions.
    Call,
    /// Use extensions and change the current namespace; global only.
    Use,
}

impl Privilege {
    /// Every privilege.
    pub const ALL: [Self; 10] = [
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Create,
        Self::Drop,
        Self::Alter,
        Self::Roles,
        Self::Call,
        Self::Use,
    ];

    /// The privilege in upper case, as messages and `info.role_privileges` show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Create => "CREATE",
            Self::Drop => "DROP",
            Self::Alter => "ALTER",
            Self::Roles => "ROLES",
            Self::Call => "CALL",
            Self::Use => "USE",
        }
    }

    /// Finds a privilege by name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|privilege| privilege.name().eq_ignore_ascii_case(name))
    }

    /// True for privileges that cannot be given for one namespace.
    #[must_use]
    pub fn is_global_only(self) -> bool {
        match self {
            Self::Roles | Self::Use => true,
            Self::Select
            | Self::Insert
            | Self::Update
            | Self::Delete
            | Self::Create
            | Self::Drop
            | Self::Alter
            | Self::Call => false,
        }
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
