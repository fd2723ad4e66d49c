//! A node of its own network, on real PostgreSQL: from nothing to blocks, questions, a clean end, and back.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use kwil_cmd::testing::Sandbox;

use crate::kwild;

/// Longest wait for a line of the log, on a machine that has much else to do.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running node and the lines it printed. Killed when the test ends before it.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already after a clean end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(sandbox: &Sandbox, more: &[&str]) -> Self {
        let socket = sandbox.path("a.sock").display().to_string();
        let args = [
            "start",
            "--autogen",
            "-r",
            "n",
            "--p2p.listen",
            "127.0.0.1:0",
            "--rpc.listen",
            "127.0.0.1:0",
            "--admin.listen",
            &socket,
        ];
        let mut child = sandbox
            .command(args.iter().chain(more))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        for stream in [
            Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().unwrap()),
        ] {
            let tell = tell.clone();
            std::thread::spawn(move || {
                BufReader::new(stream)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| tell.send(line))
            });
        }
        Self { child, lines, seen: Vec::new() }
    }

    /// The first line from now on that contains the text.
    fn line(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in\n{}", self.seen.join("\n")));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

#[test]
fn a_node_makes_blocks_answers_its_operator_and_stops_cleanly() {
    let sandbox = kwild();
    let mut node = Running::start(&sandbox, &[]);
    let first = node.line("[INF]");
    assert!(
        first.ends_with(&format!(
            " [INF] KWILD: Starting kwild version {}",
            env!("CARGO_PKG_VERSION")
        )),
        "{first}"
    );
    node.line("Loading the genesis configuration from ");
    node.line("[INF] KWILD: Node public key: ");
    node.line("[INF] NODE: This node is ");
    let commit = node.line("Committed Block {height=1 ");
    let (_, fields) = commit.split_once(" [INF] CONS: Committed Block ").unwrap();
    assert_eq!(sandbox.stable(fields), "{height=1 hash=<hex64> appHash=<hex64> updates=null}");

    let endpoint = sandbox.path("a.sock").display().to_string();
    let status: serde_json::Value =
        serde_json::from_str(&sandbox.stdout(["admin", "status", "-s", &endpoint])).unwrap();
    assert_eq!(status["node"]["role"], "leader");
    assert_eq!(status["node"]["chain_id"], "kwil-testnet");
    let validators = sandbox.stdout(["validators", "list", "-s", &endpoint]);
    assert_eq!(
        sandbox.stable(&validators),
        "Current validator set:\n  0. {pubkey = <key>#secp256k1, power = 1}\n"
    );
    assert_eq!(
        sandbox.stdout(["validators", "list-join-requests", "-s", &endpoint]),
        "No pending join requests\n"
    );
    let second = sandbox.run(["start", "-r", "n", "--log.output", ""]);
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains(" is in use by pid "), "{text}");

    node.signal("TERM");
    node.line("shutdown signal received");
    node.line("[INF] KWILD: Server is now shut down.");
    assert_eq!(node.child.wait().unwrap().code(), Some(0), "{}", node.seen.join("\n"));

    let mut again = Running::start(&sandbox, &["--log.format", "json"]);
    let line = again.line("\"Committed Block\"");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(line["height"].as_u64().unwrap() > 1, "{line}");
    again.signal("INT");
    again.line("Server is now shut down.");
    assert_eq!(again.child.wait().unwrap().code(), Some(0));
}
