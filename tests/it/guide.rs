//! The deployment guide, by the numbers of its acceptance list.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use kwil_harness::guide::{Event, Walk};
use kwil_harness::{Host, Isolation, Lab};
use serde_json::Value;

/// The claims that the walk has to see, in its order.
const CLAIMS: [&str; 9] = [
    "S3, S4: ",
    "S10: ",
    "S9, S11: ",
    "S16, S17: ",
    "S12 to S15: ",
    "S18 to S21: ",
    "a signed transfer is in a block",
    "an action writes through one node",
    "SQL of a user without the privilege is refused",
];

#[test]
fn the_whole_guide_can_be_walked() -> Result<()> {
    let lab = Lab::new()?;
    let (mut claims, mut story) = (Vec::new(), Vec::new());
    let mut tell = |event: Event<'_>| match event {
        Event::Checked(claim) => claims.push(claim.to_owned()),
        other => story.push(format!("{other:?}")),
    };
    let walked = Walk::new(&lab, &mut tell).all();
    walked.with_context(|| story.join("\n"))?;
    ensure!(claims.len() == CLAIMS.len(), "claims are {claims:#?}");
    for (claim, start) in claims.iter().zip(CLAIMS) {
        ensure!(claim.starts_with(start), "{claim:?} is not the claim {start:?}");
    }
    Ok(())
}

struct Desk {
    host: Host,
    isolation: Isolation,
    _lab: Lab,
}

impl Desk {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        Ok(Self { host: lab.host("node0")?, isolation: lab.isolation(), _lab: lab })
    }

    fn types(&self, line: &str) -> Result<String> {
        self.host.shell(line)?.ok()
    }

    fn key(&self, file: &str) -> Result<String> {
        self.types(&format!("kwild key gen --key-file {file}"))?;
        let info = self.types(&format!("kwild key info --key-file {file}"))?;
        value(&info, "Public key (plain hex): ")
    }

    fn genesis(&self) -> Result<(String, String, String)> {
        let (pk0, pk1) = (self.key("~/nodekey.json")?, self.key("~/other.json")?);
        let out = self.types(&format!(
            "kwild setup genesis --validator \"{pk0}#secp256k1:1\" --validator \"{pk1}#secp256k1:1\" \
             --leader \"{pk0}#secp256k1\" --chain-id \"prod-chain\" --out ~/prod-chain"
        ))?;
        Ok((pk0, pk1, out))
    }
}

fn value(out: &str, name: &str) -> Result<String> {
    let found = out.lines().find_map(|line| line.strip_prefix(name));
    Ok(found.with_context(|| format!("no line {name:?} in {out:?}"))?.to_owned())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn mode(desk: &Desk, path: &str) -> Result<u32> {
    Ok(std::fs::metadata(desk.host.path(path))?.permissions().mode() & 0o777)
}

#[test]
fn s1_key_gen_writes_a_private_file_and_never_overwrites_one() -> Result<()> {
    let desk = Desk::new()?;
    let out = desk.types("kwild key gen --key-file ~/nodekey.json")?;
    let expected = desk.types("echo Private key written to ~/nodekey.json")?;
    ensure!(out == expected, "printed {out:?}");
    ensure!(
        mode(&desk, "~/nodekey.json")? == 0o600,
        "mode is {:o}",
        mode(&desk, "~/nodekey.json")?
    );
    let text = std::fs::read_to_string(desk.host.path("~/nodekey.json"))?;
    let file: Value = serde_json::from_str(&text)?;
    ensure!(is_hex(file["key"].as_str().unwrap_or_default(), 64), "file is {text:?}");
    ensure!(
        text.trim_end() == format!("{{\"key\":{},\"type\":\"secp256k1\"}}", file["key"]),
        "file is {text:?}"
    );

    let again = desk.host.shell("kwild key gen --key-file ~/nodekey.json")?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    ensure!(
        std::fs::read_to_string(desk.host.path("~/nodekey.json"))? == text,
        "the key was overwritten"
    );
    Ok(())
}

#[test]
fn s2_key_info_prints_the_lines_of_the_guide() -> Result<()> {
    let desk = Desk::new()?;
    desk.types("kwild key gen --key-file ~/nodekey.json")?;
    let out = desk.types("kwild key info --key-file ~/nodekey.json")?;
    let lines: Vec<&str> = out.lines().collect();
    ensure!(lines.len() == 5 && lines[0] == "Key type: secp256k1", "printed {out:?}");
    let private = value(lines[1], "Private key (hex): ")?;
    let public = value(lines[2], "Public key (plain hex): ")?;
    ensure!(is_hex(&private, 64) && is_hex(&public, 66), "printed {out:?}");
    ensure!(lines[3] == format!("Node ID: {public}#secp256k1"), "printed {out:?}");
    let address = value(lines[4], "Equivalent User Address: 0x")?;
    ensure!(is_hex(&address.to_lowercase(), 40), "printed {out:?}");
    Ok(())
}

#[test]
fn s3_s4_setup_genesis_writes_the_document_of_the_guide() -> Result<()> {
    let desk = Desk::new()?;
    let (pk0, pk1, out) = desk.genesis()?;
    let home = match desk.isolation {
        Isolation::Namespaces => "/root".to_owned(),
        Isolation::Loopback => desk.host.path("~").display().to_string(),
    };
    let home = home.trim_end_matches('/');
    ensure!(
        out == format!("Created genesis.json file at {home}/prod-chain/genesis.json\n"),
        "printed {out:?}"
    );
    let text = std::fs::read_to_string(desk.host.path("~/prod-chain/genesis.json"))?;
    let expected = format!(
        r#"{{
  "chain_id": "prod-chain",
  "initial_height": 0,
  "validators": [
    {{
      "pubkey": "{pk0}",
      "type": "secp256k1",
      "power": 1
    }},
    {{
      "pubkey": "{pk1}",
      "type": "secp256k1",
      "power": 1
    }}
  ],
  "migration": {{
    "start_height": 0,
    "end_height": 0
  }},
  "leader": {{
    "type": "secp256k1",
    "key": "{pk0}"
  }},
  "db_owner": "{pk0}",
  "max_block_size": 6291456,
  "join_expiry": "24h0m0s",
  "disabled_gas_costs": true,
  "max_votes_per_tx": 200,
  "migration_status": "NoActiveMigration"
}}"#
    );
    ensure!(text.trim_end() == expected, "the document is {text}");
    Ok(())
}

