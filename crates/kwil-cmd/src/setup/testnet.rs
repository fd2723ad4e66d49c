//! `setup testnet`.

use kwil_config::{AdminListen, Config, HostPort, Peer};
use kwil_crypto::{KeyType, NodeId, PrivateKey};
use kwil_types::Validator;
use serde::Serialize;

use super::DEFAULT_CHAIN_ID;
use super::genesis::check;
use super::network::{Founders, ParameterFlags};
use super::root::{NewRoot, is_free};
use crate::config_flags::ConfigFlags;
use crate::context::Context;
use crate::error::CliError;
use crate::key::{generate_key, user_identifier};

/// Make the root directories of a whole test network.
///
/// Node 0 is the leader; the first nodes are validators of equal power.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} setup testnet -v 3 -u --out-dir ./kwil-testnet")]
pub struct Testnet {
    /// Number of validators
    #[arg(short = 'v', long, default_value_t = 3, value_name = "N")]
    vals: u16,
    /// Number of other nodes
    #[arg(short = 'n', long, default_value_t = 0, value_name = "N")]
    non_vals: u16,
    /// No exchange of peer addresses
    #[arg(long)]
    no_pex: bool,
    /// P2P port of the first node
    #[arg(short = 'p', long, default_value_t = 6600, value_name = "PORT")]
    port: u16,
    /// Folder for the root directories node0, node1, …
    #[arg(short = 'o', long, default_value = ".testnet", value_name = "DIR")]
    out_dir: String,
    /// Different ports for each node, for one machine
    #[arg(short = 'u', long)]
    unique_ports: bool,
    /// Host name of each node, in order
    #[arg(short = 'H', long, value_delimiter = ',', value_name = "LIST")]
    hostnames: Vec<String>,
    /// Name of the network
    #[arg(short = 'c', long, default_value = DEFAULT_CHAIN_ID, value_name = "ID")]
    chain_id: String,
    #[command(flatten)]
    parameters: ParameterFlags,
    /// With --unique-ports: leave the port of an external PostgreSQL the same for all nodes
    #[arg(long)]
    same_db_port: bool,
    #[command(flatten)]
    config: ConfigFlags,
}

#[derive(Serialize)]
struct MadeNode {
    root: String,
    node_id: String,
    validator: bool,
    p2p: String,
    rpc: String,
    admin: String,
}

impl Testnet {
    /// Makes keys, genesis and configurations, then writes all of them.
    ///
    /// # Errors
    /// Wrong flags, or an output folder that is not empty.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let count = usize::from(self.vals) + usize::from(self.non_vals);
        self.check_flags(count)?;
        let out = context.path(&self.out_dir);
        if !is_free(&out) {
            return Err(CliError::failed(format!(
                "output directory {} already exists",
                out.display()
            )));
        }
        let base = self.config.load_without_file(context)?.config;
        let keys = (0..count)
            .map(|_| generate_key(KeyType::Secp256k1))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CliError::because("no entropy from the system", &error))?;
        let genesis = self.genesis(&keys)?;
        let addresses =
            (0..count).map(|index| self.p2p_address(index)).collect::<Result<Vec<_>, _>>()?;
        let mut made = Vec::new();
        let mut roots = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let others =
                keys.iter().zip(&addresses).enumerate().filter(|(other, _)| *other != index);
            let peers = others.map(|(_, (key, address))| Peer {
                node_id: NodeId::new(key.public_key()),
                address: address.clone(),
            });
            let mut config = self.node_config(&base, index, addresses.get(index))?;
            config.p2p.bootnodes = peers.collect();
            config.validate()?;
            let path = out.join(format!("node{index}"));
            made.push(MadeNode {
                root: path.display().to_string(),
                node_id: NodeId::new(key.public_key()).to_string(),
                validator: index < usize::from(self.vals),
                p2p: config.p2p.listen.to_string(),
                rpc: config.rpc.listen.to_string(),
                admin: config.admin.listen.to_string(),
            });
            roots.push(NewRoot {
                path,
                config,
                genesis: genesis.clone(),
                key: key.clone(),
                copy: None,
            });
        }
        roots.iter().try_for_each(|root| root.write(false))?;
        context
            .output
            .emit(&made, || format!("Generated testnet configuration in {}", self.out_dir))
    }

    fn check_flags(&self, count: usize) -> Result<(), CliError> {
        if self.vals == 0 {
            return Err(CliError::usage("a network needs at least one validator"));
        }
        if !self.hostnames.is_empty() && self.hostnames.len() != count {
            return Err(CliError::usage(format!(
                "if set, the number of hostnames {} must be equal to number of validators + number of non-validators {count}",
                self.hostnames.len()
            )));
        }
        Ok(())
    }

    fn genesis(&self, keys: &[PrivateKey]) -> Result<String, CliError> {
        let first = keys
            .first()
            .ok_or_else(|| CliError::usage("a network needs at least one validator"))?;
        let validators = keys.iter().take(usize::from(self.vals));
        let founders = Founders {
            validators: validators
                .map(|key| Validator { key: key.public_key(), power: 1 })
                .collect(),
            leader: first.public_key(),
            default_owner: user_identifier(first),
        };
        Ok(check(self.parameters.document(&self.chain_id, &founders)?)?.to_json())
    }

    /// Where the other nodes reach a node.
    fn p2p_address(&self, index: usize) -> Result<HostPort, CliError> {
        let host = self.hostnames.get(index).map_or("127.0.0.1", String::as_str);
        Ok(HostPort::new(host, self.shifted(self.port, index)?))
    }

    /// A port of a node: the base, plus the number of the node when all run on one machine.
    fn shifted(&self, base: u16, index: usize) -> Result<u16, CliError> {
        let step = if self.unique_ports { index } else { 0 };
        u16::try_from(step)
            .ok()
            .and_then(|step| base.checked_add(step))
            .ok_or_else(|| CliError::usage(format!("port {base} + {index} is above 65535")))
    }

    fn node_config(
        &self,
        base: &Config,
        index: usize,
        address: Option<&HostPort>,
    ) -> Result<Config, CliError> {
        let mut config = base.clone();
        config.consensus.empty_block_timeout = config.consensus.propose_timeout;
        config.p2p.pex = base.p2p.pex && !self.no_pex;
        config.p2p.listen = HostPort::new(base.p2p.listen.host(), self.shifted(self.port, index)?);
        config.rpc.listen =
            HostPort::new(base.rpc.listen.host(), self.shifted(base.rpc.listen.port(), index)?);
        if self.unique_ports {
            let admin = HostPort::new("127.0.0.1", self.shifted(8584, index)?);
            config.admin.listen = AdminListen::Tcp { address: admin, https: false };
        }
        if !self.hostnames.is_empty() {
            config.p2p.external_address = address.cloned();
        }
        // A managed server listens on no port, so only external ones are told apart by it.
        if let (kwil_config::DbMode::External { port, .. }, true, false) =
            (base.db.mode(), self.unique_ports, self.same_db_port)
        {
            config.db.port = Some(kwil_config::sections::DbPort(self.shifted(port, index)?));
        }
        Ok(config)
    }
}
