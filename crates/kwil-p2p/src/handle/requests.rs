//! Asking a peer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kwil_consensus::CommitAnnounce;
use kwil_crypto::{Hash, NodeId};
use kwil_types::{Height, TxId};

use super::NetworkHandle;
use crate::config::AnswerTimes;
use crate::exchange::{
    Answer, Budget, CommittedBlock, Part, Request, RequestError, StateSummary, ask,
};
use crate::wire::{BLOCK_FRAME_OVERHEAD, TX_OVERHEAD};

const SECOND: Duration = Duration::from_secs(1);
/// Answers that fit one message.
const SHORT: usize = 16 * 1024 * 1024;

/// The body of a proposed block, or what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The transactions asked for, in that order. Their ids are not checked yet.
    Transactions(Vec<Bytes>),
    /// The whole raw block. Not checked yet.
    Block(Bytes),
}

/// Committed blocks on their way.
#[derive(Debug)]
pub struct BlockStream(Answer);

impl BlockStream {
    /// The next block, in order of heights; `None` after the last one. Nothing in it is checked yet.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn next(&mut self) -> Result<Option<CommittedBlock>, RequestError> {
        match self.0.next().await? {
            None => Ok(None),
            Some(Part::Block(block)) => Ok(Some(block)),
            Some(_) => Err(self.0.unexpected()),
        }
    }
}

fn times(first: Duration, whole: Duration) -> AnswerTimes {
    AnswerTimes { first, gap: first, whole }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl NetworkHandle {
    async fn ask(
        &self,
        peer: &NodeId,
        request: &Request,
        budget: Budget,
    ) -> Result<Answer, RequestError> {
        let connected =
            self.shared.peers.get(peer).ok_or(RequestError::NotConnected { peer: *peer })?;
        ask(connected, request, budget).await
    }

    /// Longest frame with a whole block.
    fn block_frame(&self) -> usize {
        let largest = usize::try_from(self.shared.view().max_block_size).unwrap_or(usize::MAX);
        largest.saturating_add(BLOCK_FRAME_OVERHEAD)
    }

    /// Asks for transactions of a proposed block by position, or for the whole block when none is named.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn fetch_body(
        &self,
        peer: &NodeId,
        block: Hash,
        missing: Vec<u32>,
    ) -> Result<Body, RequestError> {
        let frame = self.block_frame();
        let times = times(SECOND.saturating_mul(3), SECOND.saturating_mul(60));
        let budget = Budget { times, frame, total: bytes(frame) };
        let wanted = missing.len();
        let mut answer = self.ask(peer, &Request::Body { block, missing }, budget).await?;
        let mut transactions = Vec::new();
        while let Some(part) = answer.next().await? {
            match part {
                Part::RawBlock(raw) if transactions.is_empty() => return Ok(Body::Block(raw)),
                Part::Transaction(bytes) if transactions.len() < wanted => transactions.push(bytes),
                _ => return Err(answer.unexpected()),
            }
        }
        if transactions.len() == wanted && wanted > 0 {
            return Ok(Body::Transactions(transactions));
        }
        Err(RequestError::Cut { peer: *peer, reason: "the answer lacks transactions".to_owned() })
    }

    /// Asks for committed blocks from a height on. `count` and `max_bytes` are cut to what the protocol allows.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn fetch_blocks(
        &self,
        peer: &NodeId,
        from: Height,
        count: u32,
        max_bytes: u32,
    ) -> Result<BlockStream, RequestError> {
        use crate::exchange::{MAX_BLOCKS, MAX_BLOCKS_BYTES};
        let frame = self.block_frame();
        let max_bytes = max_bytes.min(MAX_BLOCKS_BYTES);
        let total = bytes(frame).saturating_mul(2).saturating_add(u64::from(max_bytes));
        let budget = Budget { times: self.shared.config.block_requests, frame, total };
        let request = Request::Blocks { from, count: count.clamp(1, MAX_BLOCKS), max_bytes };
        self.ask(peer, &request, budget).await.map(BlockStream)
    }

    /// Asks for header and certificate of a height. Nothing in it is checked yet.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn fetch_certificate(
        &self,
        peer: &NodeId,
        height: Height,
    ) -> Result<Arc<CommitAnnounce>, RequestError> {
        match self
            .one_part(peer, &Request::Certificate { height }, SECOND.saturating_mul(3))
            .await?
        {
            Part::Certificate(announce) => Ok(announce),
            _ => Err(nonsense(*peer)),
        }
    }

    /// Asks what the state hash of a height is made of.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn fetch_state_summary(
        &self,
        peer: &NodeId,
        height: Height,
    ) -> Result<StateSummary, RequestError> {
        match self
            .one_part(peer, &Request::StateSummary { height }, SECOND.saturating_mul(30))
            .await?
        {
            Part::StateSummary(summary) => Ok(summary),
            _ => Err(nonsense(*peer)),
        }
    }

    async fn one_part(
        &self,
        peer: &NodeId,
        request: &Request,
        patience: Duration,
    ) -> Result<Part, RequestError> {
        let times = times(patience, self.shared.config.short_answer);
        let budget = Budget { times, frame: SHORT, total: bytes(SHORT) };
        let mut answer = self.ask(peer, request, budget).await?;
        let part = answer.next().await?;
        part.ok_or_else(|| RequestError::Cut { peer: *peer, reason: "an empty answer".to_owned() })
    }

    /// Asks for transactions of a peer's mempool; those it lacks are left out. Ids are checked.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn fetch_txs(
        &self,
        peer: &NodeId,
        ids: Vec<TxId>,
    ) -> Result<Vec<Bytes>, RequestError> {
        let frame = self.shared.config.max_tx_bytes.saturating_add(TX_OVERHEAD);
        let three = SECOND.saturating_mul(3);
        let times = times(three, self.shared.config.tx_get);
        let budget = Budget { times, frame, total: bytes(SHORT) };
        let mut answer = self.ask(peer, &Request::Txs { ids: ids.clone() }, budget).await?;
        let mut found = Vec::new();
        while let Some(part) = answer.next().await? {
            match part {
                Part::Transaction(bytes)
                    if ids.contains(&kwil_crypto::sha256(&bytes)) && found.len() < ids.len() =>
                {
                    found.push(bytes);
                }
                _ => return Err(answer.unexpected()),
            }
        }
        Ok(found)
    }

    /// Sends any request; the parts of the answer are the caller's to check.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn request(
        &self,
        peer: &NodeId,
        request: &Request,
        patience: Duration,
    ) -> Result<Answer, RequestError> {
        let frame = self.block_frame().max(SHORT);
        let budget = Budget {
            times: times(patience, patience.saturating_mul(10)),
            frame,
            total: bytes(frame).saturating_mul(4),
        };
        self.ask(peer, request, budget).await
    }
}

fn nonsense(peer: NodeId) -> RequestError {
    RequestError::Malformed { peer, reason: "a part of another kind of answer".to_owned() }
}
