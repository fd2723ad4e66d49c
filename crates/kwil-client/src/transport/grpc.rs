//! gRPC over TCP, TLS, or lanes on a QUIC connection.

use std::error::Error;
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;
use kwil_api::{Call, RpcError, Wire};
use kwil_quic::grpc::Dialer;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::jsonrpc::basic;
use super::{ANSWER_MAX, Asked, Failure, REQUEST_MAX};
use crate::connect::Route;
use crate::error::{ClientError, root_cause};
use crate::options::ClientOptions;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(super) struct Grpc {
    channel: Channel,
    dialer: Option<Dialer>,
    authorization: Option<HeaderValue>,
}

impl Grpc {
    pub(super) fn over(route: Route, options: &ClientOptions) -> Self {
        let channel = tonic::transport::Endpoint::from_static("http://kwil")
            .connect_with_connector_lazy(route.service());
        Self {
            channel,
            dialer: None,
            authorization: options.password.as_ref().map(|password| basic(password)),
        }
    }

    pub(super) fn quic(dialer: Dialer, options: &ClientOptions) -> Self {
        let authorization = options.password.as_ref().map(|password| basic(password));
        Self { channel: dialer.channel(), dialer: Some(dialer), authorization }
    }

    pub(super) async fn call<C: Call>(
        &self,
        request: C::Request,
        Asked { limit, min_height }: Asked,
        endpoint: &str,
    ) -> Result<C::Response, Failure> {
        let message = request.into_wire();
        let size = prost::Message::encoded_len(&message);
        if size > REQUEST_MAX {
            return Err(Failure::Final(ClientError::RequestTooLarge {
                got: size,
                limit: REQUEST_MAX,
            }));
        }
        let mut request = Request::new(message);
        request.set_timeout(limit);
        if let Some(height) = min_height {
            request.metadata_mut().insert("x-kwil-min-height", height.into());
        }
        if let Some(authorization) = &self.authorization
            && let Ok(value) = MetadataValue::try_from(authorization.as_bytes())
        {
            request.metadata_mut().insert("authorization", value);
        }
        let mut client =
            tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(ANSWER_MAX);
        if let Err(error) = client.ready().await {
            return Err(self.unreachable(endpoint, &error).await);
        }
        let codec = ProstCodec::<C::ProtoRequest, C::ProtoResponse>::default();
        let path = PathAndQuery::from_static(C::METHOD.path);
        match client.unary(request, path, codec).await {
            Ok(response) => C::Response::from_wire(response.into_inner()).map_err(|error| {
                let problem = format!("result of {}: {error}", C::METHOD.name);
                Failure::Final(ClientError::Answer { endpoint: endpoint.to_owned(), problem })
            }),
            Err(status) => Err(self.failure(status, endpoint, limit).await),
        }
    }

    async fn failure(&self, status: Status, endpoint: &str, limit: Duration) -> Failure {
        if let Some(error) = RpcError::from_status(&status) {
            return Failure::Final(error.into());
        }
        let endpoint = endpoint.to_owned();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                Failure::Final(ClientError::Unauthorized {
                    endpoint,
                    reason: status.message().to_owned(),
                })
            }
            Code::DeadlineExceeded => {
                Failure::Final(ClientError::Timeout { endpoint, waited: limit })
            }
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal => {
                self.unreachable(&endpoint, &status).await
            }
            _ => Failure::Final(ClientError::Answer {
                endpoint,
                problem: status.message().to_owned(),
            }),
        }
    }

    /// Tells a wrong identity and a refused client from a node that is not there.
    async fn unreachable(
        &self,
        endpoint: &str,
        error: &(dyn Error + Send + Sync + 'static),
    ) -> Failure {
        let endpoint = endpoint.to_owned();
        let Some(dialer) = &self.dialer else {
            return Failure::Final(ClientError::Unreachable {
                endpoint,
                reason: root_cause(error),
            });
        };
        if let Some(reason) = dialer.refusal().await {
            return Failure::Final(ClientError::Unauthorized { endpoint, reason });
        }
        match dialer.last_error() {
            Some(cause) if cause.is_identity() => {
                Failure::Final(ClientError::Identity { endpoint, reason: cause.to_string() })
            }
            Some(cause) => {
                Failure::Final(ClientError::Unreachable { endpoint, reason: root_cause(&*cause) })
            }
            None => Failure::Lost(ClientError::Unreachable { endpoint, reason: root_cause(error) }),
        }
    }

    pub(super) async fn close(&self) {
        if let Some(dialer) = &self.dialer {
            dialer.close(GOODBYE).await;
        }
    }
}
