//! `replace-leader`: orders of operators, collected until a majority gave the same one.

use std::collections::BTreeMap;

use kwil_crypto::PublicKey;
use kwil_types::{Height, LeaderDirective};

use crate::effect::{Effect, Notice, Trigger};
use crate::machine::{Cx, Machine};
use crate::message::Message;
use crate::mutation::Mutation;
use crate::operator::OperatorError;

/// Heights after which an order without success is given up.
pub const DIRECTIVE_LIFETIME: u64 = 100;
/// Heights at which an order forces a view change.
const FORCED_HEIGHTS: u32 = 3;
/// Orders remembered per validator.
const PER_SIGNER_MAX: usize = 4;

/// This node's own replace-leader order (`leader-updates.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Directive {
    /// Who shall lead.
    pub candidate: PublicKey,
    /// First height at which it shall.
    pub from_height: Height,
}

/// Own and collected orders.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Directives {
    own: Option<Directive>,
    own_signed: Option<LeaderDirective>,
    /// Newest height at which a view change was forced, and how many heights that were.
    forced: Option<Height>,
    forced_heights: u32,
    /// Signer, then (candidate, first height).
    collected: BTreeMap<PublicKey, BTreeMap<(Height, PublicKey), LeaderDirective>>,
}

impl Directives {
    pub(crate) fn recovered(own: Option<Directive>) -> Self {
        Self { own, ..Self::default() }
    }

    fn collect(&mut self, directive: LeaderDirective) {
        let of_signer = self.collected.entry(directive.signer).or_default();
        of_signer.insert((directive.body.from_height, directive.body.candidate), directive);
        if of_signer.len() > PER_SIGNER_MAX {
            of_signer.pop_first();
        }
    }
}

impl Machine {
    pub(crate) fn order_replacement(
        &mut self,
        cx: &mut Cx,
        candidate: PublicKey,
        from_height: Height,
    ) -> Result<(), OperatorError> {
        if !self.is_validator() {
            return Err(OperatorError::ThisNodeNotAValidator);
        }
        if from_height <= self.tip.height {
            let current = self.tip.height;
            return Err(OperatorError::PastHeight { from_height, current });
        }
        if !self.committee.set.contains(&candidate) {
            return Err(OperatorError::NotAValidator(candidate));
        }
        let order = Directive { candidate, from_height };
        cx.push(Effect::StoreDirective(Some(order)));
        self.directives.own = Some(order);
        self.directives.forced = None;
        self.directives.forced_heights = 0;
        self.sign_own_directive();
        self.broadcast_own_directive(cx);
        self.force_directive(cx);
        Ok(())
    }

    pub(crate) fn sign_own_directive(&mut self) {
        self.directives.own_signed = None;
        if let Some(order) = self.directives.own
            && !self.held()
        {
            let signed = self.sign_directive(order);
            self.directives.own_signed = Some(signed.clone());
            self.directives.collect(signed);
        }
    }

    pub(crate) fn broadcast_own_directive(&mut self, cx: &mut Cx) {
        if let Some(signed) = self.directives.own_signed.clone()
            && !self.held()
        {
            self.broadcast_again(cx, Message::Directive(signed));
        }
    }

    pub(crate) fn on_directive(&mut self, directive: LeaderDirective) {
        let live =
            directive.body.from_height.0.saturating_add(DIRECTIVE_LIFETIME) >= self.height().0;
        if live && self.committee.set.contains(&directive.signer) {
            self.directives.collect(directive);
        }
    }

    /// From its height on, an own order leaves views that its candidate does not lead: once per height, at most
    /// three heights.
    pub(crate) fn force_directive(&mut self, cx: &mut Cx) {
        let Some(order) = self.directives.own else { return };
        let height = self.height();
        let spent = self.directives.forced == Some(height)
            || self.directives.forced_heights >= FORCED_HEIGHTS;
        if height < order.from_height || spent || !self.can_leave_view() {
            return;
        }
        let known = self.committee.set.contains(&order.candidate);
        if !known || order.candidate == self.acting_leader() {
            return;
        }
        let view = self.committee.next_view_of(&order.candidate, self.view);
        if self.enter_view(cx, view, Trigger::Directive) {
            self.directives.forced = Some(height);
            self.directives.forced_heights = self.directives.forced_heights.saturating_add(1);
        }
    }

    /// Orders of distinct validators of this height for this node, when they are a quorum and still needed.
    pub(crate) fn directives_for_me(&self) -> Vec<LeaderDirective> {
        let me = self.me;
        if self.next.leader == me {
            return Vec::new();
        }
        let mut by_order: BTreeMap<Height, Vec<LeaderDirective>> = BTreeMap::new();
        for (signer, orders) in &self.directives.collected {
            if !self.committee.set.contains(signer) {
                continue;
            }
            for ((from_height, candidate), signed) in orders {
                if *candidate == me && *from_height <= self.height() {
                    by_order.entry(*from_height).or_default().push(signed.clone());
                }
            }
        }
        let needed = self.quorum_needed();
        by_order.into_values().rev().find(|orders| orders.len() >= needed).unwrap_or_default()
    }

    /// Whether the orders that come with a fresh block justify its new leader.
    pub(crate) fn directives_justify(
        &self,
        orders: &[LeaderDirective],
        new_leader: PublicKey,
    ) -> bool {
        let Some(first) = orders.first() else { return false };
        let mut signers = std::collections::BTreeSet::new();
        for order in orders {
            let fits = order.body.candidate == new_leader
                && order.body.from_height == first.body.from_height
                && order.body.from_height <= self.height()
                && self.committee.set.contains(&order.signer);
            let fresh = signers.insert(order.signer);
            if !fits || !(fresh || self.config.mutant(Mutation::DirectiveCountedTwice)) {
                return false;
            }
        }
        orders.len() >= self.quorum_needed()
    }

    /// After a commit: an order that came true or grew old is deleted.
    pub(crate) fn expire_directives(&mut self, cx: &mut Cx) {
        let height = self.height();
        for orders in self.directives.collected.values_mut() {
            orders.retain(|(from, _), _| from.0.saturating_add(DIRECTIVE_LIFETIME) >= height.0);
        }
        self.directives.collected.retain(|_, orders| !orders.is_empty());
        let Some(order) = self.directives.own else { return };
        let fulfilled = order.candidate == self.next.leader;
        let old = order.from_height.0.saturating_add(DIRECTIVE_LIFETIME) < height.0;
        if fulfilled || old {
            self.directives.own = None;
            self.directives.own_signed = None;
            cx.push(Effect::StoreDirective(None));
            if !fulfilled {
                cx.push(Effect::Notice(Notice::DirectiveExpired(order)));
            }
        }
    }

    /// `new_leader` of a fresh block of this node, with the orders that justify it.
    pub(crate) fn replacement_for_fresh(&self) -> (Option<PublicKey>, Vec<LeaderDirective>) {
        let orders = self.directives_for_me();
        ((!orders.is_empty()).then_some(self.me), orders)
    }
}
