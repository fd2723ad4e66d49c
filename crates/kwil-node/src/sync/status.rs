//! What others may know about a running sync.

/// Whether the node catches up, and how far that is. Heights are those of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncStatus {
    /// The node is behind and fetches blocks.
    pub active: bool,
    /// Height where it started.
    pub from: u64,
    /// Highest height that peers claim and that is not refuted.
    pub target: u64,
}

impl SyncStatus {
    /// How much of the chain is here, from 0 to 1; 1 when nothing is known to be missing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn progress(&self, height: u64) -> f64 {
        if !self.active || height >= self.target {
            return 1.0;
        }
        height as f64 / self.target as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_the_part_of_the_chain_that_is_here() {
        let status = SyncStatus { active: true, from: 10, target: 200 };
        assert!((status.progress(50) - 0.25).abs() < 1e-9);
        assert!((status.progress(300) - 1.0).abs() < 1e-9);
        assert!((SyncStatus::default().progress(0) - 1.0).abs() < 1e-9);
    }
}