#[test]
fn s5_setup_init_makes_a_root_from_genesis_and_key() -> Result<()> {
    let desk = Desk::new()?;
    desk.genesis()?;
    let root = desk.host.named("/data/kwil-node0");
    let out = desk.types(&format!(
        "kwild setup init --genesis prod-chain/genesis.json --root {root} --key-file ~/nodekey.json"
    ))?;
    ensure!(
        out == format!("Kwil node configuration generated successfully at: {root}\n"),
        "printed {out:?}"
    );
    let inside = |file: &str| desk.host.path(&format!("/data/kwil-node0/{file}"));
    let same = |a: &str, b: &str| -> Result<bool> {
        Ok(serde_json::from_slice::<Value>(&std::fs::read(inside(a))?)?
            == serde_json::from_slice::<Value>(&std::fs::read(desk.host.path(b))?)?)
    };
    ensure!(same("genesis.json", "~/prod-chain/genesis.json")?, "the genesis document changed");
    ensure!(same("nodekey.json", "~/nodekey.json")?, "the key changed");
    ensure!(inside("config.toml").is_file(), "there is no config.toml");
    for file in ["config.toml", "nodekey.json"] {
        let mode = mode(&desk, &format!("/data/kwil-node0/{file}"))?;
        ensure!(mode == 0o600, "mode of {file} is {mode:o}");
    }
    Ok(())
}

#[test]
fn s6_bootnodes_of_setup_init_land_in_the_configuration() -> Result<()> {
    let desk = Desk::new()?;
    let (pk0, ..) = desk.genesis()?;
    let root = desk.host.named("/data/kwil-node1");
    let peer = format!("{pk0}#secp256k1@23.45.67.89:6600");
    desk.types(&format!(
        "kwild setup init --genesis prod-chain/genesis.json --root {root} --key-file ~/nodekey.json --p2p.bootnodes \"{peer}\""
    ))?;
    let config = std::fs::read_to_string(desk.host.path("/data/kwil-node1/config.toml"))?;
    let p2p = config.split("[p2p]").nth(1).context("config.toml has no [p2p]")?;
    let line = p2p.lines().find(|line| line.trim_start().starts_with("bootnodes"));
    ensure!(line.is_some_and(|line| line.contains(&peer)), "bootnodes line is {line:?}");
    Ok(())
}

#[test]
fn s7_s8_every_spelling_of_two_bootnodes_means_the_same() -> Result<()> {
    let desk = Desk::new()?;
    let (pk0, pk1, _) = desk.genesis()?;
    let root = desk.host.named("/data/kwil-node0");
    desk.types(&format!(
        "kwild setup init --genesis prod-chain/genesis.json --root {root} --key-file ~/nodekey.json"
    ))?;
    let (a, b) =
        (format!("{pk0}#secp256k1@10.0.0.1:6600"), format!("{pk1}#secp256k1@10.0.0.2:6600"));
    let printed = |flags: &str| -> Result<String> {
        let out = desk.types(&format!("kwild print-config --root {root} {flags}"))?;
        let from = out.find("bootnodes").with_context(|| format!("no bootnodes in {out}"))?;
        let rest = out.get(from..).unwrap_or_default();
        let upto = rest.find(']').with_context(|| format!("bootnodes are no list in {out}"))?;
        Ok(rest.get(..upto).unwrap_or_default().split_whitespace().collect())
    };
    let repeated = printed(&format!("--p2p.bootnodes \"{a}\" --p2p.bootnodes \"{b}\""))?;
    ensure!(repeated.contains(&a) && repeated.contains(&b), "printed {repeated:?}");
    ensure!(
        printed(&format!("--p2p.bootnodes \"{a},{b}\""))? == repeated,
        "S7: the comma form differs"
    );

    let file = desk.host.path("/data/kwil-node0/config.toml");
    std::fs::write(&file, format!("[p2p]\nbootnodes = \"{a},{b}\"\n"))?;
    ensure!(printed("")? == repeated, "S8: the string form differs");
    Ok(())
}

#[test]
fn s12_s13_setup_init_without_a_key_makes_one() -> Result<()> {
    let desk = Desk::new()?;
    let (pk0, ..) = desk.genesis()?;
    let root = desk.host.named("/data/kwil-node2");
    let out = desk.types(&format!(
        "kwild setup init --genesis prod-chain/genesis.json --p2p.bootnodes \"{pk0}#secp256k1@23.45.67.89:6600\" --root {root}"
    ))?;
    ensure!(out == format!("Kwil node configuration generated at {root}\n"), "printed {out:?}");
    ensure!(mode(&desk, "/data/kwil-node2/nodekey.json")? == 0o600, "others can read the key");
    let out =
        desk.types(&format!("kwild key info --key-file {root}/nodekey.json | grep \"Node ID\""))?;
    let id = value(out.trim_end(), "Node ID: ")?;
    ensure!(is_hex(id.strip_suffix("#secp256k1").unwrap_or_default(), 66), "printed {out:?}");
    Ok(())
}
