//! Connections are counted: all of them, and those of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Limits;

/// Counts of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    max_per_ip: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// A place that is given back when the connection ends.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    client: Option<IpAddr>,
}

impl Connections {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            max: limits.max_connections,
            max_per_ip: limits.max_connections_per_ip,
            counts: Mutex::default(),
        })
    }

    /// A place for one more connection, if there is one. Socket files have no address and share the total only.
    pub(super) fn seat(self: &Arc<Self>, client: Option<IpAddr>) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.max {
            return None;
        }
        if let Some(client) = client {
            let count = counts.by_ip.entry(client).or_default();
            if *count >= self.max_per_ip {
                return None;
            }
            *count = count.saturating_add(1);
        }
        counts.all = counts.all.saturating_add(1);
        Some(Seat { connections: Arc::clone(self), client })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(client) = self.client
            && let Some(count) = counts.by_ip.get_mut(&client)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_ip.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let limits = Limits { max_connections: 3, max_connections_per_ip: 2, ..Limits::default() };
        let connections = Connections::new(&limits);
        let [greedy, other] =
            [Some(IpAddr::from([10, 0, 0, 1])), Some(IpAddr::from([10, 0, 0, 2]))];
        let first = connections.seat(greedy).unwrap();
        let _second = connections.seat(greedy).unwrap();
        assert!(connections.seat(greedy).is_none());
        let third = connections.seat(other).unwrap();
        assert!(connections.seat(other).is_none());
        drop((first, third));
        assert!(connections.seat(greedy).is_some());
        assert_eq!(connections.counts.lock().unwrap().by_ip.len(), 1);
    }
}
