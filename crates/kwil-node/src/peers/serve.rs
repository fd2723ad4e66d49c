//! Answers to other nodes, from the block log, the blocks in progress, and the state.

use kwil_p2p::{
    CommittedBlock, InboundRequest, Part, PeerGone, RefuseCode, Request, Responder, StateSummary,
    TableSummary,
};
use kwil_state::Summaries;
use kwil_store::RangeLimit;
use kwil_types::Height;

use crate::chain::{ChainReads, announce_at};
use crate::driver::DriverHandle;

/// Answers peers; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ChainServer {
    pub(crate) chain: ChainReads,
    pub(crate) driver: DriverHandle,
    pub(crate) summaries: Summaries,
}

impl ChainServer {
    /// Answers one question. A peer that went away is nobody's fault.
    pub(crate) async fn answer(&self, inbound: InboundRequest) {
        let InboundRequest { from, request, responder } = inbound;
        let name = request.name();
        let answered = match request {
            Request::Body { block, missing } => self.body(block, &missing, responder).await,
            Request::Blocks { from, count, max_bytes } => {
                self.blocks(from, count, max_bytes, responder).await
            }
            Request::Certificate { height } => self.certificate(height, responder).await,
            Request::StateSummary { height } => self.state_summary(height, responder).await,
            Request::Snapshots => responder.finish().await,
            _ => responder.refuse(RefuseCode::Unsupported).await,
        };
        if let Err(PeerGone) = answered {
            tracing::debug!(target: "P2P", peer = %from, request = name, "peer did not wait for the answer");
        }
    }

    async fn body(
        &self,
        block: kwil_crypto::Hash,
        missing: &[u32],
        mut responder: Responder,
    ) -> Result<(), PeerGone> {
        let Some(body) = self.driver.body(block).await else {
            return self.committed_body(block, missing, responder).await;
        };
        if missing.is_empty() {
            responder.send(Part::RawBlock(body.encode().into())).await?;
            return responder.finish().await;
        }
        for position in missing {
            let tx = usize::try_from(*position).ok().and_then(|position| body.txs().get(position));
            let Some(tx) = tx else { return responder.refuse(RefuseCode::NotFound).await };
            responder.send(Part::Transaction(tx.clone())).await?;
        }
        responder.finish().await
    }

    /// A body that is committed here already, for a peer that is one height behind.
    async fn committed_body(
        &self,
        block: kwil_crypto::Hash,
        missing: &[u32],
        mut responder: Responder,
    ) -> Result<(), PeerGone> {
        let height = self.chain.height_of(block).await.ok().flatten();
        let record = match height {
            Some(height) => self.chain.blocks.get(height).await.ok().flatten(),
            None => None,
        };
        match record {
            Some(record) if missing.is_empty() => {
                responder.send(Part::RawBlock(record.block)).await?;
                responder.finish().await
            }
            _ => responder.refuse(RefuseCode::NotFound).await,
        }
    }

    async fn blocks(
        &self,
        from: Height,
        count: u32,
        max_bytes: u32,
        mut responder: Responder,
    ) -> Result<(), PeerGone> {
        let limit = RangeLimit {
            count: usize::try_from(count).unwrap_or(1),
            bytes: usize::try_from(max_bytes).unwrap_or(1),
        };
        let found = match self.chain.blocks.range(from.get(), limit).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(target: "P2P", height = from.get(), %error, "Cannot read blocks for a peer");
                return responder.refuse(RefuseCode::Busy).await;
            }
        };
        for record in found {
            let block = CommittedBlock { raw: record.block, certificate: record.certificate };
            responder.send(Part::Block(block)).await?;
        }
        responder.finish().await
    }

    async fn state_summary(
        &self,
        height: Height,
        mut responder: Responder,
    ) -> Result<(), PeerGone> {
        let Some(found) = self.summaries.at(height.get()) else {
            return responder.refuse(RefuseCode::NotFound).await;
        };
        let table = |table: kwil_state::TableSummary| TableSummary {
            namespace: table.schema,
            name: table.name,
            rows: table.rows,
            lattice_hash: table.digest,
        };
        let summary = StateSummary {
            height,
            app_hash: found.chain.app_hash,
            state_root: found.chain.state_root,
            catalog_hash: found.catalog_hash,
            tables: found.tables.into_iter().map(table).collect(),
        };
        responder.send(Part::StateSummary(summary)).await?;
        responder.finish().await
    }

    async fn certificate(&self, height: Height, mut responder: Responder) -> Result<(), PeerGone> {
        match announce_at(&self.chain.blocks, height).await {
            Ok(Some(announce)) => {
                responder.send(Part::Certificate(announce)).await?;
                responder.finish().await
            }
            Ok(None) => responder.refuse(RefuseCode::NotFound).await,
            Err(error) => {
                tracing::error!(target: "P2P", height = height.get(), %error, "Cannot read a block for a peer");
                responder.refuse(RefuseCode::Busy).await
            }
        }
    }
}
