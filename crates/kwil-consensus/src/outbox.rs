//! Signing and sending: every message of this node is made here.

use kwil_crypto::{Hash, NodeId, PublicKey};
use kwil_types::{
    Abort, AbortBody, DirectiveBody, Height, LeaderDirective, ReportedVote, View, ViewChange,
    ViewChangeBody, Vote, VoteBody, VoteKind,
};

use crate::directive::Directive;
use crate::effect::{Effect, Notice};
use crate::machine::{Cx, Machine, OwnVote};
use crate::message::{Message, NACK_TEXT_MAX, Nack, NackReason, ViewChangeMessage, VoteProof};
use crate::mutation::Mutation;

impl Machine {
    /// Floods a message. A solo validator has nobody to talk to; others learn its blocks from announcements.
    pub(crate) fn broadcast(&self, cx: &mut Cx, message: Message) {
        if !self.solo() {
            cx.push(Effect::Broadcast { message, resend: 0 });
        }
    }

    /// Floods a message that may have been flooded before.
    pub(crate) fn broadcast_again(&self, cx: &mut Cx, message: Message) {
        if !self.solo() {
            cx.push(Effect::Broadcast { message, resend: self.resend });
        }
    }

    pub(crate) fn send(&self, cx: &mut Cx, to: PublicKey, message: Message) {
        cx.push(Effect::Send { to: NodeId::new(to), message, resend: self.resend });
    }

    pub(crate) fn notice(cx: &mut Cx, notice: Notice) {
        cx.push(Effect::Notice(notice));
    }

    pub(crate) fn sign_vote(&self, view: View, block: Hash, app: Hash) -> Vote {
        let body = VoteBody {
            kind: VoteKind::Commit,
            chain_hash: self.chain,
            height: self.height(),
            view,
            block_hash: block,
            app_hash: app,
        };
        Vote::sign(body, &self.signer.0)
    }

    /// A view change for `view` that reports the highest own vote below it.
    pub(crate) fn sign_view_change(&self, view: View) -> ViewChangeMessage {
        let below = self.votes.iter().filter(|own| own.vote.body.view < view);
        let silent = self.config.mutant(Mutation::VoteNotReported);
        let highest: Option<&OwnVote> =
            below.max_by_key(|own| own.vote.body.view).filter(|_| !silent);
        let body = ViewChangeBody {
            chain_hash: self.chain,
            height: self.height(),
            view,
            vote: highest.map(|own| ReportedVote {
                view: own.vote.body.view,
                block_hash: own.vote.body.block_hash,
                app_hash: own.vote.body.app_hash,
            }),
        };
        let proof = highest.map(|own| VoteProof {
            justification: own.proposal.signed.body.justification,
            signature: own.proposal.signed.signature,
        });
        ViewChangeMessage { signed: ViewChange::sign(body, &self.signer.0), proof }
    }

    pub(crate) fn sign_abort(&self, block: Hash) -> Abort {
        let body = AbortBody {
            chain_hash: self.chain,
            height: self.height(),
            view: self.view,
            block_hash: block,
        };
        Abort::sign(body, &self.signer.0)
    }

    pub(crate) fn sign_directive(&self, order: Directive) -> LeaderDirective {
        let body = DirectiveBody {
            chain_hash: self.chain,
            from_height: order.from_height,
            candidate: order.candidate,
        };
        LeaderDirective::sign(body, &self.signer.0)
    }

    /// Tells everybody that this node rejects a block; promises nothing.
    pub(crate) fn broadcast_nack(
        &self,
        cx: &mut Cx,
        view: View,
        block: Hash,
        (reason, text): (NackReason, &str),
    ) {
        if !self.is_validator() || self.held() {
            return;
        }
        let body = VoteBody {
            kind: VoteKind::Reject,
            chain_hash: self.chain,
            height: self.height(),
            view,
            block_hash: block,
            app_hash: Hash::ZERO,
        };
        let text = text.get(..text.floor_char_boundary(NACK_TEXT_MAX)).unwrap_or_default();
        let nack = Nack { vote: Vote::sign(body, &self.signer.0), reason, text: text.to_owned() };
        self.broadcast(cx, Message::Nack(nack));
    }

    /// Sends the certificate of an old height to a validator that is still there, at most every 200 ms.
    pub(crate) fn help_up(&mut self, cx: &mut Cx, signer: PublicKey, height: Height) {
        if self.tip.announce.is_none() || !self.committee.set.contains(&signer) {
            return;
        }
        let due = self.helped.get(&signer).is_none_or(|at| cx.now >= at.plus(Self::HELP_PAUSE));
        if due {
            self.helped.insert(signer, cx.now);
            cx.push(Effect::SendCommit { to: NodeId::new(signer), height });
        }
    }

    const HELP_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
}
