//! Where the execution of a block stands. Shown to operators, and watched by leaders; no result depends on it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Default)]
struct Place {
    executed: usize,
    running: Range<usize>,
    since: Option<Instant>,
}

/// Follows the block that an [`Executor`](crate::Executor) executes.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Place>>);

impl Progress {
    /// Transactions that are executed; they are the first ones of the block.
    #[must_use]
    pub fn executed(&self) -> usize {
        self.read(|place| place.executed)
    }

    /// Places of the transactions that are being executed together: mostly one.
    #[must_use]
    pub fn running(&self) -> Range<usize> {
        self.read(|place| place.running.clone())
    }

    /// The one transaction that is being executed, and for how long; `None` while it is several, or none.
    #[must_use]
    pub fn alone(&self) -> Option<(usize, Duration)> {
        self.read(|place| match place.running {
            Range { start, end } if start.checked_add(1) == Some(end) => {
                Some((start, place.since?.elapsed()))
            }
            Range { .. } => None,
        })
    }

    pub(super) fn set(&self, executed: usize, running: Range<usize>) {
        let since = Some(Instant::now());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Place { executed, running, since };
    }

    /// Nothing is being executed now.
    pub(crate) fn rest(&self, executed: usize) {
        self.set(executed, executed..executed);
    }

    fn read<T>(&self, of: impl FnOnce(&Place) -> T) -> T {
        of(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_is_told_from_several() {
        let (progress, shown) = (Progress::default(), Progress::default());
        assert_eq!((progress.executed(), progress.alone()), (0, None));
        progress.set(3, 5..6);
        assert_eq!((progress.executed(), progress.running()), (3, 5..6));
        assert!(progress.alone().is_some_and(|(place, _)| place == 5));
        progress.set(3, 3..6);
        assert_eq!(progress.alone(), None);
        progress.rest(6);
        assert_eq!((progress.clone().executed(), progress.alone()), (6, None));
        assert_eq!(shown.executed(), 0);
    }
}
