//! What an operator can get wrong, and the sentence that tells it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kwil_harness::Lab;
use kwil_harness::network::{Member, Network, Plan};

use crate::external::Server;
use crate::load::{Client, DEADLINE, Wallet};

fn solo(lab: &Lab) -> Result<Network> {
    Network::set_up(lab, 1, &Plan { alloc: vec![Wallet::new(1).alloc()], ..Plan::default() })
}

/// Starts a node that has to end by itself; returns its exit code and everything that it printed.
fn fails(member: &mut Member) -> Result<(i32, String)> {
    member.start()?;
    let mut process = member.take()?;
    let status = process.wait(DEADLINE)?;
    Ok((status.code().context("killed by a signal")?, process.lines().join("\n")))
}

fn says(member: &mut Member, code: i32, words: &[&str]) -> Result<()> {
    let (got, said) = fails(member)?;
    ensure!(got == code, "ended with {got}, not {code}: {said}");
    for word in words {
        ensure!(said.contains(word), "{word:?} is not in: {said}");
    }
    ensure!(!said.contains("panicked"), "it panicked: {said}");
    Ok(())
}

/// A running solo node with block 1.
fn running(lab: &Lab) -> Result<Network> {
    Network::start(lab, 1, &Plan { alloc: vec![Wallet::new(1).alloc()], ..Plan::default() })
}

#[test]
fn nodes_of_two_genesis_documents_refuse_each_other_in_words() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = Network::set_up(&lab, 2, &Plan::default())?;
    let path = network.members[1].host.path("/data/node/genesis.json");
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, text.replace("\"max_votes_per_tx\": 200", "\"max_votes_per_tx\": 100"))?;
    for member in &mut network.members {
        member.start()?;
    }
    let ids: Vec<String> = network.members.iter().map(|member| member.id.clone()).collect();
    for (member, other) in network.members.iter().zip([&ids[1], &ids[0]]) {
        member.process()?.wait_until(0, DEADLINE, |line| {
            line.contains(other.as_str())
                && line.contains("mismatch: ours ")
                && line.contains("theirs ")
        })?;
    }
    Ok(())
}

#[test]
fn a_root_serves_one_node_at_a_time() -> Result<()> {
    let lab = Lab::new()?;
    let network = running(&lab)?;
    let node = &network.members[0];
    let second = node.host.run(&format!("kwild start -r {}", node.root()))?;
    ensure!(second.status.code() == Some(1), "{second:?}");
    let said = format!("{}{}", second.stdout, second.stderr);
    let pid = node.process()?.id();
    ensure!(
        said.contains("is in use by pid ") && said.contains(&pid.to_string()),
        "printed {said:?}"
    );
    ensure!(Client::new(&node.provider())?.height()? >= 1, "the first node was disturbed");
    network.stop()
}

#[test]
fn a_taken_port_is_named_with_its_key() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    // A second node on the same host holds both ports. They are beside those that the lab's hosts have.
    let port = node.host.p2p_port() + 50;
    let taken = [("p2p.listen", port), ("rpc.listen", port + 1)]
        .map(|(key, port)| (key, format!("{}:{port}", node.host.address())));
    let variable = |key: &str| format!("KWILD_{}", key.replace('.', "_").to_uppercase());
    let mut host = node.host.clone();
    for (key, listen) in &taken {
        host = host.with_environment(&variable(key), listen);
    }
    let host = host.with_environment("KWILD_ADMIN_LISTEN", &node.host.named("/tmp/other.socket"));
    let other = host.named("/data/other");
    host.shell(&format!("kwild setup init --root {other}"))?.ok()?;
    let holder = host.start(&["kwild", "start", "-r", &other])?;
    holder.wait_for("Committed Block", DEADLINE)?;
    for (key, listen) in &taken {
        let host = node.host.clone().with_environment(&variable(key), listen);
        let mut process = host.start(&["kwild", "start", "-r", &node.root()])?;
        let status = process.wait(DEADLINE)?;
        let said = process.lines().join("\n");
        ensure!(status.code() == Some(1), "{key}: ended with {status}: {said}");
        ensure!(said.contains(key) && said.contains(listen), "{key} or {listen} is not in: {said}");
        ensure!(said.contains("in use"), "the reason is not in: {said}");
        ensure!(!said.contains("PostgreSQL"), "{key}: told after the database: {said}");
    }
    holder.stop_cleanly(DEADLINE)?;
    Ok(())
}

