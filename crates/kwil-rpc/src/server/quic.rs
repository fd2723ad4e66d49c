//! gRPC over QUIC: each lane of a connection is served like a TCP connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kwil_quic::grpc::{GrpcConnection, GrpcListener};
use kwil_quic::{ClientAuth, Identity};

use super::connection::Shared;
use super::error::StartError;
use super::limit::Seat;
use super::tcp::Guests;
use crate::app::ConnInfo;

/// How long clients have to hear of the end.
const GOODBYE: Duration = Duration::from_secs(3);

/// A bound UDP port.
#[derive(Debug)]
pub(super) struct Quic {
    listener: GrpcListener,
    guests: Option<Guests>,
}

impl Quic {
    pub(super) fn bind(
        name: &'static str,
        address: SocketAddr,
        identity: &Identity,
        auth: ClientAuth,
        guests: Option<Guests>,
    ) -> Result<Self, StartError> {
        let key = if name == "admin" { "admin.listen" } else { "rpc.listen" };
        let listener = GrpcListener::bind(address, name, identity, auth)
            .map_err(|source| StartError::Udp { key, address, source })?;
        Ok(Self { listener, guests })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Accepts until the stop. The listener comes back: connections live on it until their lanes are drained.
    pub(super) async fn accept(self, shared: &Shared) -> Goodbye {
        loop {
            let incoming = tokio::select! {
                biased;
                () = shared.stop.cancelled() => break,
                incoming = self.listener.accept() => incoming,
            };
            let Some(incoming) = incoming else { break };
            let Some(seat) = shared.seat(Some(incoming.remote_address().ip())) else {
                incoming.refuse();
                continue;
            };
            shared.spawn(welcome(shared.clone(), incoming, self.guests.clone(), seat));
        }
        self.listener.stop_accepting();
        Goodbye(self.listener)
    }
}

/// A listener that accepts nobody any more.
#[derive(Debug)]
pub(super) struct Goodbye(GrpcListener);

impl Goodbye {
    /// Tells the clients, and ends.
    pub(super) async fn say(self) {
        self.0.close(GOODBYE).await;
    }
}

async fn welcome(
    shared: Shared,
    incoming: quinn::Incoming,
    guests: Option<Guests>,
    seat: Arc<Seat>,
) {
    let client = incoming.remote_address();
    let connection = match GrpcConnection::establish(incoming).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(%error, %client, "quic handshake failed");
            return;
        }
    };
    let certificate = connection.certificate();
    if let Some(reason) = guests.and_then(|guests| guests.refusal(certificate.as_ref())) {
        tracing::info!(%client, %reason, "client refused");
        connection.forbid(&reason);
        return;
    }
    loop {
        let lane = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            lane = connection.lane() => lane,
        };
        let Some(lane) = lane else { return };
        let info = ConnInfo {
            client: Some(connection.remote_address().ip().to_canonical()),
            ..ConnInfo::default()
        };
        let (task, seat) = (shared.clone(), Arc::clone(&seat));
        shared.spawn(async move { task.serve(lane, info, seat).await });
    }
}
