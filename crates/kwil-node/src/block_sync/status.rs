//! How far block sync is.

/// A moment of block sync.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SyncStatus {
    /// Whether blocks are fetched instead of agreed on.
    pub(crate) active: bool,
    /// Highest height that somebody claims.
    pub(crate) target: u64,
    /// Height at which this run of sync began.
    pub(crate) from: u64,
}

impl SyncStatus {
    /// Part of the way from the beginning of this run to the target, 0 to 1.
    pub(crate) fn progress(&self, height: u64) -> f64 {
        let whole = self.target.saturating_sub(self.from);
        if !self.active || whole == 0 {
            return 1.0;
        }
        let done = height.saturating_sub(self.from).min(whole);
        let part = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        part(done) / part(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_runs_from_the_beginning_of_the_run_to_the_target() {
        let status = SyncStatus { active: true, target: 300, from: 100 };
        assert_eq!(status.progress(100).to_string(), "0");
        assert_eq!(status.progress(150).to_string(), "0.25");
        assert_eq!(status.progress(400).to_string(), "1");
        assert_eq!(SyncStatus { active: false, ..status }.progress(100).to_string(), "1");
    }
}
