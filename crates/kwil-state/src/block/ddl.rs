//! Changes of user tables: PostgreSQL's table, our catalog, triggers and lattices move together.
//!
//! Everything captured so far is drained first, because images are decoded with the table's present shape.

use std::sync::Arc;

use sqlx::Row as _;

use super::Block;
use crate::capture;
use crate::catalog::{
    Catalog, ColumnRow, CounterRow, NamespaceRow, NewColumn, NewTable, TABLE_COUNTER, TableRow,
};
use crate::fault::{NodeFault, StatementError};
use crate::store::RowChange;
use crate::table::{Column, ColumnType, Scalar, Table, TableId, quote};

const WHAT: &str = "change a table";

impl Block<'_> {
    /// Creates a namespace: a schema and its entry in the catalog.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it exists already.
    pub async fn create_namespace(&mut self, name: &str, kind: &str) -> Result<(), StatementError> {
        self.execute(&format!("CREATE SCHEMA {}", quote(name))).await?;
        if let Some(reader) = self.reader_role {
            let (schema, role) = (quote(name), quote(reader));
            self.execute(&format!("GRANT USAGE ON SCHEMA {schema} TO {role}")).await?;
        }
        self.store(&[added(NamespaceRow { name: name.into(), kind: kind.into() })]).await?;
        self.change_catalog(|catalog| catalog.add_namespace(name, kind));
        Ok(())
    }

    /// Drops a namespace with everything in it.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it does not exist or something outside depends on it.
    pub async fn drop_namespace(&mut self, name: &str) -> Result<(), StatementError> {
        self.drain().await?;
        let inside: Vec<_> =
            self.catalog().tables().filter(|table| table.schema == name).map(Arc::clone).collect();
        self.execute(&format!("DROP SCHEMA {} CASCADE", quote(name))).await?;
        for table in inside {
            self.forget(&table).await?;
        }
        let mut successor = Catalog::clone(self.catalog());
        if let Some(kind) = successor.remove_namespace(name) {
            self.store(&[removed(NamespaceRow { name: name.into(), kind })]).await?;
        }
        self.draft.catalog = Arc::new(successor);
        Ok(())
    }

    /// Creates a table.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when the table exists or its definition makes no sense.
    pub async fn create_table(&mut self, new: &NewTable) -> Result<TableId, StatementError> {
        let mut parts: Vec<_> = new.columns.iter().map(definition).collect();
        if !new.primary_key.is_empty() {
            let key: Vec<_> = new.primary_key.iter().map(|name| quote(name)).collect();
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        let name = format!("{}.{}", quote(&new.schema), quote(&new.name));
        self.execute(&format!("CREATE TABLE {name} ({})", parts.join(", "))).await?;
        self.adopt_table(new).await
    }

    /// Takes a table into the catalog that was just created by SQL with exactly these columns: ids, triggers, rights.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when there is no such table.
    pub async fn adopt_table(&mut self, new: &NewTable) -> Result<TableId, StatementError> {
        let id = TableId(self.catalog().next_table());
        let columns: Vec<Column> =
            (1..).zip(&new.columns).map(|(id, column)| column.with_id(id)).collect();
        let next_column = u32::try_from(columns.len()).unwrap_or(u32::MAX).saturating_add(1);
        let table = Table { id, schema: new.schema.clone(), name: new.name.clone(), columns };
        capture::install(self.connection, &table).await?;
        if let Some(reader) = self.reader_role {
            let (name, role) = (table.qualified(), quote(reader));
            self.execute(&format!("GRANT SELECT ON {name} TO {role}")).await?;
        }
        let oid = self.oid_of(&table).await?;
        let counter = |next| CounterRow { name: TABLE_COUNTER.into(), next };
        let old = (id.0 > crate::table::FIRST_USER_TABLE).then(|| counter(id.0));
        self.store(&[RowChange { old, new: Some(counter(id.0.saturating_add(1))) }]).await?;
        self.store(&[added(table_row(&table, next_column))]).await?;
        let rows: Vec<_> =
            table.columns.iter().map(|column| added(table.column_row(column))).collect();
        self.store(&rows).await?;
        self.change_catalog(|catalog| {
            catalog.put_table(table, next_column);
            catalog.put_oid(oid, id);
        });
        Ok(id)
    }

    /// Drops a table. Rows of other tables stay; their foreign keys to it go.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it does not exist.
    pub async fn drop_table(&mut self, schema: &str, name: &str) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing(schema, name)?;
        self.execute(&format!("DROP TABLE {} CASCADE", table.qualified())).await?;
        Ok(self.forget(&table).await?)
    }

    /// Drops a table with the statement given, which says what becomes of foreign keys to it.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it does not exist, or something depends on it that the statement leaves alone.
    pub async fn drop_table_with(
        &mut self,
        schema: &str,
        name: &str,
        sql: &str,
    ) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing(schema, name)?;
        self.execute(sql).await?;
        Ok(self.forget(&table).await?)
    }

    /// Renames a table within its namespace. No row is hashed anew.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it does not exist or the name is taken.
    pub async fn rename_table(
        &mut self,
        schema: &str,
        name: &str,
        to: &str,
    ) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing(schema, name)?;
        self.execute(&format!("ALTER TABLE {} RENAME TO {}", table.qualified(), quote(to))).await?;
        let renamed = Table { name: to.into(), ..Table::clone(&table) };
        Ok(self.reshape(&table, renamed, self.catalog().next_column(table.id)).await?)
    }

    /// Renames a column. No row is hashed anew.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it does not exist or the name is taken.
    pub async fn rename_column(
        &mut self,
        table: TableId,
        name: &str,
        to: &str,
    ) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing_id(table)?;
        let sql = format!(
            "ALTER TABLE {} RENAME COLUMN {} TO {}",
            table.qualified(),
            quote(name),
            quote(to)
        );
        self.execute(&sql).await?;
        let mut renamed = Table::clone(&table);
        for column in renamed.columns.iter_mut().filter(|column| column.name == name) {
            column.name = to.into();
        }
        Ok(self.reshape(&table, renamed, self.catalog().next_column(table.id)).await?)
    }

    /// Adds a column that is NULL in every row. No row is hashed anew, because NULL is absent from a canonical row.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when the name is taken.
    pub async fn add_column(
        &mut self,
        table: TableId,
        column: &NewColumn,
    ) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing_id(table)?;
        self.execute(&format!(
            "ALTER TABLE {} ADD COLUMN {}",
            table.qualified(),
            definition(column)
        ))
        .await?;
        let id = self.catalog().next_column(table.id);
        let mut wider = Table::clone(&table);
        wider.columns.push(column.with_id(id));
        Ok(self.reshape(&table, wider, id.saturating_add(1)).await?)
    }

    /// Drops a column. Every row is hashed anew.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when it does not exist or something depends on it.
    pub async fn drop_column(&mut self, table: TableId, name: &str) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing_id(table)?;
        let before = capture::sum_table(self.connection, &table).await?;
        self.execute(&format!("ALTER TABLE {} DROP COLUMN {}", table.qualified(), quote(name)))
            .await?;
        let mut narrower = Table::clone(&table);
        narrower.columns.retain(|column| column.name != name);
        let narrower = Arc::new(narrower);
        let after = capture::sum_table(self.connection, &narrower).await?;
        let changes = &mut self.draft.top()?.changes;
        changes.add_one(table.id, &capture::negate(&before));
        changes.add_one(table.id, &after);
        Ok(self
            .reshape(&table, Table::clone(&narrower), self.catalog().next_column(table.id))
            .await?)
    }

    /// Makes a column refuse NULL, or accept it. No row is hashed anew.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when a row has NULL there.
    pub async fn set_not_null(
        &mut self,
        table: TableId,
        name: &str,
        not_null: bool,
    ) -> Result<(), StatementError> {
        self.drain().await?;
        let table = self.existing_id(table)?;
        let action = if not_null { "SET" } else { "DROP" };
        let sql = format!(
            "ALTER TABLE {} ALTER COLUMN {} {action} NOT NULL",
            table.qualified(),
            quote(name)
        );
        self.execute(&sql).await?;
        let mut changed = Table::clone(&table);
        for column in changed.columns.iter_mut().filter(|column| column.name == name) {
            column.not_null = not_null;
        }
        Ok(self.reshape(&table, changed, self.catalog().next_column(table.id)).await?)
    }

    /// The id of a table that the catalog has.
    pub(super) fn id_of(&self, schema: &str, name: &str) -> Result<TableId, NodeFault> {
        Ok(self.existing(schema, name)?.id)
    }

    fn existing(&self, schema: &str, name: &str) -> Result<Arc<Table>, NodeFault> {
        let table = self.catalog().find(schema, name).cloned();
        table.ok_or_else(|| {
            NodeFault::invariant(WHAT, format!("table {schema}.{name} is not in the catalog"))
        })
    }

    fn existing_id(&self, id: TableId) -> Result<Arc<Table>, NodeFault> {
        let table = self.catalog().table(id).cloned();
        table.ok_or_else(|| NodeFault::invariant(WHAT, format!("table {id} is not in the catalog")))
    }

    async fn oid_of(&mut self, table: &Table) -> Result<u32, NodeFault> {
        let query = "SELECT c.oid::int8 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = $1 AND c.relname = $2";
        let row = sqlx::query(query)
            .bind(&table.schema)
            .bind(&table.name)
            .fetch_one(&mut *self.connection)
            .await;
        let oid: i64 = row.map_err(|error| NodeFault::from_sqlx(WHAT, error))?.get(0);
        u32::try_from(oid).map_err(|_| NodeFault::invariant(WHAT, "a large oid"))
    }

    /// Removes a table from the catalog; its sum goes with it at the end of the block.
    async fn forget(&mut self, table: &Table) -> Result<(), NodeFault> {
        let next_column = self.catalog().next_column(table.id);
        self.store(&[removed(table_row(table, next_column))]).await?;
        let rows: Vec<_> =
            table.columns.iter().map(|column| removed(table.column_row(column))).collect();
        self.store(&rows).await?;
        let id = table.id;
        self.change_catalog(|catalog| catalog.remove_table(id));
        Ok(())
    }

    /// Gives a table another shape in the catalog.
    async fn reshape(
        &mut self,
        old: &Table,
        new: Table,
        next_column: u32,
    ) -> Result<(), NodeFault> {
        let before = table_row(old, self.catalog().next_column(old.id));
        self.store(&[RowChange { old: Some(before), new: Some(table_row(&new, next_column)) }])
            .await?;
        let row = |table: &Table, column: &Column| table.column_row(column);
        let mut changes: Vec<RowChange<ColumnRow>> = Vec::new();
        for column in &old.columns {
            let now = new
                .columns
                .iter()
                .find(|other| other.id == column.id)
                .map(|column| row(&new, column));
            changes.push(RowChange { old: Some(row(old, column)), new: now });
        }
        let added_columns = new
            .columns
            .iter()
            .filter(|column| old.columns.iter().all(|other| other.id != column.id));
        changes.extend(added_columns.map(|column| added(row(&new, column))));
        self.store(&changes).await?;
        self.change_catalog(|catalog| catalog.put_table(new, next_column));
        Ok(())
    }

    fn change_catalog(&mut self, change: impl FnOnce(&mut Catalog)) {
        change(Arc::make_mut(&mut self.draft.catalog));
    }
}

fn added<R>(row: R) -> RowChange<R> {
    RowChange { old: None, new: Some(row) }
}

fn removed<R>(row: R) -> RowChange<R> {
    RowChange { old: Some(row), new: None }
}

fn table_row(table: &Table, next_column: u32) -> TableRow {
    TableRow { id: table.id, schema: table.schema.clone(), name: table.name.clone(), next_column }
}

/// A column in `CREATE TABLE` and `ADD COLUMN`. Text is compared bytewise whatever the database's collation is.
fn definition(column: &NewColumn) -> String {
    let collation = match column.ty {
        ColumnType::Scalar(Scalar::Text) | ColumnType::Array(Scalar::Text) => " COLLATE \"C\"",
        ColumnType::Scalar(_) | ColumnType::Array(_) => "",
    };
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    format!("{} {}{collation}{not_null}", quote(&column.name), column.ty)
}
