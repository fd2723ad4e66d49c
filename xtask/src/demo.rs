//! `cargo xtask demo`: the deployment guide on this machine, visible on the terminal.

use std::time::Instant;

use anyhow::Result;
use kwil_harness::guide::{Event, Node, Walk};
use kwil_harness::{Isolation, Lab};

use crate::install;
use crate::step;

/// Builds, walks the guide, prints every command with its real output and a table of what was checked.
pub(crate) fn run(keep: bool) -> Result<()> {
    install::postgresql()?;
    install::network_tools()?;
    step::run(&mut step::cargo(&["build", "--bins", "--locked"])?)?;
    let lab = Lab::new()?;
    match lab.isolation() {
        Isolation::Namespaces => {
            println!("\nthree hosts, each with its own network and files: default ports and paths")
        }
        Isolation::Loopback => {
            println!("\nno network namespaces here: three roots on the loopback interface")
        }
    }
    let started = Instant::now();
    let mut checks = Vec::new();
    let mut tell = |event: Event<'_>| match event {
        Event::Chapter(title) => println!("\n== {title}"),
        Event::Command(host, line) => println!("\n{host}$ {line}"),
        Event::Output(text) => println!("{}", text.trim_end()),
        Event::Checked(claim) => checks.push(claim.to_owned()),
    };
    let mut walk = Walk::new(&lab, &mut tell);
    walk.all()?;
    let nodes = std::mem::take(&mut walk.nodes);
    println!("\n== Checked in {:.0} s", started.elapsed().as_secs_f64());
    for claim in &checks {
        println!("  ok  {claim}");
    }
    if keep { leave_running(lab, nodes) } else { Ok(()) }
}

fn leave_running(lab: Lab, nodes: Vec<Node>) -> Result<()> {
    println!("\n== The network goes on");
    let pids: Vec<String> = nodes.iter().map(|node| node.process.id().to_string()).collect();
    for node in &nodes {
        println!(
            "  {}: kwil-cli --provider http://{}:{}",
            node.host.name(),
            node.host.address(),
            node.host.rpc_port()
        );
        println!("         files in {}", node.host.root().display());
    }
    println!("  stop it: kill {}", pids.join(" "));
    for node in nodes {
        node.process.leave();
    }
    println!("  then remove {}", lab.keep().display());
    Ok(())
}
