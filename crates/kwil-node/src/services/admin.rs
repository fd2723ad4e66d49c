//! What the operator asks: status, peers, validators, lists of peers, the block in execution.

use kwil_api::admin::{
    BlacklistedPeer, BlockExecution, JoinRequest, JoinRequests, Peer, ResolutionStatus, StateCheck,
    Status, Submitted, SyncStatus, TxProgress,
};
use kwil_api::{RpcCode, RpcError, Validator, account_of};
use kwil_config::{Config, WriteOptions};
use kwil_consensus::Command;
use kwil_crypto::{Hash, NodeId, PublicKey};
use kwil_p2p::{Direction, PeerSnapshot};
use kwil_rpc::{AdminApi, Ban, NodeCommand, Wait, async_trait};
use kwil_state::PendingResolution;
use kwil_types::{Height, ResolutionBody, ResolutionType, Threshold, TxId};
use uuid::Uuid;

use super::{Services, internal, signed, unreadable};
use crate::clock::wall_ms;
use crate::error::NodeError;

#[async_trait]
impl AdminApi for Services {
    fn status(&self) -> Status {
        let (tip, sync, consensus) =
            (self.tip.borrow().clone(), self.sync.borrow().clone(), self.driver.status());
        let power =
            consensus.validators.power_of(self.facts.node_id.public_key()).unwrap_or_default();
        Status {
            node: self.facts.node_status(consensus.role()),
            sync: SyncStatus {
                app_hash: Some(tip.app_hash),
                best_block_hash: Some(tip.block_hash),
                best_block_height: signed(tip.height),
                best_block_time: signed(tip.time_ms),
                syncing: sync.active,
                target_height: signed(sync.target.max(tip.height)),
                phase: self.phase().to_owned(),
                progress: sync.progress(tip.height),
            },
            validator: Validator { key: *self.facts.node_id.public_key(), power: signed(power) },
        }
    }

    async fn peers(&self) -> Result<Vec<Peer>, RpcError> {
        let validators = self.driver.status().validators;
        let now = wall_ms();
        let shown = |peer: PeerSnapshot| Peer {
            remote_addr: peer.remote.to_string(),
            local_addr: peer.local.to_string(),
            inbound: peer.direction == Direction::Inbound,
            node_id: peer.id.to_string(),
            height: signed(peer.status.height.get()),
            version: peer.release.to_string(),
            role: if validators.contains(peer.id.public_key()) { "validator" } else { "sentry" }
                .to_owned(),
            rtt_ms: peer.rtt.as_secs_f64() * 1000.0,
            connected_since: Some(signed(now.saturating_sub(millis(peer.connected_for)))),
        };
        Ok(self.network.peers().into_iter().map(shown).collect())
    }

    async fn config(&self, show_secrets: bool) -> Result<String, RpcError> {
        Ok(config_text(&self.facts.config, show_secrets))
    }

    async fn submit(&self, command: NodeCommand, wait: Wait) -> Result<Submitted, RpcError> {
        let approved =
            if let NodeCommand::Approve(key) = &command { Some(NodeId::from(*key)) } else { None };
        let submitted = self.submit_command(command, wait).await?;
        if let Some(candidate) = approved {
            // An approved candidate must be able to connect to this node in private mode.
            self.network.set_approved(candidate, true);
        }
        Ok(submitted)
    }

    async fn join_requests(&self) -> Result<JoinRequests, RpcError> {
        let network = self.state().network;
        let mut pending: Vec<PendingResolution> = network.join_requests().collect();
        pending.sort_by_key(|pending| pending.resolution.expiration);
        let total = network.validators().total_power();
        Ok(JoinRequests {
            join_requests: pending.iter().filter_map(join_request).collect(),
            needed: signed(join_threshold().required(total)),
            total_power: signed(total),
        })
    }

    async fn replace_leader(&self, leader: PublicKey, height: u64) -> Result<(), RpcError> {
        let command = Command::ReplaceLeader { candidate: leader, from_height: Height(height) };
        self.order(command).await
    }

    async fn add_peer(&self, node: NodeId) -> Result<(), RpcError> {
        self.network.whitelist_add(node);
        Ok(())
    }

    async fn remove_peer(&self, node: NodeId) -> Result<(), RpcError> {
        if self.network.whitelist_remove(&node) {
            return Ok(());
        }
        Err(RpcError::new(RpcCode::NODE, format!("{node} is not on the whitelist")))
    }

    async fn whitelist(&self) -> Result<Vec<NodeId>, RpcError> {
        Ok(self.network.whitelist())
    }

    async fn ban(&self, ban: Ban) -> Result<(), RpcError> {
        self.network.blacklist_add(
            ban.node,
            &ban.reason,
            ban.duration.and_then(|duration| duration.to_std().ok()),
        );
        Ok(())
    }

    async fn unban(&self, node: NodeId) -> Result<bool, RpcError> {
        Ok(self.network.blacklist_remove(&node))
    }

