//! What a machine may hold in memory, for observers.

use crate::buffer::Buffer;
use crate::machine::Machine;
use crate::tally::VIEWS_PER_VALIDATOR;

impl Machine {
    /// Names the first collection that has grown beyond its bound.
    pub(crate) fn over_bound(&self) -> Option<String> {
        let n = self.committee.n();
        let changes = self.changes.values().map(std::collections::BTreeMap::len).max();
        let rows = [
            ("votes", self.tally.len(), n.saturating_mul(VIEWS_PER_VALIDATOR)),
            ("early messages", self.buffer.len(), Buffer::bound(n)),
            ("validators with view changes", self.changes.len(), n),
            ("view changes of a validator", changes.unwrap_or(0), 5),
            ("first proposals", self.offers.len(), 16),
            ("rejections", self.nacks.len(), n),
            ("members seen", self.alive.len(), n),
            ("bodies", self.bodies.len(), self.votes.len().saturating_add(3)),
            ("accusations", self.accused.len(), 64),
        ];
        rows.into_iter()
            .find(|(_, size, bound)| size > bound)
            .map(|(what, size, bound)| format!("{size} {what}, at most {bound}"))
    }
}
