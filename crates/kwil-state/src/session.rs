//! Settings of a session: set on every connection, read back once.
//!
//! The same statement must give the same rows and the same failures on every node, whatever the server's defaults.

use std::time::Duration;

use kwil_crypto::Hash;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::connect::connect;
use crate::endpoint::Endpoint;
use crate::fault::{FaultKind, NodeFault};

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Executes blocks.
    Writer,
    /// Reads for clients.
    Reader,
    /// Accounts, validators, status.
    Control,
    /// Verification and snapshots.
    Maintenance,
}

/// Settings that can change a result.
const SEMANTIC: [(&str, &str); 21] = [
    // Before all others: while it is on, the server quotes the names in their values.
    ("quote_all_identifiers", "off"),
    ("client_encoding", "UTF8"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("search_path", "pg_catalog"),
    ("standard_conforming_strings", "on"),
    ("backslash_quote", "safe_encoding"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("default_toast_compression", "pglz"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
    ("gin_fuzzy_search_limit", "0"),
    ("row_security", "off"),
    ("check_function_bodies", "on"),
];

/// Settings of the writer that change speed and time limits only.
const WRITER: [(&str, &str); 11] = [
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "force_generic_plan"),
    ("synchronize_seqscans", "off"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_isolation", "read committed"),
    ("synchronous_commit", "off"),
    ("temp_buffers", "32MB"),
    ("work_mem", "32MB"),
];

/// Settings of sessions that only read.
const READING: [(&str, &str); 4] = [
    ("default_transaction_read_only", "on"),
    ("default_transaction_isolation", "repeatable read"),
    ("synchronize_seqscans", "off"),
    ("lock_timeout", "0"),
];

/// How long an idle reader's transaction may stay open: a forgotten one would hold back vacuum.
const READER_IDLE: Duration = Duration::from_secs(120);

impl Purpose {
    pub(crate) fn application(self) -> &'static str {
        match self {
            Self::Writer => "kwild writer",
            Self::Reader => "kwild reader",
            Self::Control => "kwild control",
            Self::Maintenance => "kwild maintenance",
        }
    }

    fn settings(self) -> Vec<(&'static str, String)> {
        let own: &[_] = match self {
            Self::Writer => &WRITER,
            Self::Reader | Self::Control | Self::Maintenance => &READING,
        };
        let mut all: Vec<_> =
            SEMANTIC.iter().chain(own).map(|(name, value)| (*name, (*value).to_owned())).collect();
        if self == Self::Reader {
            all.push((
                "idle_in_transaction_session_timeout",
                format!("{}ms", READER_IDLE.as_millis()),
            ));
        }
        all
    }
}

/// Opens a connection with all settings of its purpose set and checked.
///
/// # Errors
/// [`NodeFault`] when the server refuses the connection or a setting.
pub(crate) async fn open(endpoint: &Endpoint, purpose: Purpose) -> Result<PgConnection, NodeFault> {
    let opened = connect(endpoint, purpose.application()).await;
    let mut connection = opened.map_err(|error| NodeFault::new("open a session", error.into()))?;
    prepare(&mut connection, purpose).await?;
    Ok(connection)
}

/// Sets and checks the settings of a purpose.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    purpose: Purpose,
) -> Result<(), NodeFault> {
    const WHAT: &str = "set up a session";
    let settings = purpose.settings();
    let mut script = String::new();
    for (name, value) in &settings {
        script.push_str(&format!("SET {name} = '{value}';"));
    }
    if purpose == Purpose::Writer
        && connection.server_version_num().is_some_and(|version| version >= 170_000)
    {
        script.push_str("SET transaction_timeout = 0;");
    }
    let run = sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut *connection).await;
    run.map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
    let names: Vec<String> = settings.iter().map(|(name, _)| (*name).to_owned()).collect();
    let query = "SELECT n, pg_catalog.current_setting(n) FROM unnest($1::text[]) AS q(n)";
    let rows = sqlx::query(query).bind(names).fetch_all(&mut *connection).await;
    for row in rows.map_err(|error| NodeFault::from_sqlx(WHAT, error))? {
        let (name, got): (String, String) = (row.get(0), row.get(1));
        let want =
            settings.iter().find(|(setting, _)| *setting == name).map(|(_, value)| value.as_str());
        // Durations come back in another unit.
        if name != "idle_in_transaction_session_timeout" && want != Some(got.as_str()) {
            let problem =
                format!("setting {name} is {got:?}, must be {:?}", want.unwrap_or_default());
            return Err(NodeFault::new(WHAT, FaultKind::Invariant(problem)));
        }
    }
    Ok(())
}

/// What two nodes compare to see whether their servers can give the same results: the major version, the layout and every
/// setting that can change one.
///
/// # Errors
/// [`NodeFault`] when the settings cannot be read.
pub(crate) async fn fingerprint(
    connection: &mut PgConnection,
    layout: i64,
) -> Result<Hash, NodeFault> {
    let fault = |error| NodeFault::from_sqlx("read settings", error);
    let major = connection.server_version_num().unwrap_or_default() / 10_000;
    let names: Vec<String> = SEMANTIC.iter().map(|(name, _)| (*name).to_owned()).collect();
    let query = "SELECT n || '=' || pg_catalog.current_setting(n) FROM unnest($1::text[]) WITH ORDINALITY AS q(n, i) ORDER BY i";
    let settings: Vec<String> =
        sqlx::query_scalar(query).bind(names).fetch_all(&mut *connection).await.map_err(fault)?;
    let encoding: String =
        sqlx::query_scalar("SELECT pg_catalog.current_setting('server_encoding')")
            .fetch_one(&mut *connection)
            .await
            .map_err(fault)?;
    let text = format!(
        "major={major}\nlayout={layout}\nserver_encoding={encoding}\n{}\n",
        settings.join("\n")
    );
    Ok(Hash(*blake3::hash(text.as_bytes()).as_bytes()))
}
