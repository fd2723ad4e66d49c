//! The listeners: opened together, closed in order.

mod connection;
mod error;
mod limit;
mod preface;
mod quic;
mod tcp;
mod unix;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kwil_api::Service;
use kwil_quic::{ClientAuth, Identity};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::api::Apis;
use crate::app::{Door, router};
use crate::config::{AdminListen, AdminListener, Limits, MetricsListener, UserListener};
use crate::front::{Front, FrontSettings};
use crate::grpc::HealthBoard;
use crate::metrics::{self, CallMetrics, MetricsPage};

use connection::Shared;
pub use error::StartError;
use quic::Quic;
use tcp::Tcp;
use unix::Unix;

/// Tries to find a number that is free for TCP and UDP.
const PORT_TRIES: u32 = 16;

/// What the node serves.
#[derive(Debug, Default)]
pub struct ServerConfig {
    /// The public listener; `None` opens none.
    pub user: Option<UserListener>,
    /// The operator's listener; `None` opens none.
    pub admin: Option<AdminListener>,
    /// The listener of metrics; `None` opens none.
    pub metrics: Option<MetricsListener>,
    /// Counts the requests of users and operator.
    pub calls: CallMetrics,
    /// Version of the node, for answers.
    pub node_version: String,
}

/// Starts the listeners of a node.
#[derive(Debug)]
pub struct RpcServer;

/// Running listeners.
#[derive(Debug)]
pub struct RpcHandle {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    user: Option<SocketAddr>,
    user_quic: Option<SocketAddr>,
    admin: Option<AdminAddress>,
    admin_quic: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
}

/// Where the operator's listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// A socket file.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
}

impl RpcServer {
    /// Opens every port and socket, then answers on them until `stop`. Either all are open or none.
    ///
    /// When `stop` is cancelled: nothing new is accepted, running requests have the drain time, then those that wait
    /// get "shutting down", and the socket file is removed.
    ///
    /// # Errors
    /// When a port or socket file is in use, or TLS material does not fit.
    pub async fn start(
        config: ServerConfig,
        apis: Apis,
        identity: &Identity,
        stop: CancellationToken,
    ) -> Result<RpcHandle, StartError> {
        let mut listeners = Vec::new();
        let mut handle = RpcHandle {
            tasks: JoinSet::new(),
            stop: stop.clone(),
            user: None,
            user_quic: None,
            admin: None,
            admin_quic: None,
            metrics: None,
        };
        if let Some(user) = config.user {
            let (tcp, quic) = user_sockets(&user, identity).await?;
            handle.user = Some(tcp.address());
            handle.user_quic = quic.as_ref().map(Quic::address);
            listeners.push(Listener {
                name: "user",
                sockets: Sockets { tcp: Some(tcp), unix: None, quic },
                ..Listener::user(user, apis.clone(), (&config.node_version, &config.calls))?
            });
        }
        if let Some(admin) = config.admin {
            let sockets = admin_sockets(&admin, identity).await?;
            handle.admin_quic = sockets.quic.as_ref().map(Quic::address);
            handle.admin = sockets.admin_address();
            listeners.push(Listener {
                sockets,
                ..Listener::admin(admin, apis, (&config.node_version, &config.calls))?
            });
        }
        let metrics = match config.metrics {
            None => None,
            Some(metrics) => {
                let tcp = Tcp::bind("telemetry.prometheus_listen", metrics.listen, None).await?;
                handle.metrics = Some(tcp.address());
                Some((tcp, metrics.page))
            }
        };
        for listener in listeners {
            listener.spawn(&mut handle.tasks, &stop)?;
        }
        if let Some((tcp, page)) = metrics {
            handle.tasks.spawn(show_metrics(tcp, page, stop));
        }
        Ok(handle)
    }
}

/// TCP and UDP of the same number. When any number will do, one that both have is looked for.
async fn user_sockets(
    user: &UserListener,
    identity: &Identity,
) -> Result<(Tcp, Option<Quic>), StartError> {
    let mut tries = if user.listen.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        let tcp = Tcp::bind("rpc.listen", user.listen, None).await?;
        if !user.quic {
            return Ok((tcp, None));
        }
        tries = tries.saturating_sub(1);
        match Quic::bind("rpc", tcp.address(), identity, ClientAuth::None, None) {
            Ok(quic) => return Ok((tcp, Some(quic))),
            Err(error) if tries > 0 && error.is_in_use() => {}
            Err(error) => return Err(error),
        }
    }
}

async fn admin_sockets(admin: &AdminListener, identity: &Identity) -> Result<Sockets, StartError> {
    match &admin.listen {
        AdminListen::Unix(path) => {
            Ok(Sockets { tcp: None, unix: Some(Unix::bind(path).await?), quic: None })
        }
        AdminListen::Plain(address) => Ok(Sockets {
            tcp: Some(Tcp::bind("admin.listen", *address, None).await?),
            unix: None,
            quic: None,
        }),
        AdminListen::Tls(tls) => {
            let guests = tcp::Guests::new(tls, admin.password.is_some());
            let tcp =
                Tcp::bind("admin.listen", tls.listen, Some(tcp::Tls::new(tls, identity, &guests)?))
                    .await?;
            let quic = tls
                .quic
                .then(|| {
                    Quic::bind(
                        "admin",
                        tcp.address(),
                        identity,
                        guests.auth(),
                        Some(guests.clone()),
                    )
                })
                .transpose()?;
            Ok(Sockets { tcp: Some(tcp), unix: None, quic })
        }
    }
}

