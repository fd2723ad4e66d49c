//! What goes wrong, in classes that clients can rely on.

mod parse;

pub use parse::{ParseError, ParseErrors};

use std::fmt;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $text:literal,)*) => {
        /// The class of an error: decides its result code, and a text that its message contains.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ErrorClass { $($(#[$doc])* $variant,)* }

        impl ErrorClass {
            /// Every class.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name of the class, as the conformance cases write it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The text that every message of the class contains; empty where only the detail counts.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

classes! {
    /// The text is not in the language.
    Syntax "Parse.Syntax" "syntax error",
    /// A type is unknown or has wrong arguments.
    ParseType "Parse.Type" "type error",
    /// A table is defined in an impossible way.
    TableDefinition "Parse.TableDefinition" "table definition error",
    /// A constraint names a column the table does not have.
    UnknownColumn "Parse.UnknownColumn" "unknown column reference",
    /// Two parameters have one name.
    DuplicateParameter "Parse.DuplicateParameter" "duplicate parameter name",
    /// Two returned columns have one name.
    DuplicateResultColumn "Parse.DuplicateResultColumn" "duplicate result column name",
    /// A name is too long.
    Identifier "Parse.Identifier" "identifier error",
    /// A table without primary key.
    NoPrimaryKey "Parse.NoPrimaryKey" "missing primary key",
    /// A table with two primary keys.
    RedeclaredPrimaryKey "Parse.RedeclaredPrimaryKey" "redeclare primary key",
    /// Two constraints have one name.
    RedeclaredConstraint "Parse.RedeclaredConstraint" "redeclared constraint",
    /// A `GRANT` or `REVOKE` that makes no sense.
    GrantOrRevoke "Parse.GrantOrRevoke" "grant or revoke error",
    /// No such column in reach.
    ColumnNotFound "Plan.ColumnNotFound" "column not found or cannot be referenced in this part of the query",
    /// More than one column of this name in reach.
    AmbiguousColumn "Plan.AmbiguousColumn" "ambiguous column",
    /// An aggregate where none may stand, or a column that is not grouped.
    IllegalAggregate "Plan.IllegalAggregate" "illegal aggregate",
    /// A window function where none may stand.
    IllegalWindow "Plan.IllegalWindow" "illegal window function",
    /// Something that is no window function behind which `OVER` stands.
    InvalidWindow "Plan.InvalidWindow" "invalid window function",
    /// Two windows have one name.
    WindowDefined "Plan.WindowDefined" "window already defined",
    /// No window of this name.
    WindowNotDefined "Plan.WindowNotDefined" "window not defined",
    /// No function of this name.
    FunctionNotFound "Plan.FunctionNotFound" "function does not exist",
    /// SQL calls an action.
    ActionInSql "Plan.ActionInSql" "actions cannot be used in SQL statements",
    /// `ARRAY[]` without a cast.
    UntypedEmptyArray "Plan.UntypedEmptyArray" "cannot detect type for empty array",
    /// The selects of a compound have different columns.
    SetShape "Plan.SetShape" "incompatible schemas in COMPOUND operation",
    /// An insert leaves out a column that must have a value.
    NotNullable "Plan.NotNullable" "column is not nullable",
    /// The columns of `ON CONFLICT` are not unique together.
    ConflictArbiter "Plan.ConflictArbiter" "illegal conflict arbiter",
    /// `UPDATE … FROM` without `WHERE`.
    UpdateFromWithoutWhere "Plan.UpdateFromWithoutWhere"
        "UPDATE and DELETE statements with a FROM table require a WHERE clause",
    /// Types of SQL operands do not fit.
    PlanType "Plan.Type" "",
    /// Another fault of an SQL statement.
    PlanOther "Plan.Other" "",
    /// The text given to `ERROR()`.
    UserError "UserError" "",
    /// Another fault.
    Other "Other" "",
    /// A value has another type than the place it goes to.
    Type "Type" "type error",
    /// A call returned the wrong number of rows or values.
    ReturnShape "ReturnShape" "unexpected action/function return shape",
    /// No such variable.
    UnknownVariable "UnknownVariable" "unknown variable",
    /// A variable that does not exist or may not be set.
    InvalidVariable "InvalidVariable" "invalid variable name",
    /// A loop over something that is no loop source, or `BREAK` outside a loop.
    Loop "Loop" "loop error",
    /// Overflow, division by zero, an operator for other types.
    Arithmetic "Arithmetic" "arithmetic error",
    /// Values that have no order.
    Comparison "Comparison" "comparison error",
    /// A value that has no counterpart in the type.
    Cast "Cast" "type cast error",
    /// A prefix operator for other types.
    Unary "Unary" "unary operation error",
    /// An array index that cannot be set.
    IndexOutOfBounds "IndexOutOfBounds" "index out of bounds",
    /// Arrays of arrays, or an array whose type is unknown.
    ArrayDimensionality "ArrayDimensionality" "array dimensionality error",
    /// NULL where a value is needed.
    InvalidNull "InvalidNull" "invalid null value",
    /// Fewer values than the slice that is set.
    ArrayTooSmall "ArrayTooSmall" "array too small",
    /// An extension broke its contract.
    ExtensionImplementation "ExtensionImplementation" "extension implementation error",
    /// A call with the wrong number of arguments.
    ActionInvocation "ActionInvocation" "action invocation error",
    /// No such action.
    UnknownAction "UnknownAction" "unknown action",
    /// No such table.
    UnknownTable "UnknownTable" "unknown table",
    /// No such namespace.
    NamespaceNotFound "NamespaceNotFound" "namespace not found",
    /// A namespace of this name exists.
    NamespaceExists "NamespaceExists" "namespace already exists",
    /// A write on a connection that only reads.
    CannotMutateState "CannotMutateState" "connection is read-only and cannot mutate state",
    /// A function where it may not be used.
    IllegalFunctionUsage "IllegalFunctionUsage" "illegal function usage",
    /// A global privilege for one namespace.
    CannotBeNamespaced "CannotBeNamespaced" "the selected object is global-only, and cannot be namespaced",
    /// A change inside the namespace of an extension.
    CannotMutateExtension "CannotMutateExtension" "cannot mutate an extension's schema or data directly",
    /// A change inside `info`.
    CannotMutateInfo "CannotMutateInfo" "cannot mutate the \"info\" namespace directly",
    /// `main` and `info` stay.
    CannotDropBuiltinNamespace "CannotDropBuiltinNamespace" "cannot drop a built-in namespace",
    /// `owner` and `default` stay as they are.
    BuiltInRole "BuiltInRole" "invalid operation on built-in role",
    /// No transaction to take a contextual variable from.
    InvalidTxCtx "InvalidTxCtx" "invalid transaction context",
    /// A name that belongs to the system.
    ReservedNamespacePrefix "ReservedNamespacePrefix" "namespace prefix is reserved",
    /// A change of a column of the primary key.
    CannotAlterPrimaryKey "CannotAlterPrimaryKey" "cannot drop or alter a table's primary key",
    /// An action only the owner may call.
    OwnerOnly "OwnerOnly" "action is owner-only",
    /// An action only its own namespace may call.
    Private "Private" "action is private",
    /// An action only other actions may call.
    SystemOnly "SystemOnly" "action is system-only",
    /// The caller has no role with this privilege.
    NoPrivilege "NoPrivilege" "user does not have privilege",
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_unique() {
        let mut names: Vec<_> = ErrorClass::ALL.iter().map(|class| class.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorClass::ALL.len());
    }
}
