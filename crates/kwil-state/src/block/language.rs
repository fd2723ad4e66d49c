//! Changes of what programs see: namespaces, tables, actions, roles.

use std::collections::BTreeSet;
use std::sync::Arc;

use kwil_engine::catalog::{Catalog as Language, MAIN, Namespace, Table as LanguageTable};
use kwil_engine::{Change, Ddl, DdlColumn};
use kwil_lang::analyze::NamespaceKind;
use kwil_types::TypeKind;

use super::Block;
use crate::catalog::{NewColumn, NewTable};
use crate::fault::{NodeFault, StatementError};
use crate::language::{TableChanges, difference, everything};
use crate::store;
use crate::table::{ColumnType, Scalar};

const WHAT: &str = "change the catalog";

impl Block<'_> {
    /// The catalog of the language as this block has changed it so far.
    ///
    /// # Errors
    /// [`NodeFault`] when the genesis wrote none: the database was made by a release without the language.
    pub(crate) fn language(&self) -> Result<&Arc<Language>, NodeFault> {
        self.draft.language.as_ref().ok_or_else(|| {
            NodeFault::invariant(
                "read the stored catalog",
                "the database was made without the SQL language; start from an empty one",
            )
        })
    }

    /// Writes the first catalog: part of genesis, once.
    pub(crate) async fn write_language(&mut self, catalog: Language) -> Result<(), NodeFault> {
        let fault = |error| match error {
            StatementError::Node(fault) => fault,
            StatementError::Tx(failure) => NodeFault::invariant(WHAT, failure),
        };
        self.create_namespace(MAIN, kind_name(NamespaceKind::System)).await.map_err(fault)?;
        let rows = everything(&catalog).map_err(|failure| NodeFault::invariant(WHAT, failure))?;
        self.store_language(rows).await?;
        self.draft.language = Some(Arc::new(catalog));
        Ok(())
    }

    /// Does what a change asks for. After a failure the savepoint has to be rolled back.
    pub(crate) async fn change(&mut self, change: &Change) -> Result<(), StatementError> {
        let old = Arc::clone(self.language()?);
        let rows = difference(&old, &change.catalog)?;
        for ddl in &change.ddl {
            self.apply(ddl, &change.catalog).await?;
        }
        if !change.ddl.is_empty() {
            self.statements.forget_all();
            let tables = tables_with_new_keys(&old, &change.catalog);
            self.name_foreign_keys(&tables).await?;
        }
        self.store_language(rows).await?;
        self.draft.language = Some(Arc::clone(&change.catalog));
        self.check_namespaces(&old)?;
        Ok(())
    }

    async fn apply(&mut self, ddl: &Ddl, catalog: &Language) -> Result<(), StatementError> {
        match ddl {
            Ddl::CreateNamespace { name } => {
                let kind = catalog.namespace(name).map(|namespace| namespace.kind);
                let kind = kind.ok_or_else(|| {
                    NodeFault::invariant(WHAT, format!("namespace {name} is not in the successor"))
                })?;
                self.create_namespace(name, kind_name(kind)).await
            }
            Ddl::DropNamespace { name } => self.drop_namespace(name).await,
            Ddl::CreateTable { namespace, name, columns, sql } => {
                self.execute(sql).await?;
                let columns = columns.iter().map(new_column).collect::<Result<_, _>>()?;
                let (schema, name) = (namespace.to_string(), name.to_string());
                let table = NewTable { schema, name, columns, primary_key: Vec::new() };
                self.adopt_table(&table).await.map(drop)
            }
            Ddl::DropTable { namespace, name, sql } => {
                self.drop_table_with(namespace, name, sql).await
            }
            Ddl::RenameTable { namespace, name, to } => {
                self.rename_table(namespace, name, to).await
            }
            Ddl::RenameColumn { namespace, table, name, to } => {
                self.rename_column(self.id_of(namespace, table)?, name, to).await
            }
            Ddl::AddColumn { namespace, table, column } => {
                self.add_column(self.id_of(namespace, table)?, &new_column(column)?).await
            }
            Ddl::DropColumn { namespace, table, name } => {
                self.drop_column(self.id_of(namespace, table)?, name).await
            }
            Ddl::SetNotNull { namespace, table, name, not_null } => {
                self.set_not_null(self.id_of(namespace, table)?, name, *not_null).await
            }
            Ddl::Other { sql } => self.execute(sql).await.map(drop),
        }
    }

    async fn store_language(&mut self, rows: Vec<TableChanges>) -> Result<(), NodeFault> {
        for (table, changes) in rows {
            let storing = store::store_cells(self.connection, table, changes);
            self.draft.waits.until(storing).await??;
            self.draft.top()?.catalog_changed = true;
        }
        Ok(())
    }

    /// Both catalogs know the same namespaces.
    fn check_namespaces(&self, old: &Language) -> Result<(), NodeFault> {
        let new = self.language()?;
        let mut names = new.namespaces.keys().chain(old.namespaces.keys()).map(|name| &**name);
        let differs = |name: &&str| {
            *name != kwil_engine::catalog::INFO
                && new.namespace(name).is_some() != self.catalog().has_namespace(name)
        };
        match names.find(differs) {
            None => Ok(()),
            Some(name) => {
                Err(NodeFault::invariant(WHAT, format!("namespace {name} is in one catalog only")))
            }
        }
    }
}

fn kind_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::User => "USER",
        NamespaceKind::System => "SYSTEM",
        NamespaceKind::Extension => "EXTENSION",
    }
}

fn new_column(column: &DdlColumn) -> Result<NewColumn, NodeFault> {
    let scalar = match column.data_type.kind() {
        TypeKind::Int8 if column.int4 => Scalar::Int4,
        TypeKind::Int8 => Scalar::Int8,
        TypeKind::Text => Scalar::Text,
        TypeKind::Bool => Scalar::Bool,
        TypeKind::Bytea => Scalar::Bytea,
        TypeKind::Uuid => Scalar::Uuid,
        TypeKind::Numeric { precision, scale } => Scalar::Numeric { precision, scale },
        TypeKind::Null => {
            return Err(NodeFault::invariant(WHAT, format!("column {} has no type", column.name)));
        }
    };
    let is_array = column.data_type.is_array();
    let ty = if is_array { ColumnType::Array(scalar) } else { ColumnType::Scalar(scalar) };
    Ok(NewColumn { name: column.name.to_string(), ty, not_null: column.not_null })
}

/// Tables whose foreign keys are not the ones they had under that name before.
fn tables_with_new_keys(old: &Language, new: &Language) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let changed = |name: &str, namespace: &Arc<Namespace>| {
        old.namespace(name).is_none_or(|before| !Arc::ptr_eq(before, namespace))
    };
    for (name, namespace) in new.namespaces.iter().filter(|(name, it)| changed(name, it)) {
        for (table_name, table) in &namespace.tables {
            if has_new_keys(old.table_of(name, table_name), table) {
                found.insert((name.to_string(), table_name.to_string()));
            }
        }
    }
    found
}

fn has_new_keys(before: Option<&Arc<LanguageTable>>, table: &Arc<LanguageTable>) -> bool {
    let same = |before: &Arc<LanguageTable>| before.foreign_keys == table.foreign_keys;
    !table.foreign_keys.is_empty() && !before.is_some_and(same)
}
