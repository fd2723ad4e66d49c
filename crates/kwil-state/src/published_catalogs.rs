//! The catalogs of the language that readers can need: of the last committed version and the ones before.
//!
//! A reader finds in its snapshot which version belongs to it. The writer puts a version here before it commits it, and
//! starts anew with what the database says whenever it connects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kwil_engine::catalog::Catalog;
use tokio::sync::Notify;

/// Versions kept: the present one and two before.
const KEPT: usize = 3;

/// The block that a view of the database shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) height: u64,
    /// Unix milliseconds.
    pub(crate) time: i64,
    /// Version of the catalog.
    pub(crate) version: i64,
}

/// Shared between the writer and all readers.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublishedCatalogs {
    inner: Arc<Mutex<Inner>>,
    /// The database was heard of.
    heard: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    versions: BTreeMap<i64, Arc<Catalog>>,
    newest: Option<Seen>,
}

impl PublishedCatalogs {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog of a version.
    pub(crate) fn get(&self, version: i64) -> Option<Arc<Catalog>> {
        self.inner().versions.get(&version).cloned()
    }

    /// What the database showed when it was last heard of; it may show the next block by now.
    pub(crate) fn newest(&self) -> Option<Seen> {
        self.inner().newest
    }

    /// Whether a later version than this one is there, committed or about to be.
    pub(crate) fn has_later(&self, version: i64) -> bool {
        self.inner().versions.keys().next_back().is_some_and(|last| *last > version)
    }

    /// Whether a later version, committed or about to be, has another table than this one under a name that the statement
    /// uses. A read that waited for the lock of such a table finds the new table and looks for the old rows in it.
    pub(crate) fn changes_tables_of(&self, version: i64, sql: &str) -> bool {
        let inner = self.inner();
        let Some((last, new)) =
            inner.versions.last_key_value().filter(|(last, _)| **last > version)
        else {
            return false;
        };
        let Some(old) = inner.versions.get(&version) else {
            tracing::debug!(version, last, "a read outlived its catalog");
            return true;
        };
        let (old, new) = (Arc::clone(old), Arc::clone(new));
        drop(inner);
        old.namespaces.iter().any(|(name, namespace)| {
            let now = new.namespaces.get(name);
            now.is_none_or(|now| !Arc::ptr_eq(namespace, now))
                && namespace.tables.iter().any(|(table, definition)| {
                    let same = now.and_then(|now| now.tables.get(table));
                    same.is_none_or(|same| !Arc::ptr_eq(definition, same)) && sql.contains(&**table)
                })
        })
    }

    /// Forgets everything but this version.
    pub(crate) fn reset(&self, version: i64, catalog: Option<Arc<Catalog>>) {
        let versions = catalog.into_iter().map(|catalog| (version, catalog)).collect();
        *self.inner() = Inner { versions, newest: None };
        self.heard.notify_waiters();
    }

    /// Returns when no version is about to be committed: as long as one is, nobody knows which one the database shows.
    pub(crate) async fn settled(&self) {
        loop {
            let mut heard = std::pin::pin!(self.heard.notified());
            heard.as_mut().enable();
            let newest = self.newest();
            if newest.is_none_or(|seen| !self.has_later(seen.version)) {
                return;
            }
            heard.await;
        }
    }

    /// Adds a version that is about to be committed.
    pub(crate) fn announce(&self, version: i64, catalog: Option<Arc<Catalog>>) {
        let Some(catalog) = catalog else { return };
        let mut inner = self.inner();
        inner.versions.insert(version, catalog);
        while inner.versions.len() > KEPT {
            inner.versions.pop_first();
        }
    }

    /// The database shows this block.
    pub(crate) fn committed(&self, seen: Seen) {
        self.inner().newest = Some(seen);
        self.heard.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_version_is_settled_when_the_database_shows_it() {
        let catalogs = PublishedCatalogs::default();
        let announce = |version| catalogs.announce(version, Some(Arc::new(Catalog::genesis(None))));
        let shown = |version| catalogs.committed(Seen { height: 1, time: 1, version });
        catalogs.settled().await;
        announce(1);
        shown(1);
        catalogs.settled().await;
        announce(2);
        let mut settled = std::pin::pin!(catalogs.settled());
        assert!(futures_util::poll!(settled.as_mut()).is_pending());
        shown(2);
        settled.await;
        announce(3);
        let mut settled = std::pin::pin!(catalogs.settled());
        assert!(futures_util::poll!(settled.as_mut()).is_pending());
        catalogs.reset(2, None);
        settled.await;
    }

    #[test]
    fn the_last_three_versions_are_there() {
        let catalogs = PublishedCatalogs::default();
        for version in 1..=4 {
            catalogs.announce(version, Some(Arc::new(Catalog::genesis(None))));
        }
        let found: Vec<_> = (0..6).filter(|version| catalogs.get(*version).is_some()).collect();
        assert_eq!(found, [2, 3, 4]);
        let seen = Seen { height: 9, time: 1, version: 4 };
        catalogs.committed(seen);
        assert_eq!(catalogs.newest(), Some(seen));
        catalogs.reset(2, Some(Arc::new(Catalog::genesis(None))));
        assert!(catalogs.get(2).is_some() && catalogs.get(4).is_none());
        assert_eq!(catalogs.newest(), None, "the database may be another one");
    }
}