    async fn banned(&self) -> Result<Vec<BlacklistedPeer>, RpcError> {
        let shown = |entry: kwil_p2p::BlacklistEntry| BlacklistedPeer {
            peer_id: entry.node.to_string(),
            reason: entry.reason,
            timestamp: signed(entry.since_ms),
            permanent: entry.until_ms.is_none(),
            expires_at: entry.until_ms.map(signed),
        };
        Ok(self.network.blacklist().into_iter().map(shown).collect())
    }

    async fn resolution(&self, id: Uuid) -> Result<Option<ResolutionStatus>, RpcError> {
        Ok(self.state().network.resolution(&id).map(|pending| ResolutionStatus {
            r#type: pending.resolution.event_type().to_owned(),
            resolution_id: id,
            expires_at: expiry_ms(&pending),
            board: pending.board.iter().map(|(key, _)| account_of(key)).collect(),
            approved: pending.board.iter().map(|(_, voted)| *voted).collect(),
        }))
    }

    async fn block_execution(&self) -> Result<Option<BlockExecution>, RpcError> {
        Ok(self.executor.progress().map(|progress| {
            let done = match progress.finished_ms {
                Some(_) => usize::MAX,
                None => self.executor.done(),
            };
            BlockExecution {
                start_time: signed(progress.started_ms),
                end_time: progress.finished_ms.map(signed),
                height: signed(progress.height),
                tx_info: progress
                    .txs
                    .into_iter()
                    .enumerate()
                    .map(|(index, id)| TxProgress { id, status: index < done })
                    .collect(),
            }
        }))
    }

    async fn abort_block_execution(&self, height: u64, drop: Vec<TxId>) -> Result<(), RpcError> {
        let deciding = self.driver.status().height.get();
        if height != deciding {
            return Err(RpcError::invalid_params(format!(
                "block {height} is not in execution; the node is at block {deciding}"
            )));
        }
        self.order(Command::Abort { drop }).await
    }

    async fn verify_state(&self) -> Result<StateCheck, RpcError> {
        let report = kwil_state::verify_state(self.database.endpoint(), None)
            .await
            .map_err(|error| unreadable(&error))?;
        let height = report.chain.height;
        let certified = self.chain.block(height).await.map_err(|error| internal(&error))?;
        let results = self.chain.results(height).await.map_err(|error| internal(&error))?;
        let want =
            certified.as_ref().map_or(report.chain.app_hash, |block| block.certificate.app_hash());
        let root = report.state_root.unwrap_or(report.chain.state_root);
        let got = match (&certified, &results) {
            (Some(stored), Some((results, updates))) => kwil_state::app_hash_after(
                stored.block.header(),
                &root,
                results,
                (&updates.validators, &updates.params),
            ),
            // The genesis state has no block; without results only the root can be compared.
            _ if root == report.chain.state_root => report.chain.app_hash,
            _ => Hash::ZERO,
        };
        let rows =
            report.tables.iter().fold(0u64, |sum, table| sum.saturating_add(table.found_rows));
        let mut differing: Vec<String> =
            report.differing().map(|table| table.table.clone()).collect();
        if report.catalog_differs() {
            differing.push("catalog".to_owned());
        }
        differing.extend(report.structure.iter().cloned());
        Ok(StateCheck {
            height: signed(height),
            ok: report.holds() && got == want,
            want_app_hash: want,
            got_app_hash: got,
            tables: u64::try_from(report.tables.len()).unwrap_or(u64::MAX),
            rows,
            differing_tables: differing,
        })
    }
}

impl Services {
    async fn order(&self, command: Command) -> Result<(), RpcError> {
        // An operator may know why.
        let answer = self.driver.command(command).await;
        let answer = answer.map_err(|error: NodeError| RpcError::internal(error.to_string()))?;
        answer.map_err(|refused| RpcError::new(RpcCode::NODE, refused.to_string()))
    }
}

pub(super) fn config_text(config: &Config, show_secrets: bool) -> String {
    config.to_toml(WriteOptions { mask_secrets: !show_secrets, ..WriteOptions::default() })
}

fn join_threshold() -> Threshold {
    kwil_state::kind_of(ResolutionType::ValidatorJoin.name())
        .map_or(Threshold::ALL, |kind| kind.threshold)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// End of voting in Unix milliseconds; the state counts whole seconds.
pub(super) fn expiry_ms(pending: &PendingResolution) -> i64 {
    pending.resolution.expiration.saturating_mul(1000)
}

fn join_request(pending: &PendingResolution) -> Option<JoinRequest> {
    let Ok(ResolutionBody::ValidatorJoin(change)) =
        ResolutionBody::decode(ResolutionType::ValidatorJoin, pending.resolution.body())
    else {
        return None;
    };
    Some(JoinRequest {
        candidate: account_of(&change.key),
        power: signed(change.power),
        expires_at: expiry_ms(pending),
        board: pending.board.iter().map(|(key, _)| account_of(key)).collect(),
        approved: pending.board.iter().map(|(_, voted)| *voted).collect(),
        needed: signed(pending.needed),
    })
}