#[test]
fn missing_postgresql_programs_are_told_with_the_setting() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    let empty = node.host.named("/data/empty");
    std::fs::create_dir_all(node.host.path("/data/empty"))?;
    node.set_flags(&["--db.pg-bin", &empty]);
    says(node, 1, &["db.pg_bin", &empty, "has no postgres"])
}

#[test]
fn a_wrong_database_password_is_told_as_such() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    let server = Server::start(&lab, &node.host)?;
    let flags = server.flags("wrong");
    node.set_flags(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let place = format!("{}:{}", server.host, server.port);
    says(node, 1, &["password authentication failed", &place, "role kwild"])
}

fn block_log(member: &Member) -> Result<PathBuf> {
    let mut folders = vec![member.host.path("/data/node")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("pg") {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "blocks") {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no segment of a block log")
}

#[test]
fn a_flipped_byte_in_the_block_log_is_named_by_file_and_offset() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = running(&lab)?;
    let receiver = Wallet::new(9).account();
    let client = Client::new(&network.members[0].provider())?;
    for _ in 0..3 {
        client.transfer(&Wallet::new(1), &receiver)?;
    }
    let node = &mut network.members[0];
    node.take()?.stop_cleanly(DEADLINE)?;
    let file = block_log(node)?;
    let mut bytes = std::fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes)?;
    let name = file.file_name().context("a file has a name")?.to_string_lossy().into_owned();
    says(node, 1, &["corrupt data in ", &name, " at offset "])
}

#[test]
fn a_damaged_key_file_is_named() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    for content in
        ["{\"key\":\"12\",\"type\":\"secp256k1\"}", "", "{\"key\":\"zz\",\"type\":\"rsa\"}"]
    {
        std::fs::write(node.host.path("/data/node/nodekey.json"), content)?;
        says(node, 1, &["failed to load node key", "nodekey.json"])
            .with_context(|| content.to_owned())?;
    }
    Ok(())
}

#[test]
fn a_key_that_others_can_read_is_warned_about() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    let file = node.host.path("/data/node/nodekey.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
    node.start()?;
    let line = node.process()?.wait_for("is readable by others (mode 0644)", DEADLINE)?;
    ensure!(line.contains("chmod 600"), "the fix is not in {line:?}");
    node.process()?.wait_for("Committed Block", DEADLINE)?;
    network.stop()
}

#[test]
fn all_unknown_configuration_keys_are_listed_at_once() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    let file = node.host.path("/data/node/config.toml");
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(
        &file,
        format!(
            "colour = 'red'\n{}",
            text.replace("[p2p]", "[p2p]\nseeds = 'a'\npersistent_pears = 'b'")
        ),
    )?;
    says(node, 2, &["colour", "p2p.seeds", "p2p.persistent_pears", "unrecognized field"])
}

#[test]
fn bootnodes_that_lead_nowhere_are_told_and_do_not_stop_a_node() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let stranger = {
        let host = &network.members[0].host;
        let key = host.named("/data/stranger.key");
        host.shell(&format!("kwild key gen --key-file {key}"))?.ok()?;
        let info = host.shell(&format!("kwild key info --key-file {key}"))?.ok()?;
        info.lines()
            .find_map(|line| line.strip_prefix("Node ID: "))
            .context("no node id")?
            .to_owned()
    };
    // One that listens at the stranger's supposed address, with a key of its own.
    network.members[0].start()?;
    network.members[0].process()?.wait_for("Committed Block", DEADLINE)?;
    network.add_sentry(&lab)?;
    let sentry = &mut network.members[1];
    sentry.process()?.wait_for("Node started", DEADLINE)?;
    sentry.take()?.stop_cleanly(DEADLINE)?;
    let own = sentry.peer();
    let address = network.members[0].host.address();
    let other_identity = format!("{stranger}@{address}:{}", network.members[0].host.p2p_port());
    let genuine = network.members[0].peer();
    let real = network.members[0].id.clone();
    let sentry = &mut network.members[1];
    sentry.set_flags(&["--p2p.bootnodes", &format!("{own},{genuine},{other_identity}")]);
    sentry.start()?;
    sentry.process()?.wait_for("a bootnode is this node itself", DEADLINE)?;
    let line = sentry.process()?.wait_until(0, DEADLINE, |line| {
        line.contains("cannot connect to peer") && line.contains(&stranger)
    })?;
    ensure!(
        line.contains("identity mismatch") && line.contains(&real),
        "the other identity is not in {line:?}"
    );
    sentry.process()?.wait_until(0, DEADLINE, |line| {
        line.contains("Block sync completed") || line.contains("Committed Block")
    })?;

    sentry.take()?.stop_cleanly(DEADLINE)?;
    let nobody = format!("{stranger}@{address}:9");
    sentry.set_flags(&["--p2p.bootnodes", &nobody]);
    sentry.start()?;
    let line = sentry.process()?.wait_until(0, DEADLINE, |line| {
        line.contains("cannot connect to peer") && line.contains(&stranger)
    })?;
    ensure!(line.contains(":9"), "the address is not in {line:?}");
    network.stop()
}

