//! A PostgreSQL server that somebody else runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kwil_harness::network::{Network, Plan};
use kwil_harness::{Isolation, Lab};

use crate::load::{self, Client, DEADLINE, Wallet};
use crate::network::sync_join_and_vote;

/// A server in a folder of its own, reached through TCP; it is stopped when dropped.
pub(crate) struct Server {
    bin: PathBuf,
    data: PathBuf,
    /// Where a node of the lab reaches it.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Server {
    /// Initialises and starts a server with an ordinary role `kwild` and a database that it owns.
    pub(crate) fn start(lab: &Lab, node_host: &kwil_harness::Host) -> Result<Self> {
        let bin = newest_bin()?;
        let data = lab.folder().join("external-pg");
        std::fs::create_dir_all(&data)?;
        let open = Command::new("chmod").args(["a+rx"]).arg(lab.folder()).status()?;
        ensure!(open.success(), "chmod ended with {open}");
        let chown = Command::new("chown").arg("postgres").arg(&data).status()?;
        ensure!(chown.success(), "chown ended with {chown}");
        // The bridge has the first address of the subnet.
        let host = match lab.isolation() {
            Isolation::Namespaces => {
                let address = node_host.address();
                let (subnet, _) = address.rsplit_once('.').context("an IPv4 address has dots")?;
                format!("{subnet}.1")
            }
            Isolation::Loopback => "127.0.0.1".to_owned(),
        };
        let port = std::net::TcpListener::bind((host.as_str(), 0))?.local_addr()?.port();
        let server = Self { bin, data, host, port };
        let data = server.data.display().to_string();
        server.tool(
            "initdb",
            &["-D", &data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
        )?;
        std::fs::write(
            server.data.join("pg_hba.conf"),
            "local all owner trust\nhost all all all scram-sha-256\n",
        )?;
        let options = format!(
            "-c listen_addresses={} -c port={} -c unix_socket_directories={data} -c fsync=on -c max_connections=300 -c max_locks_per_transaction=256 -c max_prepared_transactions=200",
            server.host, server.port
        );
        server.tool(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &format!("{data}/log"), "-o", &options, "start"],
        )?;
        server.sql("CREATE ROLE kwild LOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB PASSWORD 'right'")?;
        server.sql("CREATE DATABASE kwild OWNER kwild")?;
        Ok(server)
    }

    /// Flags of `kwild start` for this server.
    pub(crate) fn flags(&self, password: &str) -> Vec<String> {
        self.flags_of("kwild", password)
    }

    /// Makes a database for one more node and gives the flags for it.
    fn database(&self, name: &str) -> Result<Vec<String>> {
        self.sql(&format!("CREATE DATABASE {name} OWNER kwild"))?;
        Ok(self.flags_of(name, "right"))
    }

