//! A set that remembers its newest members only.

use std::collections::{BTreeSet, VecDeque};

/// Bounded set; a new member pushes the oldest one out.
#[derive(Debug, Clone)]
pub(crate) struct Ring<T> {
    members: BTreeSet<T>,
    order: VecDeque<T>,
    capacity: usize,
}

impl<T: Ord + Copy> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { members: BTreeSet::new(), order: VecDeque::new(), capacity }
    }

    /// False when it was there already.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        if !self.members.insert(value) {
            return false;
        }
        self.order.push_back(value);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        true
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.members.contains(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_member_leaves_when_it_is_full() {
        let mut ring = Ring::new(2);
        assert!(ring.insert(1));
        assert!(!ring.insert(1));
        assert!(ring.insert(2));
        assert!(ring.insert(3));
        assert!(!ring.contains(&1));
        assert!(ring.contains(&2) && ring.contains(&3));
    }
}
