//! A simulated process: machine, executor and disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::Hash;
use kwil_types::{Block, Height};

use super::chain::{AppState, Keys};
use super::disk::Disk;
use super::script::Deed;
use crate::config::Config;
use crate::height::Tip;
use crate::machine::Machine;
use crate::recovery::{LogState, Recovered};

/// An open execution.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) token: u64,
    pub(crate) after: AppState,
    pub(crate) finished: bool,
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) machine: Option<Machine>,
    /// Rises with each crash; events of dead processes are dropped.
    pub(crate) life: u64,
    pub(crate) disk: Disk,
    pub(crate) app: AppState,
    pub(crate) running: Option<Running>,
    pub(crate) paused_until: u64,
    pub(crate) skew_ms: i64,
    pub(crate) slow_ms: u64,
    pub(crate) diverged: bool,
    pub(crate) log_was_lost: bool,
    pub(crate) database_failures: u32,
    /// Effects until a crash, milliseconds down, records kept.
    pub(crate) crash_after: Option<(u64, u64, usize)>,
    /// Last deed before a crash, milliseconds down.
    pub(crate) crash_deed: Option<(Deed, u64)>,
    pub(crate) drain_down_ms: u64,
    pub(crate) tick_at: u64,
    /// View before the step in progress.
    pub(crate) view_before: u64,
    /// The step in progress is a timer that found a block executing.
    pub(crate) executing_before: bool,
    /// Messages passed on already.
    pub(crate) relayed: BTreeSet<u64>,
}

impl Node {
    pub(crate) fn new(app: AppState) -> Self {
        Self {
            machine: None,
            life: 0,
            disk: Disk::default(),
            app,
            running: None,
            paused_until: 0,
            skew_ms: 0,
            slow_ms: 0,
            diverged: false,
            log_was_lost: false,
            database_failures: 0,
            crash_after: None,
            crash_deed: None,
            drain_down_ms: 500,
            tick_at: u64::MAX,
            view_before: 0,
            executing_before: false,
            relayed: BTreeSet::new(),
        }
    }

    pub(crate) fn height(&self) -> Height {
        Height(self.disk.height())
    }

    /// The app hash that this node's database gives.
    pub(crate) fn result(&self, after: &AppState) -> Hash {
        if self.diverged { kwil_crypto::sha256(&after.app_hash.0) } else { after.app_hash }
    }

    /// What the driver of a starting process reads from disk.
    pub(crate) fn recover(
        &mut self,
        chain: Hash,
        genesis: &AppState,
        keys: &Keys,
        wall_ms: u64,
    ) -> Recovered {
        let tip = match self.disk.blocks.last() {
            Some((_, announce)) => Tip::of(Arc::clone(announce)),
            None => Tip {
                height: Height::ZERO,
                block_hash: Hash::ZERO,
                app_hash: genesis.app_hash,
                time_ms: 0,
                announce: None,
            },
        };
        let log = match (self.disk.log_exists, self.disk.blocks.is_empty()) {
            (true, _) => LogState::Continued,
            (false, true) if !self.log_was_lost => LogState::Created,
            (false, _) => LogState::Lost,
        };
        self.disk.log_exists = true;
        let tip_set = (!self.disk.blocks.is_empty()).then(|| self.set_of_tip(genesis, keys));
        Recovered {
            chain_hash: chain,
            tip,
            tip_set: tip_set.flatten(),
            next: self.app.next(),
            records: self.disk.records.clone(),
            log,
            held: self.disk.held.clone(),
            directive: self.disk.directive,
            wall_ms,
        }
    }

    /// Validators of the newest block: those after replaying everything before it.
    fn set_of_tip(&self, genesis: &AppState, keys: &Keys) -> Option<Arc<kwil_types::ValidatorSet>> {
        let (_, before) = self.disk.blocks.split_last()?;
        let replayed =
            before.iter().fold(genesis.clone(), |state, (block, _)| state.execute(block, keys));
        Some(replayed.next().validators)
    }

    pub(crate) fn has_body(&self, hash: &Hash) -> Option<Arc<Block>> {
        let open = self.machine.as_ref().and_then(|machine| machine.body(hash).cloned());
        open.or_else(|| {
            let stored =
                self.disk.blocks.iter().rev().take(3).find(|(block, _)| block.hash() == *hash);
            stored.map(|(block, _)| Arc::clone(block))
        })
    }
}

/// Settings of simulated nodes: the defaults, with shorter idle times.
pub(crate) fn config(hasty: bool) -> Config {
    let empty_block_timeout = Duration::from_secs(4);
    if !hasty {
        return Config { empty_block_timeout, ..Config::default() };
    }
    Config {
        empty_block_timeout,
        propose_timeout: Duration::from_millis(100),
        heartbeat_interval: Duration::from_millis(100),
        leader_timeout: Duration::from_millis(300),
        view_timeout: Duration::from_millis(100),
        retransmit_interval: Duration::from_millis(250),
        ..Config::default()
    }
}
