//! What the state roots of the newest heights are made of, for other nodes that look for the place where they differ.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use kwil_crypto::Hash;

use crate::catalog::Catalog;
use crate::chain::ChainState;
use crate::sums::{Sums, TableSum, hashed_tables};
use crate::table::TableId;

/// Heights kept.
const KEPT: usize = 16;

/// What the state root of a height is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSummary {
    /// The height and its hashes.
    pub chain: ChainState,
    /// Hash of the catalog's rows.
    pub catalog_hash: Hash,
    /// Every hashed table, in the order of the root: by schema, then name.
    pub tables: Vec<TableSummary>,
}

/// A table in a [`StateSummary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// Hash of the lattice over them.
    pub digest: Hash,
}

/// The newest heights. Cheap to clone; filled by the writer with each commit.
#[derive(Clone, Debug, Default)]
pub struct Summaries(Arc<Mutex<VecDeque<Kept>>>);

/// Names are looked up when somebody asks.
#[derive(Clone, Debug)]
struct Kept {
    chain: ChainState,
    catalog_hash: Hash,
    catalog: Arc<Catalog>,
    sums: Arc<[(TableId, u64, Hash)]>,
}

impl Summaries {
    /// The summary of a height; `None` when it is not one of the newest here.
    #[must_use]
    pub fn at(&self, height: u64) -> Option<StateSummary> {
        let kept = {
            let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            list.iter().find(|kept| kept.chain.height == height).cloned()
        }?;
        let empty = TableSum::empty();
        let table = |table: &crate::table::Table| {
            let found = kept.sums.binary_search_by_key(&table.id, |(id, ..)| *id).ok();
            let (_, rows, digest) = found.and_then(|at| kept.sums.get(at).copied()).unwrap_or((
                table.id,
                0,
                empty.digest,
            ));
            TableSummary { schema: table.schema.clone(), name: table.name.clone(), rows, digest }
        };
        let tables = hashed_tables(&kept.catalog).into_iter().map(table).collect();
        Some(StateSummary { chain: kept.chain, catalog_hash: kept.catalog_hash, tables })
    }

    /// Adds the state after a commit.
    pub(crate) fn committed(
        &self,
        chain: ChainState,
        catalog_hash: Hash,
        catalog: &Arc<Catalog>,
        sums: &Sums,
    ) {
        let sums = sums.iter().map(|(id, sum)| (id, sum.rows, sum.digest)).collect();
        let catalog = Arc::clone(catalog);
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After a fault of the server the database can show an earlier block than before.
        list.retain(|kept| kept.chain.height < chain.height);
        while list.len() >= KEPT {
            list.pop_front();
        }
        list.push_back(Kept { chain, catalog_hash, catalog, sums });
    }
}
