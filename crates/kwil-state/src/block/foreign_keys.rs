//! Names of the triggers behind foreign keys.
//!
//! PostgreSQL fires triggers of one event in the order of their names, and names those of foreign keys by object ids, which
//! differ between nodes: `a_9999` comes after `a_10000`. What a CASCADE does before a RESTRICT is looked at would then
//! depend on the node. So they get names that follow from the names of table and constraint.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::Block;
use crate::fault::{NodeFault, StatementError};
use crate::table::quote;

const WHAT: &str = "name the triggers of foreign keys";

/// A trigger of a foreign key: the table that it is on, its name, and what it should be called.
#[derive(Debug)]
struct Trigger {
    table: String,
    name: String,
    wanted: String,
}

impl Block<'_> {
    /// Gives the triggers of all foreign keys of these tables, as schema and name, their names.
    pub(super) async fn name_foreign_keys(
        &mut self,
        tables: &BTreeSet<(String, String)>,
    ) -> Result<(), StatementError> {
        for (schema, table) in tables {
            let mut script = String::new();
            for Trigger { table, name, wanted } in self.triggers_of(schema, table).await? {
                if name != wanted {
                    script.push_str(&format!(
                        "ALTER TRIGGER {} ON {table} RENAME TO {};",
                        quote(&name),
                        quote(&wanted)
                    ));
                }
            }
            if !script.is_empty() {
                self.execute(&script).await?;
            }
        }
        Ok(())
    }

    async fn triggers_of(&mut self, schema: &str, table: &str) -> Result<Vec<Trigger>, NodeFault> {
        // On the table referred to: what an update and a removal do; on the own table: the checks.
        let query = "SELECT n.nspname::text, c.relname::text, t.tgname::text, k.conname::text, p.proname::text \
             FROM pg_catalog.pg_constraint k \
             JOIN pg_catalog.pg_class o ON o.oid = k.conrelid \
             JOIN pg_catalog.pg_namespace s ON s.oid = o.relnamespace \
             JOIN pg_catalog.pg_trigger t ON t.tgconstraint = k.oid AND t.tgisinternal \
             JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
             WHERE k.contype = 'f' AND s.nspname = $1 AND o.relname = $2";
        let rows = sqlx::query(query)
            .bind(schema)
            .bind(table)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
        let trigger = |row: &sqlx::postgres::PgRow| {
            let (function, constraint): (String, String) = (row.get(4), row.get(3));
            let digest = key(schema, table, &constraint);
            let wanted = format!("kwil_fk_{digest}_{}", rank(&function)?);
            let on = format!("{}.{}", quote(row.get(0)), quote(row.get(1)));
            Some(Trigger { table: on, name: row.get(2), wanted })
        };
        let triggers: Option<Vec<_>> = rows.iter().map(trigger).collect();
        triggers.ok_or_else(|| NodeFault::invariant(WHAT, "a trigger of an unknown kind"))
    }
}

/// Sixteen digits that stand for a constraint.
fn key(schema: &str, table: &str, constraint: &str) -> String {
    let name = format!("{schema}.{table}.{constraint}");
    let digest = blake3::derive_key("kwil foreign key trigger 1", name.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Actions before checks, as PostgreSQL's own names have it.
fn rank(function: &str) -> Option<u8> {
    let function = function.strip_prefix("RI_FKey_")?;
    if function == "check_ins" {
        Some(3)
    } else if function == "check_upd" {
        Some(4)
    } else if function.ends_with("_del") {
        Some(1)
    } else if function.ends_with("_upd") {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trigger_of_a_key_has_its_place() {
        for (function, place) in [
            ("RI_FKey_cascade_del", Some(1)),
            ("RI_FKey_noaction_upd", Some(2)),
            ("RI_FKey_setnull_del", Some(1)),
            ("RI_FKey_check_ins", Some(3)),
            ("RI_FKey_check_upd", Some(4)),
            ("cap_ins", None),
        ] {
            assert_eq!(rank(function), place, "{function}");
        }
        assert_eq!(key("main", "t", "t_a_fkey").len(), 16);
    }
}
