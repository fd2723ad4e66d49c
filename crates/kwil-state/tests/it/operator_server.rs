//! A server that an operator made and set up in a way of his own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kwil_state::testing::{TestDatabase, connect_to, open_temp_dir};
use kwil_state::{Endpoint, Secret};
use sqlx::AssertSqlSafe;

const PORT: u16 = 5432;
const OWNER: &str = "operator";

/// A running server, with a database of an ordinary role.
#[derive(Debug)]
pub(crate) struct OperatorServer {
    child: Child,
    folder: PathBuf,
}

impl OperatorServer {
    /// Makes a cluster with these arguments of `initdb` and starts it with these settings.
    pub(crate) async fn start(initdb: &[&str], settings: &[(&str, &str)]) -> Self {
        let programs = programs().await;
        let folder = open_temp_dir();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = folder.join("data");
        let mut make = unprivileged(&programs.join("initdb"));
        make.arg("-D").arg(&data).args(["-E", "UTF8", "-U", "root", "-A", "trust", "-N"]);
        let made = make.args(initdb).stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut serve = unprivileged(&programs.join("postgres"));
        serve.arg("-D").arg(&data).arg("-k").arg(&folder);
        serve.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        for (name, value) in settings {
            serve.arg("-c").arg(format!("{name}={value}"));
        }
        let serve = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let ready = log.find(|line| line.contains("ready to accept connections"));
        let server = Self { child, folder };
        assert!(ready.is_some(), "the server does not start");
        std::thread::spawn(move || log.for_each(drop));
        for sql in ["CREATE ROLE operator LOGIN", "CREATE DATABASE operator OWNER operator"] {
            server.run("postgres", sql).await;
        }
        server
    }

    /// The database as its owner.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::socket(&self.folder, PORT, OWNER).with_role(OWNER, Secret::new(String::new()))
    }

    /// Runs a statement as superuser.
    pub(crate) async fn run(&self, database: &str, sql: &str) {
        let root = self.endpoint().with_role("root", Secret::new(String::new()));
        let mut connection = connect_to(&root.with_database(database)).await;
        let ran = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
        ran.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

impl Drop for OperatorServer {
    fn drop(&mut self) {
        let stop = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        drop(stop.and_then(|_| self.child.wait()));
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Folder with the programs of another major version, for servers that are compared with the test cluster's.
const OTHER_PROGRAMS: &str = "KWIL_TEST_OTHER_PG_BIN";

/// Where the programs are: those of the test cluster's server unless the environment names others.
async fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os(OTHER_PROGRAMS) {
        return folder.into();
    }
    let mut root = TestDatabase::create().await.connect_superuser().await;
    let query = "SELECT setting FROM pg_catalog.pg_config() WHERE name = 'BINDIR'";
    let folder: String = sqlx::query_scalar(query).fetch_one(&mut root).await.unwrap();
    folder.into()
}

/// A program of PostgreSQL that ends with this process; it refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
    {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}
