//! Token buckets: how much of something a peer may do in a time.

use std::time::{Duration, Instant};

/// Refills at a steady rate up to a burst. May go into debt: the caller waits until the debt is paid, which on a
/// stream means that reading pauses and QUIC holds the sender back.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst);
        Self { per_second: f64::from(per_second), burst, tokens: burst, filled: now }
    }

    /// Takes `count` tokens. `Some` says how long to wait before going on.
    pub(crate) fn take(&mut self, count: u32, now: Instant) -> Option<Duration> {
        self.refill(now);
        self.tokens -= f64::from(count);
        if self.tokens >= 0.0 {
            return None;
        }
        Some(Duration::from_secs_f64(-self.tokens / self.per_second))
    }

    /// Takes one token if there is one.
    pub(crate) fn try_take(&mut self, now: Instant) -> bool {
        self.refill(now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.burst);
        self.filled = now;
    }
}

/// More than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excess {
    /// How long to read nothing.
    pub(crate) wait: Duration,
    /// Whether to hold it against the peer: at most once a second, or one burst would count as hundreds.
    pub(crate) is_offence: bool,
}

/// A bucket that also counts offences.
#[derive(Debug)]
pub(crate) struct Meter {
    bucket: Bucket,
    offended: Option<Instant>,
}

impl Meter {
    pub(crate) fn new((per_second, burst): (u32, u32), now: Instant) -> Self {
        Self { bucket: Bucket::new(per_second, burst, now), offended: None }
    }

    pub(crate) fn take(&mut self, count: u32, now: Instant) -> Option<Excess> {
        let wait = self.bucket.take(count, now)?;
        let recent = self
            .offended
            .is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1));
        if !recent {
            self.offended = Some(now);
        }
        Some(Excess { wait, is_offence: !recent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_free_and_the_rest_waits_for_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, 200, start);
        assert_eq!(bucket.take(200, start), None);
        assert_eq!(bucket.take(50, start), Some(Duration::from_millis(500)));
        assert_eq!(bucket.take(0, start + Duration::from_millis(500)), None);
    }

    #[test]
    fn excess_is_an_offence_once_a_second() {
        let start = Instant::now();
        let mut meter = Meter::new((100, 1), start);
        assert_eq!(meter.take(1, start), None);
        let mut offences = |at| meter.take(1, at).map(|excess| excess.is_offence);
        assert_eq!(offences(start), Some(true));
        assert_eq!(offences(start), Some(false));
        assert_eq!(offences(start + Duration::from_millis(10)), Some(false));
        let later = start + Duration::from_secs(1);
        assert_eq!(offences(later), None);
        assert_eq!(offences(later), Some(true));
    }

    #[test]
    fn idle_time_fills_up_to_the_burst_only() {
        let start = Instant::now();
        let mut bucket = Bucket::new(4, 2, start);
        assert!(bucket.try_take(start));
        assert!(bucket.try_take(start));
        assert!(!bucket.try_take(start));
        let later = start + Duration::from_secs(3600);
        assert!(bucket.try_take(later));
        assert!(bucket.try_take(later));
        assert!(!bucket.try_take(later));
    }
}