impl RpcHandle {
    /// TCP address of the public listener.
    #[must_use]
    pub const fn user_addr(&self) -> Option<SocketAddr> {
        self.user
    }

    /// UDP address of the public listener.
    #[must_use]
    pub const fn user_quic_addr(&self) -> Option<SocketAddr> {
        self.user_quic
    }

    /// Where the operator's listener is.
    #[must_use]
    pub const fn admin_addr(&self) -> Option<&AdminAddress> {
        self.admin.as_ref()
    }

    /// UDP address of the operator's listener.
    #[must_use]
    pub const fn admin_quic_addr(&self) -> Option<SocketAddr> {
        self.admin_quic
    }

    /// Where `/metrics` is served.
    #[must_use]
    pub const fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Waits until every listener is closed, which happens after `stop`. A listener that ends on its own stops the
    /// others.
    pub async fn stopped(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "an rpc listener panicked");
            }
            self.stop.cancel();
        }
    }
}

#[derive(Debug, Default)]
struct Sockets {
    tcp: Option<Tcp>,
    unix: Option<Unix>,
    quic: Option<Quic>,
}

impl Sockets {
    fn admin_address(&self) -> Option<AdminAddress> {
        let file = self.unix.as_ref().map(|unix| AdminAddress::Unix(unix.path().to_owned()));
        file.or_else(|| self.tcp.as_ref().map(|tcp| AdminAddress::Tcp(tcp.address())))
    }
}

/// One application and the sockets that it answers on.
struct Listener {
    name: &'static str,
    sockets: Sockets,
    door: Door,
    limits: Limits,
    cancel: CancellationToken,
}

impl Listener {
    fn user(
        config: UserListener,
        apis: Apis,
        (node_version, calls): (&str, &CallMetrics),
    ) -> Result<Self, StartError> {
        let cancel = CancellationToken::new();
        let all = [Service::User, Service::Chain, Service::Function];
        let services: BTreeSet<Service> =
            all.into_iter().filter(|service| !config.disabled.contains(service)).collect();
        let settings = FrontSettings {
            services,
            private: config.private,
            disable_query: config.disable_query,
            signed_callers: config.signed_callers,
            redact: config.private,
            limits: config.limits,
            challenge_expiry: config.challenge_expiry,
            challenge_rate: config.challenge_rate,
            node_version: node_version.to_owned(),
            calls: calls.clone(),
        };
        let front = Front::new(apis, settings, cancel.clone()).map_err(StartError::entropy)?;
        Ok(Self {
            name: "user",
            sockets: Sockets::default(),
            limits: config.limits,
            door: Door {
                front: Arc::new(front),
                password: None,
                cors_origins: config.cors_origins,
                trusted_proxies: config.trusted_proxies,
            },
            cancel,
        })
    }

    fn admin(
        config: AdminListener,
        apis: Apis,
        (node_version, calls): (&str, &CallMetrics),
    ) -> Result<Self, StartError> {
        let cancel = CancellationToken::new();
        let settings = FrontSettings {
            services: BTreeSet::from([
                Service::User,
                Service::Chain,
                Service::Function,
                Service::Admin,
            ]),
            private: false,
            disable_query: false,
            signed_callers: false,
            redact: false,
            limits: config.limits,
            challenge_expiry: Duration::from_secs(30),
            challenge_rate: 0.0,
            node_version: node_version.to_owned(),
            calls: calls.clone(),
        };
        let front = Front::new(apis, settings, cancel.clone()).map_err(StartError::entropy)?;
        Ok(Self {
            name: "admin",
            sockets: Sockets::default(),
            limits: config.limits,
            door: Door {
                front: Arc::new(front),
                password: config.password,
                cors_origins: Vec::new(),
                trusted_proxies: 0,
            },
            cancel,
        })
    }

    fn spawn(self, tasks: &mut JoinSet<()>, stop: &CancellationToken) -> Result<(), StartError> {
        let board = HealthBoard::new();
        let front = Arc::clone(&self.door.front);
        let app = router(self.door, &board).map_err(StartError::reflection)?;
        let shared = Shared::new(app, &self.limits, stop.child_token());
        let sockets = self.sockets;
        let run = async move {
            let follow = board.follow(front, shared.stop.clone());
            let ((), goodbye) = tokio::join!(follow, accept(sockets, &shared));
            shared.drain(self.limits.drain, &self.cancel).await;
            if let Some(goodbye) = goodbye {
                goodbye.say().await;
            }
        };
        tasks.spawn(run.instrument(tracing::info_span!("rpc", listener = self.name)));
        Ok(())
    }
}

/// Shows the page of metrics until the stop, within the limits of any listener.
async fn show_metrics(tcp: Tcp, page: MetricsPage, stop: CancellationToken) {
    let limits = Limits { drain: Duration::from_secs(1), ..Limits::default() };
    let shared = Shared::new(metrics::router(page), &limits, stop);
    tcp.accept(&shared).await;
    shared.drain(limits.drain, &CancellationToken::new()).await;
}

/// Accepts on every socket until the stop.
async fn accept(sockets: Sockets, shared: &Shared) -> Option<quic::Goodbye> {
    let Sockets { tcp, unix, quic } = sockets;
    let tcp = async {
        if let Some(tcp) = tcp {
            tcp.accept(shared).await;
        }
    };
    let unix = async {
        if let Some(unix) = unix {
            unix.accept(shared).await;
        }
    };
    let quic = async {
        match quic {
            Some(quic) => Some(quic.accept(shared).await),
            None => None,
        }
    };
    tokio::join!(tcp, unix, quic).2
}
