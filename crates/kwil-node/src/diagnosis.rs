//! `diverged-<height>/`: what is needed to find out why this node computes another state than the validators signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kwil_consensus::HeldReason;
use kwil_crypto::NodeId;
use kwil_p2p::{NetworkHandle, StateSummary, TableSummary};
use kwil_state::{Database, VerifyReport};
use kwil_types::{Block, Height};
use serde_json::{Value, json};

use crate::error::NodeError;

/// Peers whose state is compared.
const PEERS_ASKED: usize = 2;

/// Writes diagnosis folders below the root.
#[derive(Debug, Clone)]
pub(crate) struct Diagnosis {
    pub(crate) root: PathBuf,
    pub(crate) database: Database,
    pub(crate) network: NetworkHandle,
    pub(crate) version: &'static str,
}

impl Diagnosis {
    /// Compares every table with its stored sum and with what peers have, and writes what is known: `report.json` and,
    /// when it is here, `block`. Nothing follows from it but a line in the log, so what cannot be found out is left out.
    pub(crate) async fn write(&self, reason: HeldReason, block: Option<Arc<Block>>) {
        let HeldReason::Diverged { height, .. } = &reason else { return };
        let folder = self.root.join(format!("diverged-{height}"));
        // The block was taken back: this node's state is the one below it. Peers keep few heights, so they are asked
        // before this node's tables are read.
        let theirs = self.summaries_of_peers(Height(height.get().saturating_sub(1))).await;
        let found = Found::new(
            kwil_state::verify_state(self.database.endpoint(), None)
                .await
                .map_err(|e| e.to_string()),
            &theirs,
        );
        let report = json!({
            "reason": reason.to_string(),
            "divergence": numbers(&reason),
            "kwild": self.version,
            "postgresql": self.database.server_version().await.ok(),
            "state": found.state,
            "peers": found.peers,
        });
        let block = block.map(|block| block.encode());
        let (place, text) = (folder.clone(), format!("{report:#}\n"));
        let written = tokio::task::spawn_blocking(move || save(&place, &text, block)).await;
        match written {
            Ok(Ok(())) => {
                let (differing, from_peers) =
                    (found.from_sums.join(" "), found.from_peers.join(" "));
                let asked = theirs.len();
                tracing::error!(target: "CONS", folder = %folder.display(), differing, from_peers, asked, "Diagnosis written");
            }
            Ok(Err(error)) => {
                tracing::error!(target: "CONS", %error, "Cannot write the diagnosis")
            }
            Err(error) => tracing::error!(target: "CONS", %error, "The diagnosis died"),
        }
    }

    /// What the state of a height is made of at peers, validators first.
    async fn summaries_of_peers(&self, height: Height) -> Vec<(NodeId, StateSummary)> {
        let mut peers = self.network.peers();
        peers.sort_by_key(|peer| !peer.reserved);
        let mut summaries = Vec::new();
        for peer in peers {
            if summaries.len() >= PEERS_ASKED {
                break;
            }
            match self.network.fetch_state_summary(&peer.id, height).await {
                Ok(summary) if summary.height == height => summaries.push((peer.id, summary)),
                Ok(_) => {
                    tracing::debug!(target: "CONS", peer = %peer.id, "a summary of another height")
                }
                Err(error) => {
                    tracing::info!(target: "CONS", peer = %peer.id, height = height.get(), %error, "No state summary from a peer");
                }
            }
        }
        summaries
    }
}

/// What a comparison found.
struct Found {
    /// Tables whose rows are not what their sum says.
    from_sums: Vec<String>,
    /// Tables whose rows are not those of a peer.
    from_peers: Vec<String>,
    state: Value,
    peers: Value,
}

impl Found {
    fn new(verified: Result<VerifyReport, String>, theirs: &[(NodeId, StateSummary)]) -> Self {
        let report = match verified {
            Ok(report) => report,
            Err(error) => {
                let state = json!({ "error": error });
                return Self {
                    from_sums: Vec::new(),
                    from_peers: Vec::new(),
                    state,
                    peers: json!([]),
                };
            }
        };
        let mut differing = BTreeSet::new();
        let mut peers = Vec::new();
        for (peer, summary) in theirs {
            let tables = differences(&report, summary);
            differing.extend(tables.iter().map(|difference| difference.table.clone()));
            peers.push(json!({
                "peer": peer.to_string(),
                "height": summary.height.get(),
                "app_hash": summary.app_hash.to_string(),
                "same_catalog": summary.catalog_hash == report.catalog_hash,
                "differing": tables.iter().map(Difference::json).collect::<Vec<_>>(),
            }));
        }
        Self {
            from_sums: report.differing().map(|table| table.table.clone()).collect(),
            from_peers: differing.into_iter().collect(),
            state: state(&report),
            peers: peers.into(),
        }
    }
}

