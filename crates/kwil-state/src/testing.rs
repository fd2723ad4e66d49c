//! Fixtures for tests, behind the feature `testing`: one private PostgreSQL cluster for each test process, a fresh
//! database for each test.
//!
//! The cluster is started by the first test that asks and dies with the process, also when that crashes or is killed.
//! Its folder is removed by the next test process that starts one. Needs PostgreSQL, and `setpriv` of util-linux.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a fixture that cannot be made fails the test that asked"
)]

mod sessions;

pub use sessions::{genesis_with_language, reader, reads_of, write_session};

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use kwil_types::{EncodedValue, Payload, PayloadType, Value};
use rustix::fs::FlockOperation;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::canon::{Image, MAX_ROW_BYTES, encode_image};
use crate::connect::connect;
use crate::copy::CopyReader;
use crate::endpoint::Endpoint;
use crate::managed::{Launcher, Managed, ManagedConfig, OWNER};
use crate::table::{Column, ColumnId, ColumnType, Table, TableId};
use crate::values::{push_literal, read_value};

/// Memory that a test cluster is sized for, in bytes.
const TEST_MEMORY: u64 = 512 * 1024 * 1024;
const FOLDER_PREFIX: &str = "kwil-test-pg-";

static CLUSTER: OnceLock<TestCluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The cluster of this test process.
#[derive(Debug)]
struct TestCluster {
    owner: Endpoint,
    superuser: Endpoint,
    // Held for its lock: a folder without a lock is removed by the next test process.
    _lock: File,
}

/// A database of its own for one test, owned by the ordinary role `kwild`.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    endpoint: Endpoint,
    superuser: Endpoint,
}

impl TestDatabase {
    /// Makes an empty database.
    ///
    /// # Panics
    /// When PostgreSQL or `setpriv` is missing or the server does not start.
    pub async fn create() -> Self {
        let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(TestCluster::start)).await;
        let cluster = cluster.expect("the test cluster starts");
        let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut admin = connect(&cluster.superuser.clone().with_database("postgres"), "test")
            .await
            .expect("connect");
        let create = format!("CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.expect("create database");
        admin.close().await.expect("close");
        let endpoint = cluster.owner.clone().with_database(&name);
        Self { endpoint, superuser: cluster.superuser.clone().with_database(&name) }
    }

    /// The database as the role that owns it.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The database as the cluster's superuser.
    #[must_use]
    pub fn superuser(&self) -> &Endpoint {
        &self.superuser
    }

    /// A plain connection of the owner, as `psql` would make one.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.endpoint, "test").await.expect("connect as owner")
    }

    /// A plain connection of the superuser.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect_superuser(&self) -> PgConnection {
        connect(&self.superuser, "test").await.expect("connect as superuser")
    }
}

/// Opens a plain connection.
///
/// # Errors
/// What the node would report.
pub async fn try_connect(endpoint: &Endpoint) -> Result<PgConnection, crate::ConnectError> {
    connect(endpoint, "test").await
}

/// Opens a plain connection.
///
/// # Panics
/// When the server refuses.
pub async fn connect_to(endpoint: &Endpoint) -> PgConnection {
    try_connect(endpoint).await.expect("connect")
}

/// A configuration for a managed server in `folder` that works in tests of any crate. When root runs the tests, the
/// parents of `folder` must be open to other users: see [`open_temp_dir`].
#[must_use]
pub fn managed_config(folder: PathBuf) -> ManagedConfig {
    ManagedConfig {
        max_connections: 90,
        memory: Some(TEST_MEMORY),
        ..ManagedConfig::new(folder, Launcher::Setpriv)
    }
}

/// A new folder that the server's user can pass through. The caller removes it.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn open_temp_dir() -> PathBuf {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).expect("random bytes");
    let path = std::env::temp_dir().join(format!("{FOLDER_PREFIX}{}", hex::encode(bytes)));
    std::fs::DirBuilder::new()
        .mode(0o711)
        .create(&path)
        .expect("create a folder for the test cluster");
    path
}

