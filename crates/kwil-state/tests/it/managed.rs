//! The managed server: started, stopped, killed, orphaned, misused.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kwil_state::testing::{TestDatabase, connect_to};
use kwil_state::{
    ConnectProblem, Endpoint, Launcher, Managed, ManagedConfig, ManagedError, Secret, ServerStatus,
    Stopped,
};
use tempfile::TempDir;

pub(crate) fn helper() -> PathBuf {
    env!("CARGO_BIN_EXE_kwil-pg-exec").into()
}

/// A root folder that nobody but us may enter, as a node makes it.
pub(crate) fn private_root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    root
}

pub(crate) fn config(root: &Path) -> ManagedConfig {
    ManagedConfig {
        stop_timeout: Duration::from_secs(20),
        memory: Some(512 * 1024 * 1024),
        ..ManagedConfig::new(root.join("pg"), Launcher::Program(helper()))
    }
}

async fn scalar(endpoint: &Endpoint, query: &'static str) -> String {
    let mut connection = connect_to(endpoint).await;
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

async fn running(managed: &Managed, wanted: u64) {
    let mut status = managed.status();
    let reached = status.wait_for(
        |now| matches!(now, ServerStatus::Running { generation } if *generation >= wanted),
    );
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("restart in time").unwrap();
}

#[tokio::test]
async fn a_private_root_is_enough_and_a_second_start_finds_the_same_data() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let endpoint = managed.endpoint().clone();
    let mut connection = connect_to(&endpoint).await;
    sqlx::raw_sql("CREATE SCHEMA s; CREATE TABLE s.t (x int8); INSERT INTO s.t VALUES (7)")
        .execute(&mut connection)
        .await
        .unwrap();
    drop(connection);
    assert_eq!(managed.stop().await, Stopped::Fast);

    let managed = Managed::start(config(root.path())).await.unwrap();
    assert_eq!(scalar(managed.endpoint(), "SELECT x::text FROM s.t").await, "7");
    assert_eq!(managed.endpoint(), &endpoint);
    let server = std::fs::metadata(format!("/proc/{}", managed.pid())).unwrap();
    assert_ne!(server.uid(), 0, "PostgreSQL must not run as root");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", managed.pid())).unwrap();
    let group: u32 = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap().parse().unwrap();
    assert_eq!(group, managed.pid(), "Ctrl-C in the node's terminal must not reach the server");
    for private in ["pg", "pg/data", "pg/run"] {
        let mode = std::fs::metadata(root.path().join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{private}");
    }
    managed.stop().await;
}

#[tokio::test]
async fn the_owner_is_an_ordinary_role_and_durability_is_on() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let conf = root.path().join("pg/data/postgresql.conf");
    let tuned = std::fs::read_to_string(&conf).unwrap();
    assert!(tuned.contains("shared_buffers"));
    let rights = "SELECT rolsuper::text || rolreplication || rolcreaterole || rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = 'kwild'";
    assert_eq!(scalar(managed.endpoint(), rights).await, "falsefalsefalsefalse");
    for (query, value) in [
        ("SELECT current_setting('fsync')", "on"),
        ("SELECT current_setting('wal_level')", "minimal"),
        ("SELECT current_setting('listen_addresses')", ""),
        ("SELECT current_setting('data_checksums')", "on"),
        ("SELECT current_setting('max_stack_depth')", "6MB"),
        ("SELECT datcollate FROM pg_catalog.pg_database WHERE datname = current_database()", "C"),
    ] {
        assert_eq!(scalar(managed.endpoint(), query).await, value, "{query}");
    }
    managed.stop().await;
}

#[tokio::test]
async fn an_edited_configuration_cannot_switch_off_fsync() {
    let root = private_root();
    Managed::start(config(root.path())).await.unwrap().stop().await;
    let conf = root.path().join("pg/data/postgresql.conf");
    let tuned = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, format!("{tuned}fsync = off\nwork_mem = 17MB\n")).unwrap();
    let managed = Managed::start(config(root.path())).await.unwrap();
    assert_eq!(scalar(managed.endpoint(), "SELECT current_setting('fsync')").await, "on");
    assert_eq!(scalar(managed.endpoint(), "SELECT current_setting('work_mem')").await, "17MB");
    managed.stop().await;
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_its_data() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let mut connection = connect_to(managed.endpoint()).await;
    sqlx::raw_sql("CREATE SCHEMA s; CREATE TABLE s.t (x int8); INSERT INTO s.t VALUES (7)")
        .execute(&mut connection)
        .await
        .unwrap();
    let first = managed.pid();
    kill("-KILL", first);
    running(&managed, 2).await;
    assert_ne!(managed.pid(), first);
    assert_eq!(scalar(managed.endpoint(), "SELECT x::text FROM s.t").await, "7");
    assert_eq!(managed.stop().await, Stopped::Fast);
}

