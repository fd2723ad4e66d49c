//! `kwild X` and `kwil-admin X` are one command with two names.

use anyhow::{Context as _, Result, ensure};
use kwil_harness::network::{Network, Plan};
use kwil_harness::{Host, Lab, Ran};

use crate::load::{self, DEADLINE};

/// Groups and commands that both programs have. `kwild admin` is `kwil-admin node`, and `kwil-admin admin` too.
const SHARED: [&str; 10] = [
    "admin",
    "key",
    "setup",
    "validators",
    "consensus",
    "whitelist",
    "blacklist",
    "block",
    "utils",
    "version",
];

/// Words that are not a node id, a hash or a number each.
const NODE: &str = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82#secp256k1";
const HASH: &str = "8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c";

/// What a program printed and how it ended, with the name of the program as a word.
#[derive(Debug, PartialEq, Eq)]
struct Said(Option<i32>, String, String);

impl Said {
    fn new(ran: &Ran) -> Self {
        let plain = |text: &str| {
            text.replace("kwil-admin node", "PROGRAM admin")
                .replace("kwil-admin", "PROGRAM")
                .replace("kwild", "PROGRAM")
                .lines()
                .map(without_age)
                .collect::<Vec<_>>()
                .join("\n")
        };
        Self(ran.status.code(), plain(&ran.stdout), plain(&ran.stderr))
    }
}

/// A line without a number that is another one at every look.
fn without_age(line: &str) -> String {
    let grows = ["uptime_ms", "block_age"].iter().any(|key| line.contains(key));
    line.chars().filter(|letter| !(grows && letter.is_ascii_digit())).collect()
}

/// Runs a line with both programs. What changes in the node by itself is told from a difference by a second run of the
/// first program.
fn same(host: &Host, line: &str) -> Result<Said> {
    let said = |program: &str| anyhow::Ok(Said::new(&host.run(&format!("{program} {line}"))?));
    for _ in 0..10 {
        let (first, other, second) = (said("kwild")?, said("kwil-admin")?, said("kwild")?);
        if first == second {
            ensure!(first == other, "`{line}` differs:\nkwild: {first:?}\nkwil-admin: {other:?}");
            return Ok(first);
        }
    }
    anyhow::bail!("`{line}` says something else every time")
}

/// Names below "Commands:" in a help text.
fn commands_in(help: &str) -> Vec<String> {
    let behind = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    behind
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("    "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Help and wrong usage of a command and of everything below it. Gives how many commands there were.
fn usage(host: &Host, path: &str) -> Result<usize> {
    let Said(status, help, _) = same(host, &format!("{path} --help"))?;
    ensure!(status == Some(0) && help.contains("Usage: PROGRAM"), "{path}: {help}");
    for wrong in ["--no-such-flag", "no-such-word a b c d", "--no-such-flag --output json"] {
        let Said(status, ..) = same(host, &format!("{path} {wrong}"))?;
        ensure!(status == Some(2), "`{path} {wrong}` ended with {status:?}");
    }
    let mut seen = 1_usize;
    for below in commands_in(&help) {
        seen = seen.saturating_add(usage(host, &format!("{path} {below}"))?);
    }
    Ok(seen)
}

#[test]
fn kwild_and_kwil_admin_print_the_same_bytes_for_every_command_they_share() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = Network::set_up(&lab, 1, &Plan::default())?;
    let member = &mut network.members[0];
    member.start()?;
    member.process()?.wait_for("Committed Block {height=1 ", DEADLINE)?;
    let (host, root) = (&member.host, member.root());
    let mut seen = 0_usize;
    for command in SHARED {
        seen = seen.saturating_add(usage(host, command)?);
    }
    ensure!(seen > 40, "only {seen} commands were found in the help texts");

    let asked = [
        "admin status",
        "admin version",
        "admin peers",
        "admin dump-config",
        "admin health",
        "admin verify-state",
        "admin wait-synced --timeout 10s",
        "validators list",
        "validators list-validators",
        "validators list-join-requests",
        "consensus params",
        "consensus list-proposals",
        "whitelist list",
        "blacklist list",
        "block status",
        "version",
    ];
    let refused = [
        format!("validators join-status {NODE}"),
        format!("validators remove {NODE} -s /nonexistent/socket"),
        format!("validators approve {NODE} -s /nonexistent/socket"),
        format!("utils query-tx {HASH}"),
        "validators join -s /nonexistent/socket".to_owned(),
        "consensus update-status 6a1f8a8e-0000-5000-8000-000000000000".to_owned(),
        "whitelist add x".to_owned(),
        "block abort 0".to_owned(),
        "key info --key-file /nonexistent".to_owned(),
        "setup init".to_owned(),
        "setup reset --yes".to_owned(),
        "setup genesis --validator x".to_owned(),
    ];
    let lines = asked.iter().map(|line| ((*line).to_owned(), true));
    for (line, succeeds) in lines.chain(refused.map(|line| (line, false))) {
        for form in ["text", "json"] {
            let Said(status, ..) = same(host, &format!("{line} -r {root} --output {form}"))
                .with_context(|| line.clone())?;
            ensure!((status == Some(0)) == succeeds, "`{line}` ended with {status:?}");
        }
    }
    load::state_holds(member)?;
    network.stop()
}
