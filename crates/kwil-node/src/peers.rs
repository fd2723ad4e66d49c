//! The node's side of the network: events of peers become events of consensus, mempool and sync; their questions are
//! answered from the chain.

mod serve;
mod transactions;

use kwil_consensus::Event;
use kwil_crypto::NodeId;
use kwil_p2p::{LastSigned, NetworkEvent, NetworkEvents, PeerInfo, PeerStatus};
use kwil_types::{Height, View};
use tokio::task::JoinSet;

use crate::block_sync::SyncHandle;
use crate::clock::wall_ms;
use crate::driver::DriverHandle;
use crate::error::NodeError;

pub(crate) use serve::ChainServer;
pub(crate) use transactions::{MempoolSource, TxIntake};

/// Questions answered and transactions admitted at once; more wait in the network, which holds the peers back.
const AT_ONCE: usize = 64;

/// Owner of the event queue of the network.
pub(crate) struct PeerTask {
    pub(crate) events: NetworkEvents,
    pub(crate) driver: DriverHandle,
    pub(crate) sync: SyncHandle,
    pub(crate) server: ChainServer,
    pub(crate) intake: TxIntake,
}

/// The next event; while too much work is under way only consensus and peers, which never wait for slow readers.
async fn next(events: &mut NetworkEvents, all: bool) -> Option<NetworkEvent> {
    if all { events.recv().await } else { events.recv_urgent().await }
}

impl PeerTask {
    /// Runs until the network has ended. Whoever waits for the tasks knows whether somebody asked for that: the network
    /// is closed before this task is told to stop.
    ///
    /// # Errors
    /// When what the events are for has ended.
    pub(crate) async fn run(mut self) -> Result<(), NodeError> {
        let mut work = JoinSet::new();
        let mut announce = tokio::time::interval(transactions::ANNOUNCE_AGAIN);
        loop {
            tokio::select! {
                biased;
                event = next(&mut self.events, work.len() < AT_ONCE) => match event {
                    Some(event) => self.take(event, &mut work).await?,
                    None => return Ok(()),
                },
                Some(done) = work.join_next(), if !work.is_empty() => {
                    done.unwrap_or_else(|error| tracing::error!(target: "P2P", %error, "answering a peer died"));
                }
                _ = announce.tick() => self.intake.announce_again(),
            }
        }
    }

    async fn take(&mut self, event: NetworkEvent, work: &mut JoinSet<()>) -> Result<(), NodeError> {
        match event {
            NetworkEvent::PeerConnected(info) => self.connected(&info).await?,
            NetworkEvent::PeerStatus { peer, status } => self.stands(peer, &status).await?,
            NetworkEvent::PeerDisconnected { peer, .. } => {
                self.sync.peer_gone(peer).await;
                self.driver.event(Event::PeerHeight { peer, height: None }).await;
            }
            NetworkEvent::Consensus { from, message } => {
                self.driver.event(Event::Message { from, message, wall_ms: wall_ms() }).await;
            }
            NetworkEvent::Transaction { from, id, bytes } => {
                let intake = self.intake.clone();
                work.spawn(async move { intake.take(from, id, bytes).await });
            }
            NetworkEvent::Request(request) => {
                let server = self.server.clone();
                work.spawn(async move { server.answer(request).await });
            }
            _ => tracing::debug!(target: "P2P", "unknown network event"),
        }
        Ok(())
    }

    async fn connected(&self, info: &PeerInfo) -> Result<(), NodeError> {
        let last_signed_seen =
            info.last_signed_seen.map(|LastSigned { height, view }| (height, view));
        let seen: Option<(Height, View)> = last_signed_seen;
        self.sync.peer_stands(info.id, info.status).await;
        self.driver
            .event(Event::Hello {
                peer: info.id,
                height: info.status.height,
                last_signed_seen: seen,
            })
            .await;
        Ok(())
    }

    async fn stands(&self, peer: NodeId, status: &PeerStatus) -> Result<(), NodeError> {
        self.sync.peer_stands(peer, *status).await;
        self.driver.event(Event::PeerHeight { peer, height: Some(status.height) }).await;
        Ok(())
    }
}
