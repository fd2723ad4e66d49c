//! The catalogs of the language that readers can need: of the last committed version and the ones before.
//!
//! A reader finds in its snapshot which version belongs to it. The writer puts a version here before it commits it, and
//! starts anew with what the database says whenever it connects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kwil_engine::catalog::Catalog;

/// Versions kept: the present one and two before.
const KEPT: usize = 3;

/// Shared between the writer and all readers.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublishedCatalogs(Arc<Mutex<BTreeMap<i64, Arc<Catalog>>>>);

impl PublishedCatalogs {
    /// The catalog of a version.
    pub(crate) fn get(&self, version: i64) -> Option<Arc<Catalog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }

    /// Forgets everything but this version.
    pub(crate) fn reset(&self, version: i64, catalog: Option<Arc<Catalog>>) {
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *versions = catalog.into_iter().map(|catalog| (version, catalog)).collect();
    }

    /// Adds a version that is about to be committed.
    pub(crate) fn announce(&self, version: i64, catalog: Option<Arc<Catalog>>) {
        let Some(catalog) = catalog else { return };
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        versions.insert(version, catalog);
        while versions.len() > KEPT {
            versions.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_versions_are_there() {
        let catalogs = PublishedCatalogs::default();
        for version in 1..=4 {
            catalogs.announce(version, Some(Arc::new(Catalog::genesis(None))));
        }
        let found: Vec<_> = (0..6).filter(|version| catalogs.get(*version).is_some()).collect();
        assert_eq!(found, [2, 3, 4]);
        catalogs.reset(2, Some(Arc::new(Catalog::genesis(None))));
        assert!(catalogs.get(2).is_some() && catalogs.get(4).is_none());
    }
}
