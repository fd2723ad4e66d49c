//! From a certificate to the next height.

use std::sync::Arc;

use kwil_crypto::{NetworkSignature, NodeId};
use kwil_types::{CommitCertificate, Evidence, Header, Height};

use crate::effect::Effect;
use crate::height::{Committee, NextHeight, Tip};
use crate::held::HeldReason;
use crate::machine::{Cx, Machine, PendingCertificate, Phase};
use crate::message::CommitAnnounce;
use crate::mutation::Mutation;
use crate::record::Record;

impl Machine {
    pub(crate) fn on_commit_announce(
        &mut self,
        cx: &mut Cx,
        from: Option<NodeId>,
        announce: &Arc<CommitAnnounce>,
    ) {
        let height = announce.certificate.height();
        let here = self.height();
        if height < here {
            return self.compare_with_tip(cx, announce);
        }
        if self.decided() && height == here && self.same_as_decided(&announce.certificate) {
            return;
        }
        let (set, certificate) = (&self.committee.set, &announce.certificate);
        let unchecked = self.config.mutant(Mutation::CertificateWithoutCount);
        let valid = unchecked || certificate.verify(self.chain, set).is_ok();
        if height > here {
            if height == here.next()
                && let Some(from) = from
            {
                let message = crate::message::Message::Commit(Arc::clone(announce));
                self.buffer.add(from, &message, 0, &self.committee.set);
            }
            if valid {
                self.trust_height(height);
            }
            if let Some(from) = from {
                self.on_peer_height(cx, from, Some(height));
            }
            return self.note_best(cx, height);
        }
        if valid {
            let header = (announce.header.clone(), announce.block_signature);
            self.on_certificate(cx, announce.certificate.clone(), Some(header));
        }
    }

    fn same_as_decided(&self, other: &CommitCertificate) -> bool {
        let pending = self.pending.as_ref().map(|pending| &pending.certificate);
        let committing = self.committing.as_ref().map(|(_, certificate)| certificate);
        pending.or(committing).is_some_and(|known| {
            (known.block_hash(), known.app_hash()) == (other.block_hash(), other.app_hash())
        })
    }

    /// A certificate of the tip's height must be for the tip.
    fn compare_with_tip(&mut self, cx: &mut Cx, announce: &Arc<CommitAnnounce>) {
        let (height, other) = (announce.certificate.height(), &announce.certificate);
        let same =
            (other.block_hash(), other.app_hash()) == (self.tip.block_hash, self.tip.app_hash);
        if height != self.tip.height || same {
            return;
        }
        let (Some(set), Some(own)) = (&self.tip_set, &self.tip.announce) else { return };
        if other.verify(self.chain, set).is_ok() {
            let pair = Box::new([own.certificate.clone(), other.clone()]);
            self.accuse(cx, Evidence::ConflictingCertificates(pair));
            self.hold(cx, HeldReason::Fork { height });
        }
    }

    /// A valid certificate of this height, formed here or received.
    pub(crate) fn on_certificate(
        &mut self,
        cx: &mut Cx,
        certificate: CommitCertificate,
        header: Option<(Header, NetworkSignature)>,
    ) {
        let height = self.height();
        if self.decided() {
            if !self.same_as_decided(&certificate) {
                let known = self.pending.as_ref().map(|p| p.certificate.clone());
                let known = known.or_else(|| self.committing.as_ref().map(|(_, c)| c.clone()));
                if let Some(known) = known {
                    let pair = Box::new([known, certificate]);
                    self.accuse(cx, Evidence::ConflictingCertificates(pair));
                }
                self.hold(cx, HeldReason::Fork { height });
            }
            return;
        }
        if self.phase == Phase::Sync {
            self.trust_height(height);
            return;
        }
        if let Some((header, _)) = header
            && self.check_header(&header).is_err()
        {
            return self.hold(cx, HeldReason::Fork { height });
        }
        self.pending = Some(PendingCertificate { certificate, since: cx.now });
        if !self.held() {
            self.pursue_certificate(cx);
        }
    }

