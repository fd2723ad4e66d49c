//! The chain as peers see it.

use std::sync::Arc;

use kwil_p2p::{ChainView, NetworkHandle};
use kwil_state::Published;
use kwil_types::Height;
use tokio::sync::watch;

use crate::executor::ChainTip;

/// Tells the network where this node stands: after each commit, and when it begins or ends to catch up.
#[derive(Debug, Clone)]
pub(crate) struct ShownChain {
    pub(crate) network: NetworkHandle,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) tip: watch::Receiver<ChainTip>,
    pub(crate) syncing: watch::Receiver<bool>,
    /// Lowest block that this node serves.
    pub(crate) base: Height,
}

impl ShownChain {
    /// Tells what is committed now.
    pub(crate) fn show(&self) {
        let (tip, state) = (self.tip.borrow().clone(), self.published.borrow().network.clone());
        self.network.update_chain(ChainView {
            base: self.base,
            tip: Height(tip.height),
            best_hash: tip.block_hash,
            validators: Arc::clone(state.validators()),
            max_block_size: state.params().max_block_size,
            syncing: self.is_syncing(),
            serves_snapshots: false,
        });
    }

    /// Whether blocks are fetched instead of agreed on.
    pub(crate) fn is_syncing(&self) -> bool {
        *self.syncing.borrow()
    }
}
