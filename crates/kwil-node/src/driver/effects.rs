//! One arm for each wish of the state machine.

use std::sync::Arc;

use kwil_consensus::{
    Directive, Effect, Event, HeldReason, Message, Notice, OperatorError, Proposal, Record,
    Verified,
};
use kwil_crypto::{Hash, NodeId};
use kwil_store::{ConsensusRecord, RecordKind};
use kwil_types::{Block, Evidence, Height, RawTx, TxId, View};
use tokio_util::sync::CancellationToken;

use super::{Driver, Order, bodies, notices};
use crate::clock::wall_ms;
use crate::error::NodeError;
use crate::mempool::{ReapLimits, Reaped};
use crate::{held_file, leader_updates};

/// Transactions in one proposal: beyond this the list of ids would not fit a message.
const BLOCK_TXS_MAX: usize = kwil_consensus::TX_IDS_MAX;

impl Driver {
    pub(super) async fn perform(&mut self, effect: Effect) -> Result<(), NodeError> {
        match effect {
            Effect::Persist(records) => Ok(self.parts.log.persist(stored(&records)?).await?),
            Effect::Append(records) => Ok(self.parts.log.append(stored(&records)?).await?),
            Effect::Broadcast { message, resend } => {
                self.parts.network.broadcast(&message, resend);
                Ok(())
            }
            Effect::Send { to, message, resend } => {
                if !self.parts.network.send(&to, &message, resend) {
                    tracing::debug!(target: "CONS", %to, "message for a node that is not connected");
                }
                Ok(())
            }
            Effect::Announce(announce) => {
                self.parts.network.announce_commit(&announce);
                Ok(())
            }
            Effect::SendCommit { to, height } => {
                self.send_commit(to, height);
                Ok(())
            }
            Effect::RequestCertificate { height, peer } => {
                self.request_certificate(height, peer);
                Ok(())
            }
            Effect::BuildBlock { height, view, parent } => {
                self.build(height, view, parent);
                Ok(())
            }
            Effect::FetchBody { block, plan, from } => {
                self.fetch_body(block, plan, from);
                Ok(())
            }
            Effect::Execute { token, block } => self.execute(token, block).await,
            Effect::Cancel { token } => self.cancel(token).await,
            Effect::Commit { token, block, certificate } => {
                self.executing = None;
                self.parts.executor.commit(token, block, certificate).await
            }
            Effect::EnterSync { target } => self.parts.sync.start(target).await,
            Effect::NoteBest(height) => self.parts.sync.note_best(height).await,
            Effect::StoreEvidence(evidence) => self.store_evidence(evidence).await,
            Effect::StoreDirective(directive) => self.store_directive(directive).await,
            Effect::Hold(reason) => self.hold(reason).await,
            Effect::Unhold => self.unhold().await,
            Effect::DropTransactions { ids, running_of } => {
                self.drop_transactions(ids, running_of);
                Ok(())
            }
            Effect::Reply { request, result } => {
                self.reply(request, result);
                Ok(())
            }
            Effect::Drained => {
                self.drained = true;
                Ok(())
            }
            Effect::Notice(notice) => {
                if let Notice::NewView { trigger, .. } = &notice {
                    self.parts.metrics.view_change(notices::trigger_name(*trigger));
                }
                notices::log(&notice);
                Ok(())
            }
        }
    }
}

/// Consensus records in the form of the log.
fn stored(records: &[Record]) -> Result<Vec<ConsensusRecord>, NodeError> {
    records
        .iter()
        .map(|record| {
            let kind = RecordKind::new(record.kind())
                .ok_or_else(|| NodeError::Invariant(format!("record of kind {}", record.kind())))?;
            Ok(ConsensusRecord { kind, payload: record.payload().into() })
        })
        .collect()
}

impl Driver {
    /// Starts executing; a block that came inside its proposal is checked first, one that was fetched has been.
    async fn execute(&mut self, token: u64, block: Arc<Block>) -> Result<(), NodeError> {
        let cancel = CancellationToken::new();
        self.executing = Some((token, cancel.clone()));
        self.bodies.stop();
        self.parts.executor.execute(token, block, cancel).await
    }

    async fn cancel(&mut self, token: u64) -> Result<(), NodeError> {
        if let Some((_, cancel)) = self.executing.take_if(|(running, _)| *running == token) {
            cancel.cancel();
        }
        self.parts.executor.roll_back(token).await
    }

    fn build(&mut self, height: Height, view: View, parent: Hash) {
        let txs = reaped(self.parts.mempool.reap(&self.reap_limits()));
        tracing::debug!(target: "CONS", height = height.get(), view = view.get(), %parent, txs = txs.len(), "Building block");
        self.own_events.push_back(Event::Built { height, view, wall_ms: wall_ms(), txs });
    }

