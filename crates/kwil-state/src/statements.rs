//! Statements that the writer's connection has prepared.
//!
//! PREPARE is not undone by a rollback, of a savepoint or of the whole transaction. So what is prepared is a fact of the
//! connection: it is noted when the server has said that it did it, and only then.

use std::collections::BTreeMap;

/// Statements kept at most.
const MAX: usize = 512;

/// A prepared statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StatementName {
    /// Of a statement that runs more than once: its id.
    Kept(u64),
    /// Of an insert that runs more than once, for many rows: the id of the insert of one.
    OfRows(u64),
    /// Of a statement that runs once; gone after it, unless it failed.
    Once,
}

impl std::fmt::Display for StatementName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kept(id) => write!(f, "kwil_{id}"),
            Self::OfRows(id) => write!(f, "kwil_{id}_rows"),
            Self::Once => f.write_str("kwil_once"),
        }
    }
}

/// What one connection has prepared, least recently used first out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements {
    /// When each was used last.
    used: BTreeMap<StatementName, u64>,
    clock: u64,
    /// Prepared, but never to be used again.
    stale: Vec<StatementName>,
}

impl Statements {
    /// Whether the statement is prepared; marks it as used.
    pub(crate) fn touch(&mut self, name: StatementName) -> bool {
        self.clock = self.clock.saturating_add(1);
        let found = self.used.get_mut(&name);
        let is_known = found.is_some();
        if let Some(used) = found {
            *used = self.clock;
        }
        is_known
    }

    /// The server prepared it.
    pub(crate) fn prepared(&mut self, name: StatementName) {
        self.clock = self.clock.saturating_add(1);
        self.used.insert(name, self.clock);
    }

    /// The server dropped it.
    pub(crate) fn deallocated(&mut self, name: StatementName) {
        self.used.remove(&name);
        self.stale.retain(|stale| *stale != name);
    }

    /// From now on none may be used: what exists has changed, or changed back.
    pub(crate) fn forget_all(&mut self) {
        self.stale.extend(std::mem::take(&mut self.used).into_keys());
    }

    /// What has to be dropped before `more` are prepared.
    pub(crate) fn to_deallocate(&self, more: usize) -> Vec<StatementName> {
        let mut names = self.stale.clone();
        let surplus = self.used.len().saturating_add(more).saturating_sub(MAX);
        let mut by_age: Vec<_> = self.used.iter().map(|(name, used)| (*used, *name)).collect();
        by_age.sort_unstable();
        names.extend(by_age.into_iter().take(surplus).map(|(_, name)| name));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut statements = Statements::default();
        for id in 0..MAX as u64 {
            statements.prepared(StatementName::Kept(id));
        }
        assert!(statements.touch(StatementName::Kept(0)));
        assert!(!statements.touch(StatementName::Kept(9999)));
        assert_eq!(statements.to_deallocate(0), []);
        assert_eq!(statements.to_deallocate(2), [1, 2].map(StatementName::Kept));
        statements.deallocated(StatementName::Kept(1));
        assert!(!statements.touch(StatementName::Kept(1)));
    }

    #[test]
    fn what_is_forgotten_stays_to_be_dropped() {
        let mut statements = Statements::default();
        statements.prepared(StatementName::Kept(7));
        statements.forget_all();
        assert!(!statements.touch(StatementName::Kept(7)));
        assert_eq!(statements.to_deallocate(1), [StatementName::Kept(7)]);
        statements.deallocated(StatementName::Kept(7));
        assert_eq!(statements.to_deallocate(1), []);
    }
}
