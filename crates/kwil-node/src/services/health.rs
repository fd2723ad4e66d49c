//! Whether the node should get traffic, from memory alone.

use std::time::Duration;

use kwil_api::user::{ChainInfo, Health};

use super::{Services, signed};
use crate::clock::wall_ms;

/// A block older than this many times the longest wait between blocks means that something is wrong.
const STALE_AFTER: u32 = 6;

impl Services {
    pub(super) fn health_now(&self) -> Health {
        let (tip, sync, consensus) =
            (self.tip.borrow().clone(), self.sync.borrow().clone(), self.driver.status());
        let age = if tip.time_ms == 0 { 0 } else { wall_ms().saturating_sub(tip.time_ms) };
        let mut reasons = Vec::new();
        if sync.active {
            reasons.push("catching up".to_owned());
        }
        if let Some(held) = &consensus.held {
            reasons.push(format!("consensus held: {held}"));
        }
        if self.oldest_healthy_block().is_some_and(|oldest| u128::from(age) > oldest.as_millis()) {
            reasons.push(format!("newest block is {} s old", age / 1000));
        }
        let height = signed(tip.height);
        Health {
            chain: ChainInfo {
                chain_id: self.facts.genesis.chain_id().to_owned(),
                block_height: tip.height,
                block_hash: tip.block_hash,
                gas: !self.state().network.params().disabled_gas_costs,
            },
            healthy: reasons.is_empty(),
            version: String::new(),
            block_time: signed(tip.time_ms),
            block_age: signed(age),
            syncing: sync.active,
            height,
            app_hash: tip.app_hash,
            peer_count: u32::try_from(self.network.peers().len()).unwrap_or(u32::MAX),
            mode: kwil_api::user::Mode::default(),
            phase: self.phase().to_owned(),
            reasons,
            target_height: signed(sync.target.max(tip.height)),
            progress: sync.progress(tip.height),
            node_version: self.facts.version.to_owned(),
        }
    }

    pub(super) fn phase(&self) -> &'static str {
        let held = self.driver.status().held.is_some();
        match (held, self.sync.borrow().active) {
            (true, _) => "diverged",
            (false, true) => "blocksync",
            (false, false) => "live",
        }
    }

    /// `None` when the network makes no empty blocks: then an old block means nothing.
    fn oldest_healthy_block(&self) -> Option<Duration> {
        let consensus = &self.facts.config.consensus;
        let (propose, empty) = (
            consensus.propose_timeout.to_std().unwrap_or_default(),
            consensus.empty_block_timeout.to_std().unwrap_or_default(),
        );
        (!empty.is_zero()).then(|| propose.max(empty).saturating_mul(STALE_AFTER))
    }
}
