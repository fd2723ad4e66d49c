//! The catalog as rows: what is stored, hashed and shown in `info`.

/// One row of the stored catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogRow {
    /// A namespace.
    Namespace {
        /// Its name.
        name: String,
        /// `USER`, `SYSTEM` or `EXTENSION`.
        kind: String,
    },
    /// A column of a table; every table has at least one.
    Column {
        /// Namespace of the table.
        namespace: String,
        /// The table.
        table: String,
        /// Its name.
        name: String,
        /// Its position, from 1, without gaps.
        ordinal: i64,
        /// Its type in the language.
        data_type: String,
        /// Its type as `info.columns` shows it, such as `bigint[]`.
        shown_type: String,
        /// Stored in 32 bits.
        int4: bool,
        /// Whether NULL is refused.
        not_null: bool,
        /// `DEFAULT`; empty for none.
        default: String,
        /// Whether it is part of the primary key.
        is_primary_key: bool,
    },
    /// An index: of the primary key, of a unique constraint, or made by `CREATE INDEX`.
    Index {
        /// Namespace of the table.
        namespace: String,
        /// The table.
        table: String,
        /// Its name.
        name: String,
        /// Whether it belongs to the primary key.
        is_primary_key: bool,
        /// Whether rows are unique in it.
        is_unique: bool,
        /// Whether a constraint made it.
        of_constraint: bool,
        /// Position among the indexes of its table, from 1.
        ordinal: i64,
        /// Its columns in order.
        columns: Vec<String>,
    },
    /// A `CHECK` or `UNIQUE` constraint.
    Constraint {
        /// Namespace of the table.
        namespace: String,
        /// The table.
        table: String,
        /// Its name.
        name: String,
        /// `CHECK` or `UNIQUE`.
        kind: String,
        /// Position among the constraints of its table, from 1.
        ordinal: i64,
        /// Its columns.
        columns: Vec<String>,
        /// Its definition as we write it, for example `CHECK ("amt" > 0::INT8)`.
        expression: String,
    },
    /// A foreign key.
    ForeignKey {
        /// Namespace of the table.
        namespace: String,
        /// The table.
        table: String,
        /// Its name.
        name: String,
        /// Position among the foreign keys of its table, from 1.
        ordinal: i64,
        /// Columns of the table.
        columns: Vec<String>,
        /// Namespace of the table referred to.
        ref_namespace: String,
        /// The table referred to.
        ref_table: String,
        /// Its columns.
        ref_columns: Vec<String>,
        /// `NO ACTION`, `CASCADE`, …
        on_update: String,
        /// `NO ACTION`, `CASCADE`, …
        on_delete: String,
    },
    /// An action, or a method of an extension.
    Action {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its text; empty for a method.
        raw_statement: String,
        /// Upper case, as declared.
        access_modifiers: Vec<String>,
        /// With `$`.
        parameter_names: Vec<String>,
        /// In the language's spelling.
        parameter_types: Vec<String>,
        /// Empty texts for unnamed ones.
        return_names: Vec<String>,
        /// In the language's spelling.
        return_types: Vec<String>,
        /// `RETURNS TABLE`.
        returns_table: bool,
        /// A method.
        built_in: bool,
    },
    /// A role.
    Role {
        /// Its name.
        name: String,
        /// `owner` or `default`.
        built_in: bool,
    },
    /// A privilege of a role.
    RolePrivilege {
        /// The role.
        role: String,
        /// In upper case.
        privilege: String,
        /// Empty for all namespaces.
        namespace: String,
        /// False is a denial.
        granted: bool,
    },
    /// A role of a user; the owner is the user of `owner`.
    UserRole {
        /// The role.
        role: String,
        /// As `@caller` says it.
        user: String,
    },
    /// An extension in use.
    Extension {
        /// Its namespace.
        namespace: String,
        /// Name of the extension.
        extension: String,
        /// Names of the options.
        parameters: Vec<String>,
        /// Their values as text; `None` is NULL.
        values: Vec<Option<String>>,
        /// Their types.
        types: Vec<String>,
    },
}

/// Rows that make no catalog: the database was changed by someone else, or was made by a newer program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored catalog makes no sense: {0}")]
pub struct CatalogError(pub String);
