//! Proof of misbehaviour: found, stored, flooded. It never changes how votes are counted.

use std::sync::Arc;

use kwil_types::Evidence;

use crate::effect::Effect;
use crate::held::HeldReason;
use crate::machine::{Cx, Machine};
use crate::message::Message;

/// Items of evidence a machine stores per height; more add nothing.
const PER_HEIGHT_MAX: usize = 64;

impl Machine {
    fn first_of_its_kind(&mut self, evidence: &Evidence) -> bool {
        let key = (evidence.name(), evidence.accused(), evidence.height());
        self.accused.len() < PER_HEIGHT_MAX && self.accused.insert(key)
    }

    /// Stores and floods a proof, once per kind, culprit and height.
    pub(crate) fn accuse(&mut self, cx: &mut Cx, evidence: Evidence) {
        if self.first_of_its_kind(&evidence) {
            let evidence = Arc::new(evidence);
            cx.push(Effect::StoreEvidence(Arc::clone(&evidence)));
            self.broadcast(cx, Message::Evidence(evidence));
        }
    }

    /// A proof that somebody else found: kept. The relay passes it on.
    pub(crate) fn on_evidence(&mut self, cx: &mut Cx, evidence: &Arc<Evidence>) {
        let member = evidence.accused().is_none_or(|key| self.committee.set.contains(&key));
        if !member || !self.first_of_its_kind(evidence) {
            return;
        }
        cx.push(Effect::StoreEvidence(Arc::clone(evidence)));
        if let Evidence::ConflictingCertificates(_) = evidence.as_ref() {
            // Both certificates were checked against the set in force; the fork is real.
            let height = evidence.height();
            if height >= self.tip.height {
                self.hold(cx, HeldReason::Fork { height });
            }
        }
    }

    /// The driver found and verified conflicting certificates below the tip.
    pub(crate) fn on_fork_found(&mut self, cx: &mut Cx, evidence: &Evidence) {
        if let Evidence::ConflictingCertificates(_) = evidence {
            let height = evidence.height();
            self.accuse(cx, evidence.clone());
            self.hold(cx, HeldReason::Fork { height });
        }
    }
}
