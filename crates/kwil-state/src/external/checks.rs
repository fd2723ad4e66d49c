//! The checks, one by one. Each adds what it finds; none stops the others.

use std::time::{Duration, Instant};

use sqlx::{PgConnection, Row as _};

use super::Finding;
use crate::endpoint::Endpoint;
use crate::managed::{NEWEST_MAJOR, OLDEST_MAJOR, READER};
use crate::table::quote;

/// Connections beside those of the node that the server should have.
const SPARE_CONNECTIONS: u32 = 10;
/// Locks of one transaction: a block or a snapshot may touch many tables.
const LOCKS: i64 = 256;
/// Round trip above which execution is slow.
const SLOW_ROUND_TRIP: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) version: String,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

impl Report {
    fn error(&mut self, problem: impl Into<String>, fix: impl Into<String>) {
        self.errors.push(Finding { problem: problem.into(), fix: fix.into(), restart: false });
    }

    fn warn(&mut self, problem: impl Into<String>, fix: impl Into<String>) {
        self.warnings.push(Finding { problem: problem.into(), fix: fix.into(), restart: false });
    }
}

pub(super) async fn run(
    connection: &mut PgConnection,
    endpoint: &Endpoint,
    max_connections: u32,
) -> Result<Report, sqlx::Error> {
    let database = endpoint.database();
    let mut report = Report::default();
    version(connection, &mut report).await?;
    pooler(connection, &mut report).await?;
    encoding(connection, database, &mut report).await?;
    standby(connection, &mut report).await?;
    settings(connection, max_connections, &mut report).await?;
    connections(connection, database, max_connections, &mut report).await?;
    rights(connection, database, &mut report).await?;
    readers(connection, endpoint, &mut report).await?;
    strangers(connection, database, &mut report).await?;
    round_trip(connection, &mut report).await?;
    Ok(report)
}

async fn setting(connection: &mut PgConnection, name: &str) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.current_setting($1)")
        .bind(name)
        .fetch_one(connection)
        .await
}

async fn version(connection: &mut PgConnection, report: &mut Report) -> Result<(), sqlx::Error> {
    let text = setting(connection, "server_version").await?;
    report.version = text.split_whitespace().next().unwrap_or_default().to_owned();
    let major = connection.server_version_num().unwrap_or_default() / 10_000;
    if !(OLDEST_MAJOR..=NEWEST_MAJOR).contains(&major) {
        report.error(
            format!(
                "the server is PostgreSQL {}, {OLDEST_MAJOR} to {NEWEST_MAJOR} are supported",
                report.version
            ),
            format!("use a server with a major version from {OLDEST_MAJOR} to {NEWEST_MAJOR}"),
        );
    }
    Ok(())
}

/// A pooler that gives every transaction another connection loses the writer's temporary table and its lock.
async fn pooler(connection: &mut PgConnection, report: &mut Report) -> Result<(), sqlx::Error> {
    let mut pids = Vec::new();
    for _ in 0..3 {
        let pid: i32 = sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()")
            .fetch_one(&mut *connection)
            .await?;
        pids.push(pid);
    }
    pids.dedup();
    if pids.len() > 1 {
        report.error(
            "statements of one connection run in different sessions: a connection pooler in transaction mode is between",
            "connect to the server itself, or use the pooler's session mode",
        );
    }
    Ok(())
}

async fn encoding(
    connection: &mut PgConnection,
    database: &str,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let found = setting(connection, "server_encoding").await?;
    if found != "UTF8" {
        report.error(
            format!("database {database} has encoding {found}, must be UTF8"),
            format!(
                "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0 OWNER ...",
                quote(database)
            ),
        );
    }
    Ok(())
}

async fn standby(connection: &mut PgConnection, report: &mut Report) -> Result<(), sqlx::Error> {
    if sqlx::query_scalar("SELECT pg_catalog.pg_is_in_recovery()")
        .fetch_one(&mut *connection)
        .await?
    {
        report.error(
            "the server is a standby and cannot be written",
            "set db.host to the primary server",
        );
    } else if setting(connection, "default_transaction_read_only").await? == "on" {
        report.error(
            "sessions of this role are read-only",
            "ALTER ROLE ... SET default_transaction_read_only = off",
        );
    }
    Ok(())
}

async fn settings(
    connection: &mut PgConnection,
    max_connections: u32,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let wanted_connections = max_connections.saturating_add(SPARE_CONNECTIONS);
    for name in ["fsync", "full_page_writes", "autovacuum"] {
        let found = setting(connection, name).await?;
        if found != "on" {
            finding(connection, report, name, &found, "on").await?;
        }
    }
    for (name, least) in
        [("max_connections", i64::from(wanted_connections)), ("max_locks_per_transaction", LOCKS)]
    {
        let found = setting(connection, name).await?;
        if found.parse::<i64>().unwrap_or_default() < least {
            finding(connection, report, name, &found, &least.to_string()).await?;
        }
    }
    let messages = setting(connection, "lc_messages").await?;
    if !(messages.is_empty()
        || ["C", "POSIX"].contains(&messages.as_str())
        || messages.starts_with("en"))
    {
        report.warn(
            format!("lc_messages is {messages}: texts of errors from the server are not English"),
            "ALTER SYSTEM SET lc_messages = 'C'; SELECT pg_reload_conf()",
        );
    }
    Ok(())
}

