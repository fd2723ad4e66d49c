//! A network of one validator inside another program: makes a key and a genesis document, starts the node, waits for
//! blocks, asks it, and stops it in order.
//!
//! `cargo run -p kwil-node --example embed -- FOLDER`

use std::path::PathBuf;

use kwil_config::{AdminConfig, Config, HostPort};
use kwil_crypto::{KeyType, PrivateKey};
use kwil_genesis::{Document, Genesis};
use kwil_node::NodeBuilder;
use kwil_types::{GoDuration, Validator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    std::fs::create_dir_all(&root)?;
    let key = PrivateKey::generate(KeyType::Secp256k1, getrandom::fill)?;
    let leader = key.public_key();
    let genesis = Genesis::new(Document {
        chain_id: "embedded".to_owned(),
        validators: vec![Validator { key: leader, power: 1 }],
        leader: Some(leader),
        ..Document::default()
    })?;
    let mut config = Config {
        admin: AdminConfig { enable: false, ..AdminConfig::default() },
        ..Config::default()
    };
    config.consensus.empty_block_timeout = GoDuration::from_secs(1);
    config.p2p.listen = HostPort::new("127.0.0.1", 0);
    config.rpc.listen = HostPort::new("127.0.0.1", 0);

    let node = NodeBuilder::new(&root, genesis, key).config(config).start().await?;
    node.wait_for_height(2).await?;
    let health = node.apis().user.health();
    #[expect(clippy::print_stdout, reason = "an example shows what it sees")]
    {
        println!("height {} healthy {}", health.height, health.healthy);
    }
    node.shutdown().await?;
    Ok(())
}
