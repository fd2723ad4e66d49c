//! From what is on disk to a state machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kwil_config::{CheckpointConfig, Config};
use kwil_consensus::{LogState, Machine, Record};
use kwil_crypto::{Hash, PrivateKey};
use kwil_genesis::Genesis;
use kwil_store::StateFile;
use kwil_types::{GoDuration, Height};

use crate::clock::wall_ms;
use crate::error::NodeError;
use crate::executor::Tip;
use crate::{held_file, leader_updates};

/// Builds the machine from the committed tip and the consensus log.
pub(super) fn machine(
    config: &Config,
    key: &PrivateKey,
    genesis: &Genesis,
    tip: Tip,
    log: kwil_store::Recovered,
    root: &Path,
) -> Result<Machine, NodeError> {
    let chain_hash = genesis.hash();
    let records = decode(&log)?;
    let foreign = records
        .iter()
        .any(|record| matches!(record, Record::HeightStart { chain_hash: other, .. } if *other != chain_hash));
    let has_blocks = tip.tip.announce.is_some();
    let state = match (log.fresh, foreign, has_blocks) {
        (false, false, _) => LogState::Continued,
        (_, _, false) => LogState::Created,
        (true, _, true) | (_, true, true) => LogState::Lost,
    };
    let recovered = kwil_consensus::Recovered {
        chain_hash,
        tip: tip.tip,
        tip_set: tip.set,
        next: tip.next,
        records: if foreign { Vec::new() } else { records },
        log: state,
        held: held_file::read(&StateFile::held(root))?,
        directive: leader_updates::read(&StateFile::leader_updates(root))?,
        wall_ms: wall_ms(),
    };
    Ok(Machine::new(settings(config), Arc::new(key.clone()), recovered))
}

fn decode(log: &kwil_store::Recovered) -> Result<Vec<Record>, NodeError> {
    let decode_one = |record: &kwil_store::ConsensusRecord| {
        Record::decode(record.kind.id(), &record.payload)
            .map_err(|error| NodeError::Invariant(format!("record of the consensus log: {error}")))
    };
    log.records.iter().map(decode_one).collect()
}

/// `[consensus]` and `[checkpoint]` in the machine's terms.
fn settings(config: &Config) -> kwil_consensus::Config {
    let (consensus, checkpoint) = (&config.consensus, &config.checkpoint);
    let mut settings = kwil_consensus::Config::default();
    settings.eager = consensus.eager;
    settings.batch_delay = std(consensus.batch_delay);
    settings.min_block_interval = std(consensus.min_block_interval);
    settings.propose_timeout = std(consensus.propose_timeout);
    settings.empty_block_timeout = std(consensus.empty_block_timeout);
    settings.first_block_at_once = true;
    settings.heartbeat_interval = std(consensus.heartbeat_interval);
    settings.leader_timeout = std(consensus.leader_timeout);
    settings.view_timeout = std(consensus.view_timeout);
    settings.retransmit_interval = std(consensus.block_proposal_interval);
    settings.announce_interval = std(consensus.block_ann_interval);
    settings.leader_return = consensus.leader_return;
    settings.automatic_failover = consensus.automatic_failover;
    settings.max_block_time = std(consensus.max_block_time);
    settings.allow_vote_without_log = false;
    settings.checkpoint = checkpoint_of(checkpoint);
    settings
}

/// Both parts or none: the configuration has made sure.
fn checkpoint_of(checkpoint: &CheckpointConfig) -> Option<(Height, Hash)> {
    Some((Height(u64::try_from(checkpoint.height).ok()?), checkpoint.hash.parse().ok()?))
}

/// The configuration refuses negative durations before this.
pub(super) fn std(duration: GoDuration) -> Duration {
    duration.to_std().unwrap_or_default()
}