/// A setting with another value than needed, and how to change it.
async fn finding(
    connection: &mut PgConnection,
    report: &mut Report,
    name: &str,
    found: &str,
    wanted: &str,
) -> Result<(), sqlx::Error> {
    let context: String =
        sqlx::query_scalar("SELECT context FROM pg_catalog.pg_settings WHERE name = $1")
            .bind(name)
            .fetch_one(connection)
            .await?;
    let restart = context == "postmaster";
    let least = if wanted.parse::<i64>().is_ok() { "at least " } else { "" };
    let reload = if restart { "" } else { "; SELECT pg_reload_conf()" };
    report.errors.push(Finding {
        problem: format!("setting {name} is {found}, must be {least}{wanted}"),
        fix: format!("ALTER SYSTEM SET {name} = {wanted}{reload}"),
        restart,
    });
    Ok(())
}

async fn connections(
    connection: &mut PgConnection,
    database: &str,
    max_connections: u32,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let query = "SELECT (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user), \
                 (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = current_database()), \
                 pg_catalog.current_setting('max_connections')::int8 - pg_catalog.current_setting('superuser_reserved_connections')::int8 \
                 - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()), \
                 current_user::text";
    let row = sqlx::query(query).fetch_one(connection).await?;
    let (role, data, free, user): (i32, i32, i64, String) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let needed = i64::from(max_connections);
    for (what, limit, name) in [("role", role, &user), ("database", data, &database.to_owned())] {
        if limit >= 0 && i64::from(limit) < needed {
            report.error(
                format!(
                    "{what} {name} may have {limit} connections, the node opens up to {needed}"
                ),
                format!("ALTER {} {} CONNECTION LIMIT {needed}", what.to_uppercase(), quote(name)),
            );
        }
    }
    if free < needed {
        report.warn(
            format!("only {free} connections are free, the node opens up to {needed}"),
            "close other sessions, raise max_connections, or lower db.max_connections",
        );
    }
    Ok(())
}

/// Tries what the node does, in a transaction that is rolled back.
async fn rights(
    connection: &mut PgConnection,
    database: &str,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let attempts = [
        ("create schemas", "CREATE SCHEMA kwild_probe", "CREATE"),
        ("create tables", "CREATE TABLE kwild_probe.t (x int8)", "CREATE"),
        (
            "create functions",
            "CREATE FUNCTION kwild_probe.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE",
        ),
        (
            "create triggers",
            "CREATE TRIGGER r AFTER INSERT ON kwild_probe.t FOR EACH ROW EXECUTE FUNCTION kwild_probe.f()",
            "CREATE",
        ),
        (
            "create temporary tables",
            "CREATE TEMPORARY TABLE kwild_probe_temp (x int8)",
            "TEMPORARY",
        ),
    ];
    let user: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut *connection).await?;
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
    let mut refused_create = false;
    for (what, statement, privilege) in attempts {
        // Without a schema the next attempts say nothing new.
        if privilege == "CREATE" && refused_create {
            continue;
        }
        sqlx::raw_sql("SAVEPOINT probe").execute(&mut *connection).await?;
        match sqlx::raw_sql(statement).execute(&mut *connection).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(cause)) => {
                refused_create |= privilege == "CREATE";
                report.error(
                    format!(
                        "role {user} may not {what} in database {database}: {}",
                        cause.message()
                    ),
                    format!(
                        "GRANT {privilege} ON DATABASE {} TO {}",
                        quote(database),
                        quote(&user)
                    ),
                );
                sqlx::raw_sql("ROLLBACK TO SAVEPOINT probe").execute(&mut *connection).await?;
            }
            Err(other) => return Err(other),
        }
    }
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map(drop)
}

/// A role that was asked for by name must be there; the usual one is used where it is.
async fn readers(
    connection: &mut PgConnection,
    endpoint: &Endpoint,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let (role, user) = (endpoint.reader(), endpoint.user());
    if role == READER {
        return Ok(());
    }
    let query = "SELECT pg_catalog.pg_has_role(r.oid, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $1";
    let member: Option<bool> =
        sqlx::query_scalar(query).bind(role).fetch_optional(connection).await?;
    let grant = format!("GRANT {} TO {}", quote(role), quote(user));
    match member {
        Some(true) => {}
        Some(false) => {
            report.error(format!("role {user} may not switch to role {role} for reads"), grant);
        }
        None => report.error(
            format!("role {role} for reads does not exist"),
            format!("CREATE ROLE {} NOLOGIN; {grant}", quote(role)),
        ),
    }
    Ok(())
}

async fn strangers(
    connection: &mut PgConnection,
    database: &str,
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let query = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datname = $1 \
                 AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() AND application_name NOT LIKE 'kwild %'";
    let others: i64 = sqlx::query_scalar(query).bind(database).fetch_one(connection).await?;
    if others > 0 {
        report.warn(
            format!("{others} other sessions use database {database}"),
            "give the node a database of its own",
        );
    }
    Ok(())
}

async fn round_trip(connection: &mut PgConnection, report: &mut Report) -> Result<(), sqlx::Error> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        sqlx::raw_sql("SELECT 1").execute(&mut *connection).await?;
        best = best.min(start.elapsed());
    }
    if best > SLOW_ROUND_TRIP {
        report.warn(
            format!(
                "a round trip to the server takes {:.1} ms; blocks execute slowly",
                best.as_secs_f64() * 1000.0
            ),
            "run the node near its server",
        );
    }
    Ok(())
}
