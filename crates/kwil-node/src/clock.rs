//! The node's clocks: monotonic time for waiting, wall time for block times. Core crates get both as arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kwil_consensus::Millis;
use tokio::time::Instant;

/// Monotonic milliseconds since the node started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The moment of a machine's time.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        const FAR: Duration = Duration::from_secs(24 * 60 * 60);
        let offset = Duration::from_millis(at.0);
        self.origin
            .checked_add(offset)
            .unwrap_or_else(|| Instant::now().checked_add(FAR).unwrap_or(self.origin))
    }
}

/// Unix milliseconds; 0 before 1970.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
