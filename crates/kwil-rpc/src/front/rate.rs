//! Token buckets per client address, bounded in number.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Addresses that are remembered.
const BUCKETS_MAX: usize = 100_000;

/// Requests per second and address.
#[derive(Debug)]
pub(super) struct Rates {
    rate: f64,
    burst: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rates {
    /// A rate of 0 lets everything through.
    pub(super) fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst: burst.max(1.0), buckets: Mutex::default() }
    }

    /// Takes tokens for a request, or says how long until there are enough. Socket files have no address and no
    /// limit.
    pub(super) fn take(&self, client: Option<IpAddr>, tokens: f64) -> Result<(), Duration> {
        let (Some(address), true) = (client, self.rate > 0.0 && tokens > 0.0) else {
            return Ok(());
        };
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| self.level(bucket, now) < self.burst);
        }
        if buckets.len() >= BUCKETS_MAX {
            // Everyone is busy: forgetting all is fairer than refusing all.
            buckets.clear();
        }
        let bucket =
            buckets.entry(network(address)).or_insert(Bucket { tokens: self.burst, at: now });
        let level = self.level(bucket, now);
        if level < tokens {
            return Err(
                Duration::try_from_secs_f64((tokens - level) / self.rate).unwrap_or(Duration::MAX)
            );
        }
        *bucket = Bucket { tokens: level - tokens, at: now };
        Ok(())
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let earned = now.saturating_duration_since(bucket.at).as_secs_f64() * self.rate;
        (bucket.tokens + earned).min(self.burst)
    }
}

/// One subscriber has a whole /64 of IPv6.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_refills_with_time() {
        let rates = Rates::new(10.0, 2.0);
        let client = Some(IpAddr::from([10, 0, 0, 1]));
        assert!(rates.take(client, 1.0).is_ok());
        assert!(rates.take(client, 1.0).is_ok());
        let wait = rates.take(client, 1.0).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert!(rates.take(Some(IpAddr::from([10, 0, 0, 2])), 1.0).is_ok());
        tokio::time::advance(wait).await;
        assert!(rates.take(client, 1.0).is_ok());
    }

    #[tokio::test]
    async fn neighbours_in_a_v6_network_share() {
        let rates = Rates::new(0.001, 1.0);
        assert!(rates.take(Some("2001:db8::1".parse().unwrap()), 1.0).is_ok());
        assert!(rates.take(Some("2001:db8::2".parse().unwrap()), 1.0).is_err());
        assert!(rates.take(Some("2001:db8:0:1::2".parse().unwrap()), 1.0).is_ok());
        assert!(rates.take(None, 1.0).is_ok());
    }
}
