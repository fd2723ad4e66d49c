//! `diverged-<height>/`: what is needed to find out why this node computes another state than the validators signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kwil_consensus::HeldReason;
use kwil_state::Database;
use kwil_types::Block;
use serde_json::{Value, json};

use crate::error::NodeError;

/// Writes diagnosis folders below the root.
#[derive(Debug, Clone)]
pub(crate) struct Diagnosis {
    pub(crate) root: PathBuf,
    pub(crate) database: Database,
    pub(crate) version: &'static str,
}

impl Diagnosis {
    /// Compares every table with its stored sum and writes what is known: `report.json` and, when it is here, `block`.
    /// Nothing follows from it but a line in the log, so what cannot be found out is left out.
    pub(crate) async fn write(&self, reason: HeldReason, block: Option<Arc<Block>>) {
        let HeldReason::Diverged { height, .. } = &reason else { return };
        let folder = self.root.join(format!("diverged-{height}"));
        let (state, differing) = self.state().await;
        let report = json!({
            "reason": reason.to_string(),
            "divergence": numbers(&reason),
            "kwild": self.version,
            "postgresql": self.database.server_version().await.ok(),
            "state": state,
        });
        let block = block.map(|block| block.encode());
        let (place, text) = (folder.clone(), format!("{report:#}\n"));
        let written = tokio::task::spawn_blocking(move || save(&place, &text, block)).await;
        match written {
            Ok(Ok(())) => {
                let differing = differing.join(" ");
                tracing::error!(target: "CONS", folder = %folder.display(), differing, "Diagnosis written");
            }
            Ok(Err(error)) => {
                tracing::error!(target: "CONS", %error, "Cannot write the diagnosis")
            }
            Err(error) => tracing::error!(target: "CONS", %error, "The diagnosis died"),
        }
    }

    /// The committed state below the block: each table, what its sum says and what is in it.
    async fn state(&self) -> (Value, Vec<String>) {
        let report = match kwil_state::verify_state(self.database.endpoint(), None).await {
            Ok(report) => report,
            Err(error) => return (json!({ "error": error.to_string() }), Vec::new()),
        };
        let differing: Vec<String> = report.differing().map(|table| table.table.clone()).collect();
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
        let state = json!({
            "height": report.chain.height,
            "app_hash": report.chain.app_hash.to_string(),
            "state_root": report.chain.state_root.to_string(),
            "recomputed_root": report.state_root.map(|root| root.to_string()),
            "structure": report.structure,
            "tables": tables,
        });
        (state, differing)
    }
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