    fn flags_of(&self, database: &str, password: &str) -> Vec<String> {
        [
            ("--db.host", self.host.clone()),
            ("--db.port", self.port.to_string()),
            ("--db.user", "kwild".to_owned()),
            ("--db.dbname", database.to_owned()),
            ("--db.pass", password.to_owned()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// Flags of `kwild setup reset` for this server.
    fn reset_flags(&self) -> String {
        let Self { host, port, .. } = self;
        format!("--host {host} --port {port} --user kwild --dbname kwild --password right")
    }

    fn sql(&self, statement: &str) -> Result<()> {
        self.sql_in("postgres", statement)
    }

    /// Runs a statement in one of its databases as the superuser.
    pub(crate) fn sql_in(&self, database: &str, statement: &str) -> Result<()> {
        let (data, port) = (self.data.display().to_string(), self.port.to_string());
        self.tool(
            "psql",
            &[
                "-h",
                &data,
                "-p",
                &port,
                "-U",
                "owner",
                "-d",
                database,
                "-v",
                "ON_ERROR_STOP=1",
                "-qc",
                statement,
            ],
        )
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"])
                .arg(self.bin.join(program));
            command
        } else {
            Command::new(self.bin.join(program))
        };
        // The server that pg_ctl starts keeps these open: a pipe would never end.
        let said = self.data.with_extension(format!("{program}.out"));
        let file = std::fs::File::create(&said)?;
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()?;
        ensure!(
            status.success(),
            "{program} ended with {status}: {}",
            std::fs::read_to_string(&said)?
        );
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data.display().to_string();
        if let Err(error) = self.tool("pg_ctl", &["-D", &data, "-w", "-m", "immediate", "stop"]) {
            std::io::Write::write_all(&mut std::io::stderr(), format!("{error:#}\n").as_bytes())
                .unwrap_or_default();
        }
    }
}

fn newest_bin() -> Result<PathBuf> {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    let bins = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    bins.filter(|bin| Path::exists(&bin.join("initdb"))).max().context("no PostgreSQL has initdb")
}

/// A network of one node, started on a server beside it.
fn one_node(lab: &Lab, sender: &Wallet) -> Result<(Network, Server)> {
    let plan = Plan { alloc: vec![sender.alloc()], ..Plan::default() };
    let mut network = Network::set_up(lab, 1, &plan)?;
    let node = network.members.first_mut().context("one node")?;
    let server = Server::start(lab, &node.host)?;
    let flags = server.flags("right");
    node.set_flags(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    node.start()?;
    Ok((network, server))
}

#[test]
fn an_ordinary_role_on_an_external_server_is_enough() -> Result<()> {
    let lab = Lab::new()?;
    let (sender, receiver) = (Wallet::new(1), Wallet::new(9).account());
    let (mut network, _server) = one_node(&lab, &sender)?;
    let node = &mut network.members[0];
    node.process()?.wait_for("Using an external PostgreSQL server", DEADLINE)?;
    node.process()?.wait_for("Committed Block {height=1 ", DEADLINE)?;
    ensure!(
        !node.host.path("/data/node/pg").exists(),
        "a private server was made beside the external one"
    );
    let client = Client::new(&node.provider())?;
    for _ in 0..3 {
        client.transfer(&sender, &receiver)?;
    }
    let before = client.height()?;

    node.take()?.stop_cleanly(DEADLINE)?;
    node.start()?;
    client.wait_height(before)?;
    client.transfer(&sender, &receiver)?;
    let balance = client.run(async |user| user.account(&receiver, false).await)?.balance;
    ensure!(balance == 4_u64.into(), "four transfers of one gave {balance}");
    load::state_holds(node)?;
    network.stop()
}

#[test]
fn a_reset_takes_out_of_a_database_what_a_node_made_and_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let (sender, receiver) = (Wallet::new(1), Wallet::new(9).account());
    let (mut network, server) = one_node(&lab, &sender)?;
    let node = &mut network.members[0];
    node.process()?.wait_for("Committed Block {height=1 ", DEADLINE)?;
    let client = Client::new(&node.provider())?;
    client.transfer(&sender, &receiver)?;
    server.sql_in("kwild", "CREATE TABLE public.mine AS SELECT 7 AS x")?;
    let height = client.height()?;

    // Neither the root of a running node nor its database from another root.
    let reset = format!("kwild setup reset {} -r", server.reset_flags());
    let said = node.host.run(&format!("{reset} {} --yes", node.root()))?;
    ensure!(!said.status.success() && said.stderr.contains("in use"), "{said:?}");
    std::fs::create_dir(node.host.path("/data/other"))?;
    let other = node.host.named("/data/other");
    let said = node.host.run(&format!("{reset} {other} --yes"))?;
    ensure!(!said.status.success() && said.stderr.contains("in use by another kwild"), "{said:?}");
    node.take()?.stop_cleanly(DEADLINE)?;

    let reset = format!("{reset} {}", node.root());
    let Server { host, port, .. } = &server;
    let done = format!("Postgres state reset. Host: {host}; Port: {port}; Database: kwild");
    let asked = node.host.run(&reset)?;
    ensure!(
        asked.status.code() == Some(7) && asked.stderr.contains("in database kwild"),
        "{asked:?}"
    );
    let dry = node.host.run(&format!("{reset} --dry-run"))?.ok()?;
    ensure!(dry.trim() == format!("would be {done}"), "{dry:?}");
    let left = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^kwild_' OR nspname IN ('main', 'info')) = ";
    ensure!(server.sql_in("kwild", &format!("{left} 0; END $$")).is_err(), "a dry run removed");
    let said = node.host.run(&format!("{reset} --yes"))?.ok()?;
    ensure!(said.trim() == done, "{said:?}");
    server.sql_in("kwild", &format!("{left} 0; END $$"))?;
    server.sql_in("kwild", "DO $$ BEGIN ASSERT (SELECT x FROM public.mine) = 7; END $$")?;
    let again = node.host.run(&format!("{reset} --yes"))?.ok()?;
    ensure!(again.trim() == "Nothing to remove.", "{again:?}");

    server.sql_in("kwild", "DROP TABLE public.mine")?;
    node.start()?;
    node.process()?.wait_for("Node started", DEADLINE)?;
    client.wait_height(height)?;
    let balance = client.run(async |user| user.account(&receiver, false).await)?.balance;
    ensure!(balance == 1_u64.into(), "the state was not made again: {balance}");
    load::state_holds(node)?;
    network.stop()
}

/// What nodes with servers of their own do together, nodes with databases of an ordinary role do, too.
#[test]
fn a_network_on_an_external_server_syncs_joins_votes_and_survives_kill_nine() -> Result<()> {
    let lab = Lab::new()?;
    let plan = Plan { alloc: vec![Wallet::new(1).alloc()], ..Plan::default() };
    let mut network = Network::set_up(&lab, 2, &plan)?;
    let server = Server::start(&lab, &network.members[0].host)?;
    for (index, node) in network.members.iter_mut().enumerate() {
        let flags = server.database(&format!("node{index}"))?;
        node.set_flags(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        node.start()?;
    }
    for node in &network.members {
        node.process()?.wait_for("Committed Block {height=1 ", DEADLINE)?;
    }
    sync_join_and_vote(&lab, &mut network, 50, &server.database("node2")?)?;

    network.members[1].start()?;
    let (sender, receiver) = (Wallet::new(1), Wallet::new(9).account());
    let alive = Client::new(&network.members[2].provider())?;
    for victim in [0, 1] {
        network.members[victim].take()?.kill()?;
        alive.transfer(&sender, &receiver)?;
        let height = alive.height()?;
        network.members[victim].start()?;
        Client::new(&network.members[victim].provider())?.wait_height(height)?;
    }
    for node in &network.members {
        load::state_holds(node)?;
    }
    load::equal_chains(&network)?;
    network.stop()
}
