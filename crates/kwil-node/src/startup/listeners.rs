//! From configuration to listeners.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kwil_api::Service;
use kwil_config::{Config, HostPort, ServiceName};
use kwil_crypto::NodeId;
use kwil_p2p::{AnswerTimes, Port, Release};
use kwil_rpc::{
    AdminListen, AdminListener, AdminTls, Apis, Limits, MetricsListener, Password, RpcHandle,
    RpcServer, ServerCertificate, ServerConfig, UserListener,
};
use tokio_util::sync::CancellationToken;

use super::consensus::std;
use super::{Basis, interfaces};
use crate::error::NodeError;
use crate::node::Listeners;

/// Every port of the node, open before anything slow begins.
pub(super) struct Doors {
    pub(super) p2p: Port,
    pub(super) rpc: Rpc,
}

impl Doors {
    /// Opens all of them or none. Services answer from now on, peers are answered later.
    pub(super) async fn open(basis: &Basis, apis: Apis) -> Result<Self, NodeError> {
        let settings = p2p(&basis.root, &basis.facts.config, basis.facts.version)?;
        let p2p = Port::open(settings).map_err(Box::new)?;
        let rpc = open(basis, apis).await?;
        Ok(Self { p2p, rpc })
    }
}

/// The running services.
pub(super) struct Rpc {
    handle: RpcHandle,
    stop: CancellationToken,
}

impl Rpc {
    pub(super) fn addresses(&self, p2p: SocketAddr) -> Listeners {
        let handle = &self.handle;
        Listeners {
            p2p,
            user: handle.user_addr(),
            admin: handle.admin_addr().cloned(),
            metrics: handle.metrics_addr(),
        }
    }

    /// Closes the listeners of a node that does not start.
    pub(super) async fn close(self) {
        self.stop.cancel();
        self.handle.stopped().await;
    }

    /// Waits for `stop`, then drains the listeners.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), NodeError> {
        let mut stopped = std::pin::pin!(self.handle.stopped());
        tokio::select! {
            () = &mut stopped => return Err(NodeError::TaskEnded("RPC services")),
            () = stop.cancelled() => self.stop.cancel(),
        }
        stopped.await;
        Ok(())
    }
}

/// Opens the listeners of users and operator.
async fn open(basis: &Basis, apis: Apis) -> Result<Rpc, NodeError> {
    let config = &basis.facts.config;
    let stop = CancellationToken::new();
    let server = ServerConfig {
        user: Some(user(config)?),
        admin: config.admin.enable.then(|| admin(&basis.root, config)).transpose()?,
        metrics: metrics(basis)?,
        calls: basis.metrics.calls.clone(),
        node_version: basis.facts.version.to_owned(),
    };
    let started = RpcServer::start(server, apis, &basis.identity, stop.clone()).await;
    let handle = started.map_err(Box::new)?;
    if let Some(address) = handle.user_addr() {
        tracing::info!(target: "KWILD", listen = %address, "starting user json-rpc server");
    }
    if handle.admin_addr().is_some() {
        tracing::info!(target: "KWILD", listen = %config.admin.listen, "starting admin json-rpc server");
    }
    if let Some(address) = handle.metrics_addr() {
        tracing::info!(target: "KWILD", listen = %address, "serving metrics");
    }
    for (key, why) in without_effect(config) {
        tracing::warn!(target: "KWILD", "{key}: {why}");
    }
    Ok(Rpc { handle, stop })
}

fn metrics(basis: &Basis) -> Result<Option<MetricsListener>, NodeError> {
    let Some(address) = &basis.facts.config.telemetry.prometheus_listen else { return Ok(None) };
    let listen = resolve("telemetry.prometheus_listen", address)?;
    let metrics = Arc::clone(&basis.metrics);
    Ok(Some(MetricsListener { listen, page: Arc::new(move || metrics.page()) }))
}

