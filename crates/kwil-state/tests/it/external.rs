//! Servers of the operator: what is refused, with which fix.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kwil_state::testing::{TestDatabase, reader as take_reader};
use kwil_state::{
    ConnectProblem, Database, Endpoint, External, ExternalError, Finding, Managed, NewTable,
    Secret, Writer,
};
use sqlx::AssertSqlSafe;
use tokio_util::sync::CancellationToken;

use crate::fixture::{account, added, commit, identity};
use crate::managed::{config, helper, private_root};

async fn run(database: &TestDatabase, sql: String) {
    let mut root = database.connect_superuser().await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut root).await.unwrap();
}

fn findings(result: Result<External, ExternalError>) -> Vec<Finding> {
    match result.unwrap_err() {
        ExternalError::Unfit { findings, .. } => findings,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_ordinary_owner_is_enough_for_everything_a_node_does() {
    let database = TestDatabase::create().await;
    let name = database.endpoint().database().to_owned();
    let role = format!("{name}_owner");
    let setup =
        format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'; ALTER DATABASE {name} OWNER TO {role}");
    run(&database, setup).await;
    let endpoint = database.endpoint().clone().with_role(&role, Secret::new("pw".into()));
    let external = External::check(endpoint.clone(), 20).await.unwrap();
    assert!(external.version().starts_with(|c: char| c.is_ascii_digit()));

    let mut writer = Writer::open(endpoint.clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    block.set_network(&identity()).await.unwrap();
    block.create_namespace("main", "USER").await.unwrap();
    block.create_table(&crate::fixture::table("t", &[("id", "int8")])).await.unwrap();
    block.execute("INSERT INTO main.t VALUES (1)").await.unwrap();
    block.store(&[added(account("alice", 5))]).await.unwrap();
    commit(&mut writer).await;
    assert!(kwil_state::verify_state(&endpoint, None).await.unwrap().holds());
    // Without the readers' role reads are protected by the transaction alone.
    let readers = Database::new(endpoint, 10);
    let mut view = take_reader(&readers).await.unwrap();
    let rows = sqlx::raw_sql("SELECT * FROM main.t").fetch_all(&mut view).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(sqlx::raw_sql("DELETE FROM main.t").execute(&mut view).await.is_err());
}

#[tokio::test]
async fn a_role_of_the_operator_for_reads_sees_user_tables_and_cannot_write_them() {
    let database = TestDatabase::create().await;
    let name = database.endpoint().database().to_owned();
    let (owner, reader) = (format!("{name}_owner"), format!("{name}-Reader"));
    let setup =
        format!("CREATE ROLE {owner} LOGIN PASSWORD 'pw'; ALTER DATABASE {name} OWNER TO {owner}");
    run(&database, setup).await;
    let endpoint = database.endpoint().clone().with_role(&owner, Secret::new("pw".into()));
    // A table that was made before the role is named.
    let mut writer = Writer::open(endpoint.clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    block.set_network(&identity()).await.unwrap();
    block.create_namespace("main", "USER").await.unwrap();
    block.create_table(&crate::fixture::table("before", &[("id", "int8")])).await.unwrap();
    commit(&mut writer).await;
    drop(writer);

    let named = endpoint.with_reader(&reader);
    let fix = |found: &[Finding]| found.first().map(|finding| finding.fix.clone()).unwrap();
    let missing = findings(External::check(named.clone(), 20).await);
    assert_eq!(
        fix(&missing),
        format!("CREATE ROLE \"{reader}\" NOLOGIN; GRANT \"{reader}\" TO \"{owner}\"")
    );
    run(&database, format!("CREATE ROLE \"{reader}\" NOLOGIN")).await;
    let stranger = findings(External::check(named.clone(), 20).await);
    assert_eq!(fix(&stranger), format!("GRANT \"{reader}\" TO \"{owner}\""));
    run(&database, fix(&stranger)).await;
    External::check(named.clone(), 20).await.unwrap();

    let mut writer = Writer::open(named.clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(1, CancellationToken::new()).await.unwrap();
    block.create_namespace("Later", "USER").await.unwrap();
    let later =
        NewTable { schema: "Later".into(), ..crate::fixture::table("t", &[("id", "int8")]) };
    block.create_table(&later).await.unwrap();
    commit(&mut writer).await;
    assert!(kwil_state::verify_state(&named, None).await.unwrap().holds());

    let readers = Database::new(named, 10);
    let mut view = take_reader(&readers).await.unwrap();
    let role: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut view).await.unwrap();
    assert_eq!(role, reader);
    sqlx::raw_sql("SET default_transaction_read_only = off").execute(&mut view).await.unwrap();
    for (sql, allowed) in [
        ("SELECT * FROM main.before", true),
        ("SELECT * FROM \"Later\".t", true),
        ("SELECT * FROM kwild_meta.accounts", false),
        ("INSERT INTO main.before VALUES (1)", false),
    ] {
        assert_eq!(sqlx::raw_sql(sql).execute(&mut view).await.is_ok(), allowed, "{sql}");
    }
}

#[tokio::test]
async fn every_problem_is_reported_at_once_with_its_fix() {
    let database = TestDatabase::create().await;
    let name = format!("{}_latin", database.endpoint().database());
    let role = format!("{name}_role");
    for statement in [
        format!("CREATE ROLE {role} LOGIN PASSWORD 'pw' CONNECTION LIMIT 3"),
        format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"),
        format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
        format!("GRANT CONNECT ON DATABASE {name} TO {role}"),
    ] {
        run(&database, statement).await;
    }
    let endpoint =
        database.endpoint().clone().with_database(&name).with_role(&role, Secret::new("pw".into()));
    let found = findings(External::check(endpoint, 20).await);
    let expected = [
        ("encoding LATIN1", "ENCODING 'UTF8' TEMPLATE template0".to_owned()),
        ("may have 3 connections", format!("ALTER ROLE \"{role}\" CONNECTION LIMIT 20")),
        ("may not create schemas", format!("GRANT CREATE ON DATABASE \"{name}\" TO \"{role}\"")),
        (
            "may not create temporary tables",
            format!("GRANT TEMPORARY ON DATABASE \"{name}\" TO \"{role}\""),
        ),
    ];
    for (problem, fix) in expected {
        let hit = found.iter().find(|finding| finding.problem.contains(problem));
        assert!(hit.is_some_and(|finding| finding.fix.contains(&fix)), "{problem}: {found:#?}");
    }
    assert_eq!(found.len(), 4, "{found:#?}");
}

/// A server of somebody else on the folder of a managed one.
pub(crate) fn start_server(root: &Path, program: &Path, settings: &[&str]) -> Child {
    let mut command = Command::new(helper());
    command.arg(root.join("pg"));
    if is_root() {
        let owner = std::fs::metadata(root.join("pg/data")).unwrap();
        use std::os::unix::fs::MetadataExt as _;
        command.args([owner.uid().to_string(), owner.gid().to_string()]);
    } else {
        command.args(["-", "-"]);
    }
    command.args([std::process::id().to_string().as_str()]).arg(program.join("postgres")).args([
        "-D",
        "{folder}/data",
        "-c",
        "unix_socket_directories=../run",
    ]);
    for setting in settings {
        command.args(["-c", setting]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test]
async fn settings_that_break_durability_or_capacity_are_refused() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let (endpoint, program) =
        (managed.endpoint().clone(), managed.binaries().folder().to_path_buf());
    managed.stop().await;
    let settings = [
        "listen_addresses=",
        "fsync=off",
        "full_page_writes=off",
        "autovacuum=off",
        "max_locks_per_transaction=64",
        "max_connections=40",
    ];
    let mut server = start_server(root.path(), &program, &settings);
    let result = External::check_waiting(endpoint.clone(), 50, Duration::from_secs(60)).await;
    let found = findings(result);
    let expected = [
        (
            "setting fsync is off, must be on",
            "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()",
            false,
        ),
        ("setting full_page_writes is off", "ALTER SYSTEM SET full_page_writes = on", false),
        ("setting autovacuum is off", "ALTER SYSTEM SET autovacuum = on", false),
        (
            "setting max_connections is 40, must be at least 60",
            "ALTER SYSTEM SET max_connections = 60",
            true,
        ),
        (
            "setting max_locks_per_transaction is 64, must be at least 256",
            "SET max_locks_per_transaction = 256",
            true,
        ),
    ];
    for (problem, fix, restart) in expected {
        let hit = found.iter().find(|finding| finding.problem.contains(problem));
        assert!(
            hit.is_some_and(|it| it.fix.contains(fix) && it.restart == restart),
            "{problem}: {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    stop_server(&mut server);
}

pub(crate) fn stop_server(server: &mut Child) {
    Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_place() {
    let endpoint =
        Endpoint::tcp("127.0.0.1", 1, "kwild").with_role("kwild", Secret::new(String::new()));
    let error = External::check(endpoint, 20).await.unwrap_err();
    let ExternalError::Connect(error) = error else { panic!("{error}") };
    assert!(matches!(error.problem, ConnectProblem::Unreachable(_)), "{error}");
    assert!(
        error.to_string().starts_with(
            "cannot connect to PostgreSQL at 127.0.0.1:1 as user kwild, database kwild:"
        )
    );
}
