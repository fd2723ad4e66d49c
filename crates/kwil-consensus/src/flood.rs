//! Which consensus messages are worth passing on.

use kwil_types::{Height, ValidatorSet};

use crate::message::Message;

/// Whether a node at `tip` forwards a (verified) message at all: it is about the height being decided or the one
/// after, and its signer is a member of the current set. Evidence and directives are forwarded at any height.
///
/// Duplicates, counts per signer and rates are the relay's business.
#[must_use]
pub fn worth_forwarding(message: &Message, tip: Height, set: &ValidatorSet) -> bool {
    let member = message.signer().is_none_or(|signer| set.contains(&signer));
    let deciding = tip.next();
    let near = message.height() == deciding || message.height() == deciding.next();
    match message {
        Message::Evidence(evidence) => evidence.accused().is_none_or(|key| set.contains(&key)),
        Message::Directive(_) => member,
        Message::Heartbeat(_) => member,
        Message::Commit(_) => near || message.height() == tip,
        Message::Proposal(_)
        | Message::Vote(_)
        | Message::ViewChange(_)
        | Message::Nack(_)
        | Message::Abort(_) => member && near,
    }
}