    fn reap_limits(&self) -> ReapLimits {
        let max_bytes = usize::try_from(self.machine.next().max_block_size).unwrap_or(usize::MAX);
        ReapLimits {
            max_bytes,
            reserved: 0,
            max_txs: BLOCK_TXS_MAX,
            own: Some(self.parts.own_account.clone()),
        }
    }

    fn fetch_body(&mut self, block: Hash, plan: Option<Arc<Proposal>>, from: Vec<NodeId>) {
        let wanted = bodies::Wanted {
            block,
            plan,
            from,
            max_block_size: self.machine.next().max_block_size,
        };
        let sources = bodies::Sources {
            network: self.parts.network.clone(),
            checks: self.parts.executor.checks(),
        };
        self.bodies.start(wanted, sources, self.own.clone());
    }

    fn request_certificate(&mut self, height: Height, peer: NodeId) {
        let network = self.parts.network.clone();
        let (own, chain) = (self.own.clone(), self.parts.chain_hash);
        let validators = Arc::clone(&self.machine.next().validators);
        self.chores.spawn(async move {
            let announce = match network.fetch_certificate(&peer, height).await {
                Ok(announce) => announce,
                Err(error) => {
                    tracing::debug!(target: "CONS", %peer, height = height.get(), %error, "no certificate");
                    return;
                }
            };
            match Verified::check(Message::Commit(announce), chain, &validators) {
                Ok(message) => {
                    let event = Event::Message { from: peer, message, wall_ms: wall_ms() };
                    own.send(Order::Event(Box::new(event))).await.unwrap_or_else(|_| tracing::debug!("certificate after the end of the driver"));
                }
                Err(error) => tracing::debug!(target: "CONS", %peer, %error, "certificate does not hold"),
            }
        });
    }

    fn send_commit(&mut self, to: NodeId, height: Height) {
        let (blocks, network) = (self.parts.blocks.clone(), self.parts.network.clone());
        self.chores.spawn(async move {
            match crate::chain::announce_at(&blocks, height).await {
                Ok(Some(announce)) => drop(network.send(&to, &Message::Commit(announce), 0)),
                Ok(None) => tracing::debug!(target: "CONS", height = height.get(), "asked for a commit that is not stored"),
                Err(error) => tracing::warn!(target: "CONS", height = height.get(), %error, "Cannot read a block"),
            }
        });
    }

    async fn store_directive(&mut self, directive: Option<Directive>) -> Result<(), NodeError> {
        let file = self.parts.leader_updates.clone();
        on_disk(move || leader_updates::write(&file, directive)).await
    }

    async fn store_evidence(&mut self, evidence: Arc<Evidence>) -> Result<(), NodeError> {
        let accused = evidence.accused().map(|key| key.to_string()).unwrap_or_default();
        tracing::warn!(target: "CONS", kind = evidence.name(), validators = accused, "Evidence recorded");
        self.parts.metrics.evidence(evidence.name());
        let folder = self.parts.evidence.clone();
        on_disk(move || folder.store(&evidence)).await
    }

    async fn hold(&mut self, reason: HeldReason) -> Result<(), NodeError> {
        notices::held(&reason);
        if let HeldReason::Diverged { block, .. } = &reason {
            let (block, reason) = (self.machine.body(block).cloned(), reason.clone());
            let diagnosis = self.parts.diagnosis.clone();
            self.chores.spawn(async move { diagnosis.write(reason, block).await });
        }
        let file = self.parts.held.clone();
        on_disk(move || held_file::write(&file, &reason)).await
    }

    async fn unhold(&mut self) -> Result<(), NodeError> {
        tracing::info!(target: "CONS", "Consensus goes on");
        let file = self.parts.held.clone();
        on_disk(move || Ok(file.remove()?)).await
    }

    fn drop_transactions(&mut self, mut ids: Vec<TxId>, running_of: Option<u64>) {
        if running_of.is_some() {
            ids.extend(self.parts.executor.running());
        }
        self.parts.mempool.bar(&ids);
    }

    fn reply(&mut self, request: u64, result: Result<(), OperatorError>) {
        let Some(waiting) = self.replies.remove(&request) else { return };
        waiting.send(result).unwrap_or_else(
            |_| tracing::debug!(target: "CONS", "the operator did not wait for the answer"),
        );
    }
}

/// Transactions in block order: own ones first.
fn reaped(reaped: Reaped) -> Vec<RawTx> {
    let mut txs = reaped.own;
    txs.extend(reaped.others);
    txs
}

async fn on_disk(
    work: impl FnOnce() -> Result<(), NodeError> + Send + 'static,
) -> Result<(), NodeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| NodeError::TaskEnded("disk"))?
}
