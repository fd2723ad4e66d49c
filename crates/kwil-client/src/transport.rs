//! One call over whatever the endpoint speaks.

mod grpc;
mod jsonrpc;
#[cfg(test)]
mod tests;

use std::time::Duration;

use kwil_api::Call;
use kwil_quic::Expect;
use kwil_quic::grpc::{Dialer, Target, TrustCheck};

use crate::connect::Route;
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::provider::{Kind, Provider};
use crate::tls;
use crate::trust::Acquaintance;

use grpc::Grpc;
use jsonrpc::JsonRpc;

/// Bytes of an answer that are accepted: a little more than nodes send.
const ANSWER_MAX: usize = 80 * 1024 * 1024;
/// Bytes of a request that are sent: what nodes take by default.
const REQUEST_MAX: usize = 6_000_000;
/// Tries of a call that may be repeated, when the connection is lost.
const TRIES: u32 = 3;

/// A connection to one endpoint; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    wire: Wire,
    endpoint: String,
    timeout: Duration,
    min_height: Option<u64>,
}

#[derive(Clone, Debug)]
enum Wire {
    JsonRpc(Box<JsonRpc>),
    Grpc(Box<Grpc>),
}

/// What a call asks for beside its parameters.
#[derive(Clone, Copy)]
struct Asked {
    limit: Duration,
    min_height: Option<u64>,
}

/// Why one try gave no answer.
enum Failure {
    /// Nothing was sent; trying again at once will not help.
    Final(ClientError),
    /// The connection was lost with the request on its way.
    Lost(ClientError),
}

impl Transport {
    pub(crate) fn new(provider: &Provider, options: &ClientOptions) -> Result<Self, ClientError> {
        let endpoint = provider.to_string();
        let route = |host: &crate::provider::Host, with_tls: bool, alpn: &[u8]| {
            Ok::<_, ClientError>(if with_tls {
                Route::Tls(host.clone(), tls::config(options, alpn)?)
            } else {
                Route::Tcp(host.clone())
            })
        };
        let wire = match &provider.0 {
            Kind::Unix(path) => Wire::JsonRpc(Box::new(JsonRpc::new(
                Route::Unix(path.clone()),
                "http://localhost".to_owned(),
                options,
            )?)),
            Kind::Http { host, tls, path } => {
                let base = format!("http://{host}{path}");
                Wire::JsonRpc(Box::new(JsonRpc::new(
                    route(host, *tls, b"http/1.1")?,
                    base,
                    options,
                )?))
            }
            Kind::Grpc { host, tls } => {
                Wire::Grpc(Box::new(Grpc::over(route(host, *tls, b"h2")?, options)))
            }
            Kind::Quic { host, node } => {
                let expect = match (node, &options.server_certificate) {
                    (Some(node), _) => Expect::Node(*node),
                    (None, Some(certificate)) => Expect::Certificate(certificate.clone()),
                    (None, None) => Expect::AnyNode,
                };
                let check = matches!(expect, Expect::AnyNode)
                    .then(|| remember(&host.to_string(), options))
                    .flatten();
                Wire::Grpc(Box::new(Grpc::quic(
                    Dialer::new(Target {
                        host: host.name.clone(),
                        port: host.port,
                        expect,
                        check,
                        show: options.client_certificate.clone(),
                        keep_alive: options.long_lived,
                    }),
                    options,
                )))
            }
        };
        Ok(Self { wire, endpoint, timeout: options.timeout, min_height: None })
    }

    /// The same connection, with reads of at least this height.
    pub(crate) fn at_least(&self, height: u64) -> Self {
        Self { min_height: Some(height), ..self.clone() }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes a call within `limit`; a call that may be repeated is, when the connection is lost.
    pub(crate) async fn call<C: Call>(
        &self,
        request: C::Request,
        limit: Duration,
    ) -> Result<C::Response, ClientError>
    where
        C::Request: Clone,
    {
        tokio::time::timeout(limit, self.tries::<C>(request, limit)).await.unwrap_or_else(
            |_elapsed| Err(ClientError::Timeout { endpoint: self.endpoint.clone(), waited: limit }),
        )
    }

    async fn tries<C: Call>(
        &self,
        request: C::Request,
        limit: Duration,
    ) -> Result<C::Response, ClientError>
    where
        C::Request: Clone,
    {
        let mut tried: u32 = 1;
        loop {
            let answer = match &self.wire {
                Wire::JsonRpc(wire) => {
                    wire.call::<C>(&request, self.min_height, &self.endpoint).await
                }
                Wire::Grpc(wire) => {
                    let asked = Asked { limit, min_height: self.min_height };
                    wire.call::<C>(request.clone(), asked, &self.endpoint).await
                }
            };
            match answer {
                Ok(response) => return Ok(response),
                Err(Failure::Lost(_)) if C::METHOD.idempotent && tried < TRIES => {
                    tried = tried.saturating_add(1)
                }
                Err(Failure::Final(error) | Failure::Lost(error)) => return Err(error),
            }
        }
    }

    /// Says goodbye to a QUIC server.
    pub(crate) async fn close(&self) {
        if let Wire::Grpc(wire) = &self.wire {
            wire.close().await;
        }
    }
}

/// Trust on first use, when there is a file to remember in.
fn remember(address: &str, options: &ClientOptions) -> Option<TrustCheck> {
    let known = options.known_nodes.clone()?;
    let told = options.on_new_node.clone();
    let address = address.to_owned();
    Some(std::sync::Arc::new(move |node| {
        if known.meet(&address, node)? == Acquaintance::New
            && let Some(told) = &told
        {
            told(&address, node);
        }
        Ok(())
    }))
}