fn user(config: &Config) -> Result<UserListener, NodeError> {
    let rpc = &config.rpc;
    Ok(UserListener {
        quic: rpc.quic,
        disabled: rpc.disabled_services.iter().map(|name| service(*name)).collect(),
        private: rpc.private,
        disable_query: rpc.disable_query,
        signed_callers: rpc.signed_callers == kwil_config::SignedCallers::Required,
        challenge_expiry: std(rpc.challenge_expiry),
        challenge_rate: rpc.challenge_rate_limit,
        cors_origins: rpc.cors_origins.clone(),
        trusted_proxies: usize::try_from(rpc.trusted_proxies).unwrap_or_default(),
        limits: limits(config, std(rpc.timeout)),
        ..UserListener::new(resolve("rpc.listen", &rpc.listen)?)
    })
}

fn admin(root: &Path, config: &Config) -> Result<AdminListener, NodeError> {
    const PATIENCE: Duration = Duration::from_secs(600);
    let admin = &config.admin;
    let listen = match &admin.listen {
        kwil_config::AdminListen::Unix(path) => AdminListen::Unix(path.into()),
        kwil_config::AdminListen::Tcp { address, .. } => {
            let socket = resolve("admin.listen", address)?;
            if socket.ip().is_loopback() || admin.notls {
                AdminListen::Plain(socket)
            } else {
                AdminListen::Tls(tls(root, config, socket)?)
            }
        }
    };
    let password = secret(admin.pass.expose(), &admin.pass_file)?;
    Ok(AdminListener {
        listen,
        password: (!password.is_empty()).then(|| Password::new(password)),
        limits: limits(config, PATIENCE),
    })
}

/// The operator's TLS port: a certificate that is made when missing, and who may connect.
fn tls(root: &Path, config: &Config, listen: SocketAddr) -> Result<AdminTls, NodeError> {
    let names = vec![listen.ip().to_string(), "localhost".to_owned()];
    let unusable =
        |error: kwil_rpc::CertificateError| NodeError::Config(format!("admin.listen: {error}"));
    let certificate = ServerCertificate::open_or_create(
        &root.join("admin.cert"),
        &root.join("admin.key"),
        &names,
    );
    let clients = root.join("clients.pem");
    Ok(AdminTls {
        listen,
        quic: config.admin.quic,
        certificate: Some(certificate.map_err(unusable)?),
        clients: if clients.exists() {
            kwil_rpc::certificates_of(&clients).map_err(unusable)?
        } else {
            Vec::new()
        },
        allowed: config.admin.allowed_keys.iter().map(|entry| entry.0).collect(),
    })
}

fn secret(inline: &str, file: &str) -> Result<String, NodeError> {
    if file.is_empty() {
        return Ok(inline.to_owned());
    }
    let path = Path::new(file);
    let text = std::fs::read_to_string(path)
        .map_err(|source| NodeError::Io { path: path.to_owned(), source })?;
    Ok(text.trim_end().to_owned())
}

fn limits(config: &Config, timeout: Duration) -> Limits {
    let rpc = &config.rpc;
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        timeout,
        broadcast_timeout: std(rpc.broadcast_tx_timeout),
        max_request: rpc.max_req_size.as_usize(),
        max_response: rpc.max_response_size.as_usize(),
        max_rows: u64::try_from(rpc.max_result_rows).unwrap_or_default(),
        max_batch: size(rpc.max_batch),
        max_connections: size(rpc.max_connections),
        rate: f64::from(rpc.rate_limit),
        ..Limits::default()
    }
}

fn service(name: ServiceName) -> Service {
    match name {
        ServiceName::User => Service::User,
        ServiceName::Chain => Service::Chain,
        ServiceName::Function => Service::Function,
        ServiceName::Admin => Service::Admin,
    }
}

/// Keys that are set and change nothing in this version.
fn without_effect(config: &Config) -> Vec<(&'static str, &'static str)> {
    let usual = Config::default().block_sync;
    let sync = &config.block_sync;
    let queue =
        "announcements wait in a queue that a peer has to empty within 5s; no key changes that";
    [
        (
            config.telemetry.enable,
            "telemetry.enable",
            "this version does not push metrics; telemetry.prometheus_listen serves them",
        ),
        (
            config.store.retain_blocks != 0,
            "store.retain_blocks",
            "this version keeps every block; without them its database could not be made again",
        ),
        (
            sync.announce_write_timeout != usual.announce_write_timeout,
            "block_sync.announce_write_timeout",
            queue,
        ),
        (
            sync.announce_resp_timeout != usual.announce_resp_timeout,
            "block_sync.announce_resp_timeout",
            "announcements are not answered",
        ),
        (sync.tx_ann_timeout != usual.tx_ann_timeout, "block_sync.tx_ann_timeout", queue),
    ]
    .into_iter()
    .filter_map(|(is_set, key, why)| is_set.then_some((key, why)))
    .collect()
}