#[test]
fn the_root_of_another_network_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = running(&lab)?;
    let node = &mut network.members[0];
    node.take()?.stop_cleanly(DEADLINE)?;
    let path = node.host.path("/data/node/genesis.json");
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, text.replace("\"chain_id\": \"test-chain\"", "\"chain_id\": \"other\""))?;
    let (code, said) = fails(node)?;
    ensure!(code == 1, "ended with {code}: {said}");
    ensure!(said.contains("genesis") || said.contains("network"), "the reason is not in: {said}");
    ensure!(!said.contains("Committed Block"), "it made blocks: {said}");

    std::fs::write(&path, text.replace("\"power\": 1", "\"power\": \"one\""))?;
    says(node, 1, &["error loading genesis file", "genesis.json", "power"])?;

    std::fs::write(&path, text)?;
    node.start()?;
    node.process()?.wait_for("Node started", DEADLINE)?;
    ensure!(Client::new(&node.provider())?.height()? >= 1, "the chain is gone");
    network.stop()
}

#[test]
fn postgresql_programs_that_are_too_old_are_told_with_their_version() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let node = &mut network.members[0];
    let folder = node.host.path("/data/old");
    std::fs::create_dir_all(&folder)?;
    for program in ["postgres", "initdb", "pg_ctl", "pg_controldata"] {
        let path = folder.join(program);
        std::fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) 13.4'\n"))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    let old = node.host.named("/data/old");
    node.set_flags(&["--db.pg-bin", &old]);
    says(node, 1, &["13.4", &old])
}

#[test]
fn a_full_disk_stops_votes_until_there_is_room() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut network = solo(&lab)?;
    let disk = SmallDisk::under(&network.members[0].host.path("/data/node"))?;
    let node = &mut network.members[0];
    node.start()?;
    node.process()?.wait_for("Node started", DEADLINE)?;
    let client = Client::new(&node.provider())?;
    let (sender, receiver) = (Wallet::new(1), Wallet::new(9).account());
    client.transfer(&sender, &receiver)?;

    let filler = disk.folder.join("filler");
    disk.fill(&filler)?;
    node.process()?.wait_for("Disk is almost full: this node stops voting", DEADLINE)?;
    let health = node.host.shell(&format!("curl -s {}/api/v1/ready", node.provider()))?.ok()?;
    ensure!(health.contains("\"ready\":false") && health.contains("disk"), "ready is {health}");
    let before = client.height()?;
    let draft = kwil_client::TxDraft::transfer(receiver.clone(), 1_u64.into())?;
    let waiting =
        client.run(async |user| user.send(draft, &sender.signer(), crate::load::CHAIN).await)?;
    let found = client.run(async |user| user.tx_query(waiting).await)?;
    ensure!(found.height == -1 && client.height()? == before, "a full node made a block");

    std::fs::remove_file(filler)?;
    node.process()?.wait_for("Consensus goes on", DEADLINE)?;
    client.run(async |user| user.wait_for_success(waiting, DEADLINE).await)?;
    crate::load::state_holds(node)?;
    network.stop()
}

/// A file system in memory below a node's root, gone when dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Moves what is in the folder onto a disk of its own.
    fn under(folder: &std::path::Path) -> Result<Self> {
        let aside = folder.with_extension("aside");
        std::fs::rename(folder, &aside)?;
        std::fs::create_dir(folder)?;
        run("mount", &["-t", "tmpfs", "-o", "size=1500m,mode=0700", "kwil-test", &show(folder)])?;
        let disk = Self { folder: folder.to_owned() };
        run("cp", &["-a", &format!("{}/.", show(&aside)), &show(folder)])?;
        Ok(disk)
    }

    /// Leaves less room than a node wants.
    fn fill(&self, file: &std::path::Path) -> Result<()> {
        run("fallocate", &["-l", "1100M", &show(file)])
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Still busy only when the test failed; the mount goes with the machine then.
        run("umount", &["-l", &show(&self.folder)]).unwrap_or_default();
    }
}

fn show(path: &std::path::Path) -> String {
    path.display().to_string()
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = std::process::Command::new(program).args(arguments).status()?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