#[tokio::test]
async fn a_server_that_cannot_restart_is_tried_again_until_it_can() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let conf = root.path().join("pg/data/postgresql.conf");
    let good = std::fs::read(&conf).unwrap();
    std::fs::write(&conf, "shared_buffers = nonsense\n").unwrap();
    kill_all(managed.pid());
    let mut status = managed.status();
    let retried =
        status.wait_for(|now| matches!(now, ServerStatus::Restarting { attempt } if *attempt >= 2));
    tokio::time::timeout(Duration::from_secs(60), retried).await.expect("a second try").unwrap();
    std::fs::write(&conf, good).unwrap();
    running(&managed, 2).await;
    assert_eq!(scalar(managed.endpoint(), "SELECT 'alive'").await, "alive");
    assert_eq!(managed.stop().await, Stopped::Fast);
}

#[tokio::test]
async fn two_nodes_on_one_folder_are_refused_by_name() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let error = Managed::start(config(root.path())).await.unwrap_err();
    assert!(
        matches!(error, ManagedError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    assert_eq!(scalar(managed.endpoint(), "SELECT 'alive'").await, "alive");
    managed.stop().await;
}

#[tokio::test]
async fn a_server_left_behind_is_stopped_and_its_data_used() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    managed.stop().await;
    // A server that nobody watches, as a crash of the node could leave it.
    let folder = root.path().join("pg");
    let user = std::fs::metadata(folder.join("data")).unwrap();
    let postgres = Managed::start(config(root.path())).await.unwrap();
    let program = postgres.binaries().folder().join("postgres");
    postgres.stop().await;
    let mut orphan = Command::new(helper())
        .arg(&folder)
        .args(if user.uid() == 0 {
            ["-".into(), "-".into()]
        } else {
            [user.uid().to_string(), user.gid().to_string()]
        })
        .arg("-")
        .arg(program)
        .args([
            "-D",
            "{folder}/data",
            "-c",
            "listen_addresses=",
            "-c",
            "unix_socket_directories=../run",
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = folder.join("data/postmaster.pid");
    while !std::fs::read_to_string(&pid_file).is_ok_and(|text| text.contains("ready")) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = Managed::start(config(root.path())).await.unwrap();
    assert!(orphan.wait().unwrap().success(), "the orphan shut down in order");
    assert_ne!(again.pid(), orphan.id());
    again.stop().await;
}

#[tokio::test]
async fn a_stale_pid_file_and_a_half_made_cluster_do_not_matter() {
    let root = private_root();
    let pg = root.path().join("pg");
    std::fs::create_dir_all(pg.join("data.tmp/base")).unwrap();
    std::fs::write(pg.join("data.tmp/PG_VERSION"), "15\n").unwrap();
    let managed = Managed::start(config(root.path())).await.unwrap();
    managed.stop().await;
    std::fs::write(
        pg.join("data/postmaster.pid"),
        format!("{}\n/nowhere\n1\n5432\n", std::process::id()),
    )
    .unwrap();
    let owner = std::fs::metadata(pg.join("data")).unwrap();
    std::os::unix::fs::chown(pg.join("data/postmaster.pid"), Some(owner.uid()), Some(owner.gid()))
        .unwrap();
    let managed = Managed::start(config(root.path())).await.unwrap();
    assert_eq!(scalar(managed.endpoint(), "SELECT 'alive'").await, "alive");
    managed.stop().await;
}

#[tokio::test]
async fn a_root_with_a_long_path_gets_a_short_socket() {
    let root = private_root();
    let long = root.path().join("d".repeat(100));
    let managed = Managed::start(config(&long)).await.unwrap();
    assert_eq!(scalar(managed.endpoint(), "SELECT 'alive'").await, "alive");
    assert!(managed.endpoint().place().len() <= 107);
    managed.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_apart() {
    let database = TestDatabase::create().await;
    let wrong = database.endpoint().clone().with_role("kwild", Secret::new("wrong".into()));
    let error = kwil_state::testing::try_connect(&wrong).await.unwrap_err();
    assert!(matches!(error.problem, ConnectProblem::WrongPassword), "{error}");
    assert!(error.hint().unwrap().contains("db.pass"));
    let missing = database.endpoint().clone().with_database("absent");
    let error = kwil_state::testing::try_connect(&missing).await.unwrap_err();
    assert!(matches!(error.problem, ConnectProblem::NoDatabase), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let root = private_root();
    Managed::start(config(root.path())).await.unwrap().stop().await;
    let conf = root.path().join("pg/data/postgresql.conf");
    std::fs::write(&conf, "shared_buffers = nonsense\n").unwrap();
    let error = Managed::start(config(root.path())).await.unwrap_err();
    assert!(
        matches!(&error, ManagedError::Exited { output, .. } if output.contains("nonsense")),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_disk_is_named() {
    // A file system of 8 MiB holds no cluster.
    let root = private_root();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
        .arg(root.path())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        // Only root of the machine, not of every container, may mount.
        return;
    }
    let error = Managed::start(config(root.path())).await.unwrap_err();
    let unmounted = Command::new("umount").arg(root.path()).status().unwrap();
    assert!(unmounted.success());
    assert!(matches!(error, ManagedError::DiskFull { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("free space"));
}

#[tokio::test]
async fn the_helper_refuses_to_start_anything_for_a_parent_that_is_gone() {
    let root = private_root();
    Managed::start(config(root.path())).await.unwrap().stop().await;
    let output = Command::new(helper())
        .arg(root.path().join("pg"))
        .args(["-", "-", "1", "/bin/echo", "started"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(126));
    assert!(String::from_utf8_lossy(&output.stderr).contains("parent is gone"));
}

#[tokio::test]
async fn the_server_ends_with_the_process_that_started_it() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let program = managed.binaries().folder().join("postgres");
    managed.stop().await;
    let folder = root.path().join("pg");
    let owner = std::fs::metadata(folder.join("data")).unwrap();
    let (uid, gid) = match owner.uid() == std::fs::metadata("/proc/self").unwrap().uid() {
        true => ("-".into(), "-".into()),
        false => (owner.uid().to_string(), owner.gid().to_string()),
    };
    // The shell stands for a node that is killed.
    let script = r#"helper=$1 folder=$2 uid=$3 gid=$4 program=$5; "$helper" "$folder" "$uid" "$gid" $$ "$program" \
        -D '{folder}/data' -c listen_addresses= -c unix_socket_directories=../run & wait"#;
    let mut node = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(helper())
        .arg(&folder)
        .args([uid, gid])
        .arg(program)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = folder.join("data/postmaster.pid");
    while !std::fs::read_to_string(&pid_file).is_ok_and(|text| text.contains("ready")) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    node.kill().unwrap();
    node.wait().unwrap();
    let ended = async {
        while pid_file.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .expect("the server shuts down by itself");
}

/// Kills the server with its sessions, which would otherwise finish what they are doing.
fn kill_all(server: u32) {
    let children = Command::new("pgrep").args(["-P", &server.to_string()]).output().unwrap();
    kill("-KILL", server);
    for child in String::from_utf8(children.stdout).unwrap().lines() {
        // A session may have ended by itself.
        Command::new("kill").args(["-KILL", child]).stderr(Stdio::null()).status().unwrap();
    }
}

#[tokio::test]
async fn a_server_killed_in_a_block_loses_only_that_block() {
    use crate::fixture::{account, added, commit, identity, next, seal, table};
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let mut writer =
        kwil_state::Writer::open(managed.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, tokio_util::sync::CancellationToken::new()).await.unwrap();
    block.set_network(&identity()).await.unwrap();
    block.create_namespace("main", "USER").await.unwrap();
    block.create_table(&table("t", &[("id", "int8")])).await.unwrap();
    commit(&mut writer).await;
    // A later durable commit carries the earlier one to the disk, as a checkpoint would.
    let mut other = connect_to(managed.superuser()).await;
    sqlx::raw_sql("CHECKPOINT").execute(&mut other).await.unwrap();
    let committed = *writer.last().unwrap();
    for (generation, kill_after_seal) in [(2, false), (3, true)] {
        let mut block = next(&mut writer).await;
        block.execute("INSERT INTO main.t VALUES (1)").await.unwrap();
        block.store(&[added(account("alice", 5))]).await.unwrap();
        if kill_after_seal {
            seal(&mut writer).await;
        }
        kill_all(managed.pid());
        let fault = if kill_after_seal {
            writer.commit().await.unwrap_err()
        } else {
            writer.block().unwrap().finish().await.unwrap_err()
        };
        assert!(fault.is_retryable(), "{fault}");
        writer.abort().await;
        running(&managed, generation).await;
        writer.connect().await.unwrap();
        assert_eq!(writer.last(), Some(&committed));
        assert!(kwil_state::verify_state(managed.endpoint(), None).await.unwrap().holds());
    }
    let mut block = next(&mut writer).await;
    block.execute("INSERT INTO main.t VALUES (1)").await.unwrap();
    commit(&mut writer).await;
    assert!(kwil_state::verify_state(managed.endpoint(), None).await.unwrap().holds());
    writer.close().await;
    managed.stop().await;
}