/// `[p2p]` in the network's terms.
fn p2p(root: &Path, config: &Config, version: &str) -> Result<kwil_p2p::Config, NodeError> {
    let (p2p, sync) = (&config.p2p, &config.block_sync);
    let release: Release = version
        .parse()
        .map_err(|error| NodeError::Config(format!("version of this program: {error}")))?;
    let mut settings = kwil_p2p::Config::new(resolve("p2p.listen", &p2p.listen)?, release);
    settings.external_address = p2p.external_address.clone();
    settings.bootnodes = p2p.bootnodes.clone();
    settings.pex = p2p.pex;
    settings.private = p2p.private;
    settings.whitelist = p2p.whitelist.iter().map(|entry| entry.0).collect();
    settings.hide = p2p.hide.iter().map(|entry| entry.0).collect();
    settings.target_connections = usize::try_from(p2p.target_connections).unwrap_or(usize::MAX);
    settings.use_blacklist = p2p.blacklist.enable;
    settings.auto_blacklist = p2p
        .blacklist
        .auto_blacklist_on_max_retries
        .then(|| std(p2p.blacklist.auto_blacklist_duration));
    settings.address_book = Some(root.join("addrbook.json"));
    settings.max_tx_bytes = config.mempool.max_tx_bytes.as_usize();
    settings.block_requests = AnswerTimes {
        first: std(sync.request_timeout),
        gap: std(sync.idle_timeout),
        whole: std(sync.block_get_timeout),
    };
    settings.block_send = std(sync.block_send_timeout);
    settings.short_answer = std(sync.response_timeout);
    settings.tx_get = std(sync.tx_get_timeout);
    Ok(settings)
}

/// The line in which operators read who this node is and where it is reached.
pub(super) fn tell_identity(id: &NodeId, address: SocketAddr) {
    let addresses = if address.ip().is_unspecified() {
        interfaces::addresses(address.port())
    } else {
        vec![address.to_string()]
    };
    tracing::info!(target: "NODE", "This node is {id} @ [{}]", addresses.join(" "));
}

fn resolve(key: &str, address: &HostPort) -> Result<SocketAddr, NodeError> {
    let host = if address.is_unspecified() && address.host().is_empty() {
        "0.0.0.0"
    } else {
        address.host()
    };
    let mut found = (host, address.port())
        .to_socket_addrs()
        .map_err(|error| NodeError::Config(format!("{key}: {host}: {error}")))?;
    found.next().ok_or_else(|| NodeError::Config(format!("{key}: {host} has no address")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_effect_are_told_when_they_are_set_and_only_then() {
        assert_eq!(without_effect(&Config::default()), []);
        let mut config = Config::default();
        config.telemetry.enable = true;
        config.store.retain_blocks = 1000;
        config.block_sync.announce_resp_timeout = config.block_sync.tx_get_timeout;
        let keys: Vec<&str> = without_effect(&config).into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            ["telemetry.enable", "store.retain_blocks", "block_sync.announce_resp_timeout"]
        );
    }

    #[test]
    fn times_of_block_sync_reach_the_network() {
        let mut config = Config::default();
        let seconds = |text: &str| text.parse().unwrap();
        config.block_sync.block_send_timeout = seconds("11s");
        config.block_sync.response_timeout = seconds("12s");
        config.block_sync.tx_get_timeout = seconds("13s");
        config.block_sync.block_get_timeout = seconds("14s");
        let network = p2p(Path::new("/root"), &config, "1.0.0").unwrap();
        let found = [
            network.block_send,
            network.short_answer,
            network.tx_get,
            network.block_requests.whole,
        ];
        assert_eq!(found.map(|time| time.as_secs()), [11, 12, 13, 14]);
    }
}