/// A table that is not the same here and at a peer. `None`: it does not exist there.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    table: String,
    own_rows: Option<u64>,
    peer_rows: Option<u64>,
}

impl Difference {
    fn json(&self) -> Value {
        json!({ "table": self.table, "own_rows": self.own_rows, "peer_rows": self.peer_rows })
    }
}

fn differences(own: &VerifyReport, theirs: &StateSummary) -> Vec<Difference> {
    let name = |table: &TableSummary| format!("{}.{}", table.namespace, table.name);
    let mut others: BTreeMap<String, &TableSummary> =
        theirs.tables.iter().map(|table| (name(table), table)).collect();
    let mut found = Vec::new();
    for table in &own.tables {
        let other = others.remove(&table.table);
        let is_same = other.is_some_and(|other| {
            (other.rows, other.lattice_hash) == (table.found_rows, table.found_digest)
        });
        if !is_same {
            found.push(Difference {
                table: table.table.clone(),
                own_rows: Some(table.found_rows),
                peer_rows: other.map(|other| other.rows),
            });
        }
    }
    found.extend(others.into_iter().map(|(table, other)| Difference {
        table,
        own_rows: None,
        peer_rows: Some(other.rows),
    }));
    found
}

/// The committed state below the block: each table, what its sum says and what is in it.
fn state(report: &VerifyReport) -> Value {
    let tables: Vec<Value> = report
        .tables
        .iter()
        .map(|table| {
            json!({
                "table": table.table,
                "stored_rows": table.stored_rows,
                "found_rows": table.found_rows,
                "matches": table.matches,
            })
        })
        .collect();
    json!({
        "height": report.chain.height,
        "app_hash": report.chain.app_hash.to_string(),
        "state_root": report.chain.state_root.to_string(),
        "recomputed_root": report.state_root.map(|root| root.to_string()),
        "structure": report.structure,
        "tables": tables,
    })
}

fn numbers(reason: &HeldReason) -> Value {
    let HeldReason::Diverged { height, block, certified, own } = reason else {
        return Value::Null;
    };
    json!({
        "height": height.get(),
        "block": block.to_string(),
        "own_app_hash": own.to_string(),
        "certified_app_hash": certified.to_string(),
    })
}

fn save(folder: &Path, report: &str, block: Option<Vec<u8>>) -> Result<(), NodeError> {
    let fault = |source| NodeError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(fault)?;
    std::fs::write(folder.join("report.json"), report).map_err(fault)?;
    match block {
        Some(bytes) => std::fs::write(folder.join("block"), bytes).map_err(fault),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::Hash;
    use kwil_state::{ChainState, TableReport};

    use super::*;

    fn hash(byte: u8) -> Hash {
        Hash([byte; 32])
    }

    fn own(tables: &[(&str, u64, u8)]) -> VerifyReport {
        let table = |(name, rows, digest): &(&str, u64, u8)| TableReport {
            table: format!("main.{name}"),
            stored_rows: *rows,
            found_rows: *rows,
            found_digest: hash(*digest),
            matches: true,
        };
        let chain = ChainState {
            height: 7,
            block_hash: hash(1),
            app_hash: hash(2),
            state_root: hash(3),
            time: 0,
        };
        VerifyReport {
            chain,
            tables: tables.iter().map(table).collect(),
            catalog_hash: hash(4),
            state_root: Some(hash(3)),
            structure: Vec::new(),
        }
    }

    fn theirs(tables: &[(&str, u64, u8)]) -> StateSummary {
        let table = |(name, rows, digest): &(&str, u64, u8)| TableSummary {
            namespace: "main".into(),
            name: (*name).into(),
            rows: *rows,
            lattice_hash: hash(*digest),
        };
        StateSummary {
            height: Height(7),
            app_hash: hash(2),
            state_root: hash(3),
            catalog_hash: hash(4),
            tables: tables.iter().map(table).collect(),
        }
    }

    #[test]
    fn tables_that_a_peer_has_with_other_rows_or_not_at_all_are_named() {
        let ours = own(&[("a", 1, 1), ("b", 2, 2), ("c", 3, 3), ("only_here", 0, 9)]);
        assert_eq!(
            differences(
                &ours,
                &theirs(&[("a", 1, 1), ("b", 2, 2), ("c", 3, 3), ("only_here", 0, 9)])
            ),
            []
        );
        let found = differences(
            &ours,
            &theirs(&[("a", 1, 1), ("b", 2, 7), ("c", 4, 3), ("only_there", 5, 5)]),
        );
        let rows = |table: &str, own_rows, peer_rows| Difference {
            table: format!("main.{table}"),
            own_rows,
            peer_rows,
        };
        let expected = [
            rows("b", Some(2), Some(2)),
            rows("c", Some(3), Some(4)),
            rows("only_here", Some(0), None),
            rows("only_there", None, Some(5)),
        ];
        assert_eq!(found, expected);
    }
}
