//! Transactions between mempool and peers.

use std::time::Duration;

use bytes::Bytes;
use kwil_crypto::NodeId;
use kwil_p2p::{Conduct, NetworkHandle, TxSource};
use kwil_types::{RawTx, TxId};

use crate::driver::DriverHandle;
use crate::mempool::{Admitted, Mempool, Origin};

/// Pause between two rounds of announcing what still waits.
pub(super) const ANNOUNCE_AGAIN: Duration = Duration::from_secs(30);

/// The mempool as the network sees it.
#[derive(Debug, Clone)]
pub(crate) struct MempoolSource(pub(crate) Mempool);

impl TxSource for MempoolSource {
    fn knows(&self, id: &TxId) -> bool {
        self.0.wanted(&[*id]).is_empty()
    }

    fn get(&self, id: &TxId) -> Option<Bytes> {
        self.0.get(id).map(|raw| raw.bytes().clone())
    }
}

/// Takes transactions in and tells others of them; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct TxIntake {
    pub(crate) mempool: Mempool,
    pub(crate) network: NetworkHandle,
    pub(crate) driver: DriverHandle,
}

impl TxIntake {
    /// A transaction of a peer.
    pub(super) async fn take(&self, from: NodeId, id: TxId, bytes: Bytes) {
        let raw = match RawTx::decode(bytes) {
            Ok(raw) => raw,
            Err(error) => {
                tracing::debug!(target: "P2P", peer = %from, tx = %id, %error, "peer sent no transaction");
                return self.network.reject_tx(id, Some(from), Some(Conduct::InvalidTransaction));
            }
        };
        match self.mempool.admit(raw, Origin::Peer).await {
            Ok(Admitted::New) => self.network.announce_tx(id, Some(&from)),
            Ok(Admitted::Known) => self.network.reject_tx(id, None, None),
            Err(refused) => {
                let conduct = refused.punishes_peer().then_some(Conduct::InvalidTransaction);
                self.network.reject_tx(id, Some(from), conduct);
            }
        }
    }

    /// A transaction that entered the network here: to the leader at once, to the others by its id.
    pub(crate) fn spread(&self, raw: &RawTx) {
        let status = self.driver.status();
        if status.leader != status.me {
            self.network.push_tx(&NodeId::from(status.leader), raw.id(), raw.bytes());
        }
        self.network.announce_tx(raw.id(), None);
    }

    pub(super) fn announce_again(&self) {
        for raw in self.mempool.to_announce() {
            self.network.announce_tx(raw.id(), None);
        }
    }
}