    /// Executes and commits the certified block, fetching it first if need be.
    pub(crate) fn pursue_certificate(&mut self, cx: &mut Cx) {
        let Some(pending) = self.pending.clone() else { return };
        let (block, app) = (pending.certificate.block_hash(), pending.certificate.app_hash());
        let executed = self.exec.as_ref().filter(|exec| exec.block.hash() == block);
        let own = executed.map(|exec| (exec.token, exec.result, Arc::clone(&exec.block)));
        match own {
            Some((token, Some(own), body)) if own == app => {
                self.commit(cx, token, body, pending.certificate);
            }
            Some((_, Some(own), _)) => {
                let height = self.height();
                let reason = HeldReason::Diverged { height, block, certified: app, own };
                self.hold(cx, reason);
            }
            Some((_, None, _)) => self.phase = Phase::Exec(block),
            None => {
                self.cancel_execution(cx);
                match self.bodies.get(&block).cloned() {
                    Some(body) if self.check_header(body.header()).is_err() => {
                        let height = self.height();
                        self.hold(cx, HeldReason::Fork { height });
                    }
                    Some(body) => self.execute(cx, &body),
                    None => {
                        let from = self.signers_of(&pending.certificate);
                        self.fetch(cx, block, from);
                    }
                }
            }
        }
    }

    fn signers_of(&self, certificate: &CommitCertificate) -> Vec<kwil_crypto::PublicKey> {
        let index = |(index, _): (u32, _)| usize::try_from(index).ok();
        let keys = certificate.signatures().filter_map(index).filter_map(|i| self.committee.key(i));
        keys.filter(|key| *key != self.me).collect()
    }

    fn commit(
        &mut self,
        cx: &mut Cx,
        token: u64,
        block: Arc<kwil_types::Block>,
        certificate: CommitCertificate,
    ) {
        self.phase = Phase::Commit(block.hash());
        self.pending = None;
        self.committing = Some((Arc::clone(&block), certificate.clone()));
        cx.push(Effect::Commit { token, block, certificate });
    }

    /// The block is durable: on to the next height.
    pub(crate) fn on_committed(&mut self, cx: &mut Cx, height: Height, next: NextHeight) {
        if height != self.height() {
            return;
        }
        let Some((block, certificate)) = self.committing.take() else { return };
        let header = block.header().clone();
        let block_signature = *block.signature();
        let announce = Arc::new(CommitAnnounce { header, block_signature, certificate });
        // Its transaction is committed; there is nothing to roll back any more.
        self.exec = None;
        let held = self.held();
        self.advance(cx, &announce, next, true);
        if !held {
            self.phase = Phase::Await;
        }
        cx.push(Effect::Announce(announce));
        self.announce_at = cx.now.plus(self.config.announce_interval);
        self.expire_directives(cx);
        self.replay_buffer(cx);
    }

    /// Moves to the height after a committed block. The phase is the caller's business.
    pub(crate) fn advance(
        &mut self,
        cx: &mut Cx,
        announce: &Arc<CommitAnnounce>,
        next: NextHeight,
        live: bool,
    ) {
        let proposer = announce.header.proposer;
        self.tip = Tip::of(Arc::clone(announce));
        self.tip_set = Some(Arc::clone(&self.committee.set));
        self.committee = Committee::new(&next, Some(&proposer));
        self.next = next;
        self.note_certified(self.tip.height, live);
        self.cancel_execution(cx);
        self.forget_height(cx.now);
        let (height, chain_hash) = (self.height(), self.chain);
        cx.push(Effect::Append(vec![Record::HeightStart { height, chain_hash }]));
        self.seat_members(cx.now);
        self.review_reliability(&proposer);
    }

    /// Drops everything about the height that ended.
    fn forget_height(&mut self, now: crate::Millis) {
        self.promise = kwil_types::View::ZERO;
        self.votes.clear();
        self.bodies.clear();
        self.logged.clear();
        self.tally = crate::tally::Tally::default();
        self.changes.clear();
        self.offers.clear();
        self.pending = None;
        self.committing = None;
        self.accused.clear();
        self.helped.retain(|_, at| now < at.plus(std::time::Duration::from_millis(200)));
        self.k = 0;
        let phase = self.phase.clone();
        self.move_to(now, kwil_types::View::ZERO);
        self.phase = phase;
        self.last_commit = now;
        self.batch_since = (self.mempool.txs > 0).then_some(now);
        self.work_since = self.batch_since.filter(|_| self.mempool.newest > self.work_done);
        self.not_before = None;
    }
}