impl TestCluster {
    fn start() -> Self {
        remove_abandoned();
        let folder = open_temp_dir();
        let lock = lock(&folder).expect("lock the new folder");
        let config = managed_config(folder.join("pg"));
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        // Tests have a runtime each; the cluster must outlive them all, so it gets a thread with its own.
        std::thread::Builder::new()
            .name("test-cluster".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("runtime");
                runtime.block_on(async {
                    let managed = Managed::start(config).await;
                    let endpoints =
                        managed.as_ref().map(|it| (it.endpoint().clone(), it.superuser().clone()));
                    let told = sender.send(endpoints.map_err(ToString::to_string));
                    told.expect("the test waits for its cluster");
                    std::future::pending::<()>().await;
                });
            })
            .expect("start a thread");
        match receiver.recv().expect("the cluster's thread answers") {
            Ok((owner, superuser)) => Self { owner, superuser, _lock: lock },
            Err(error) => panic!("cannot start PostgreSQL for tests: {error}"),
        }
    }
}

fn lock(folder: &Path) -> Option<File> {
    let file = File::create(folder.join("in-use")).ok()?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// Removes what test processes of the past left behind.
fn remove_abandoned() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(FOLDER_PREFIX));
        // A folder without the file is just being made by another process.
        if ours && path.join("in-use").exists() && lock(&path).is_some() {
            // Another process may remove it at the same time.
            drop(std::fs::remove_dir_all(&path));
        }
    }
}

/// A table with a column of every type, for the decoders.
fn table_of_every_type() -> Table {
    let types = [
        "int8",
        "bool",
        "text",
        "bytea",
        "uuid",
        "numeric(20,5)",
        "int8[]",
        "numeric(20,5)[]",
        "text[]",
    ];
    let column = |(id, ty): (u32, &str)| Column {
        id: ColumnId(id),
        name: format!("c{id}"),
        ty: ColumnType::parse(ty).expect("a known type"),
        not_null: false,
    };
    let columns = (1..).zip(types).map(column).collect();
    Table { id: TableId(1000), schema: "main".into(), name: "t".into(), columns }
}

/// Decodes a row image as PostgreSQL sends one, with and without type ids.
///
/// # Panics
/// When an accepted image gives a canonical row above the limit.
pub fn fuzz_row_image(data: &[u8]) {
    let table = table_of_every_type();
    let mut out = Vec::new();
    for image in [Image::Record(data), Image::Tuple(data)] {
        if encode_image(&table, image, &mut out).is_ok() {
            assert!(out.len() <= MAX_ROW_BYTES.saturating_add(data.len()));
        }
    }
}

/// Arguments of statements and calls on their way to the server: what can be decoded becomes literals that nothing in a
/// value ends, and that are read as the same value. The first byte says which payload the others are.
///
/// # Panics
/// When a literal does not mean its value.
pub fn fuzz_parameters(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    let bytes = bytes::Bytes::copy_from_slice(payload);
    let name = if kind & 1 == 0 { PayloadType::RawStatement } else { PayloadType::Execute };
    let values: Vec<EncodedValue> = match Payload::decode(name.name(), &bytes) {
        Ok(Payload::RawStatement(raw)) => raw.parameters.into_iter().map(|it| it.value).collect(),
        Ok(Payload::Execute(calls)) => calls.calls().flatten().cloned().collect(),
        Ok(_) | Err(_) => return,
    };
    for value in values.iter().filter_map(|value| value.to_value().ok()) {
        check_literal(&value);
    }
}

fn check_literal(value: &Value) {
    let mut literal = String::from("x");
    if push_literal(value, &mut literal).is_err() {
        return;
    }
    let literal = &literal[1..];
    if let Value::Null(_) = value {
        assert_eq!(literal, "NULL");
        return;
    }
    let inner = literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let inner = inner.expect("a literal is quoted");
    assert!(!inner.replace("''", "").contains('\''), "{inner}");
    let read = read_value(Some(&inner.replace("''", "'")), value.data_type());
    assert_eq!(read.as_ref(), Ok(value), "{literal}");
}

/// Reads a stream of `COPY … BINARY`, cut into chunks by its first byte.
///
/// # Panics
/// When the runtime cannot be made.
pub fn fuzz_copy_stream(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let chunk = usize::from(*cut).saturating_add(1);
    let chunks: Vec<_> = stream.chunks(chunk).map(bytes::Bytes::copy_from_slice).collect();
    runtime.block_on(async {
        let mut reader = CopyReader::from_chunks(chunks);
        while let Ok(Some(_tuple)) = reader.next().await {}
    });
}

#[cfg(test)]
mod tests {
    use kwil_types::{Array, DataType, Execute, Parameter, RawStatement};

    use super::*;

    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed | 1;
        let byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Small numbers look like lengths and counts more often than evenly spread ones.
            let byte = (state >> 56) as u8;
            if state >> 32 & 3 == 0 { byte } else { byte & 7 }
        };
        std::iter::repeat_with(byte).take(length).collect()
    }

    #[test]
    fn noise_passes_through_the_fuzz_entries() {
        for seed in 0..4000 {
            let bytes = noise(seed, usize::try_from(seed % 300).unwrap());
            fuzz_row_image(&bytes);
            fuzz_parameters(&bytes);
            fuzz_copy_stream(&bytes);
            let header: Vec<u8> =
                [&[5], &b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..], &bytes].concat();
            fuzz_copy_stream(&header);
        }
    }

    /// Payloads with values of every type.
    fn payloads() -> Vec<Vec<u8>> {
        let kinds = ["int8", "text", "bool", "bytea", "uuid", "numeric(20,5)"];
        let kind = |name: &str| kwil_lang::parse_type(name).unwrap().data_type.kind();
        let texts = [
            "-5",
            "it''s \\ \"{,}NULL",
            "t",
            "\\x00ff",
            "00000000-0000-0000-0000-000000000007",
            "1.5",
        ];
        let mut values = Vec::new();
        for (name, text) in kinds.iter().zip(texts) {
            let of = DataType::scalar(kind(name));
            let value = read_value(Some(text), of).unwrap();
            let Value::Scalar(scalar) = &value else { panic!("{value:?}") };
            values.push(Value::Array(
                Array::new(kind(name), vec![Some(scalar.clone()), None]).unwrap(),
            ));
            values.extend([Value::Null(of), value]);
        }
        let encoded = || values.iter().map(|value| EncodedValue::from_value(value).unwrap());
        let parameter = |value| Parameter { name: "$p".into(), value };
        let raw = RawStatement {
            statement: "SELECT $p".into(),
            parameters: encoded().map(parameter).collect(),
        };
        let call = Execute::new("main", "a", vec![encoded().collect()]).unwrap();
        let raw = Payload::RawStatement(raw).encode().unwrap();
        let call = Payload::Execute(call).encode().unwrap();
        [(0, raw), (1, call)].into_iter().map(|(kind, bytes)| [&[kind], &*bytes].concat()).collect()
    }

    #[test]
    fn damaged_parameters_have_literals_that_mean_what_is_left() {
        for payload in payloads() {
            fuzz_parameters(&payload);
            for place in 1..payload.len() {
                for bit in 0..8 {
                    let mut damaged = payload.clone();
                    damaged[place] ^= 1 << bit;
                    fuzz_parameters(&damaged);
                }
            }
        }
    }

    #[test]
    fn the_corpus_has_payloads_with_values() {
        let folder =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/fuzz/state_parameters/");
        for (name, payload) in ["raw_statement", "execute"].iter().zip(payloads()) {
            assert_eq!(std::fs::read(format!("{folder}{name}")).unwrap(), payload, "{name}");
        }
    }
}
