//! Changes of a block in memory: a map above a committed one, with a journal to undo them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// A map that remembers what it changed and can go back to any earlier point of the block.
#[derive(Clone, Debug)]
pub(crate) struct Overlay<K, V> {
    base: Arc<BTreeMap<K, V>>,
    // A changed key: its value, or `None` when it was removed.
    changed: BTreeMap<K, Option<V>>,
    // What to put back to undo each change, oldest first; the outer `None` stands for "was not changed".
    journal: Vec<(K, Option<Option<V>>)>,
}

/// A point to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint(usize);

/// One key whose value differs from the committed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change<K, V> {
    pub(crate) key: K,
    pub(crate) old: Option<V>,
    pub(crate) new: Option<V>,
}

impl<K: Ord + Clone, V: Clone + PartialEq> Overlay<K, V> {
    /// Nothing changed yet above `base`.
    pub(crate) fn new(base: Arc<BTreeMap<K, V>>) -> Self {
        Self { base, changed: BTreeMap::new(), journal: Vec::new() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self.changed.get(key) {
            Some(value) => value.as_ref(),
            None => self.base.get(key),
        }
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Sets a value; `None` removes the key.
    pub(crate) fn put(&mut self, key: K, value: Option<V>) {
        let before = match self.changed.entry(key.clone()) {
            Entry::Occupied(mut entry) => Some(entry.insert(value)),
            Entry::Vacant(entry) => {
                entry.insert(value);
                None
            }
        };
        self.journal.push((key, before));
    }

    /// The point to which [`Overlay::rollback_to`] returns.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.journal.len())
    }

    /// Undoes every change made after `point`.
    pub(crate) fn rollback_to(&mut self, point: Checkpoint) {
        while self.journal.len() > point.0 {
            let Some((key, before)) = self.journal.pop() else { return };
            match before {
                Some(value) => self.changed.insert(key, value),
                None => self.changed.remove(&key),
            };
        }
    }

    /// Present keys and values in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let untouched = self.base.iter().filter(|(key, _)| !self.changed.contains_key(key));
        let present =
            self.changed.iter().filter_map(|(key, value)| value.as_ref().map(|value| (key, value)));
        Merge { left: untouched.peekable(), right: present.peekable() }
    }

    /// Keys whose value differs from the committed one, in key order.
    pub(crate) fn changes(&self) -> Vec<Change<K, V>> {
        let changes = self.changed.iter().filter_map(|(key, new)| {
            let old = self.base.get(key);
            (old != new.as_ref()).then(|| Change {
                key: key.clone(),
                old: old.cloned(),
                new: new.clone(),
            })
        });
        changes.collect()
    }

    /// The committed map of the next block.
    pub(crate) fn into_base(self) -> Arc<BTreeMap<K, V>> {
        let Self { mut base, changed, .. } = self;
        if changed.is_empty() {
            return base;
        }
        let map = Arc::make_mut(&mut base);
        for (key, value) in changed {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        base
    }
}

/// Two iterators in key order as one.
struct Merge<L: Iterator, R: Iterator> {
    left: std::iter::Peekable<L>,
    right: std::iter::Peekable<R>,
}

impl<'m, K: Ord + 'm, V: 'm, L, R> Iterator for Merge<L, R>
where
    L: Iterator<Item = (&'m K, &'m V)>,
    R: Iterator<Item = (&'m K, &'m V)>,
{
    type Item = (&'m K, &'m V);

    fn next(&mut self) -> Option<Self::Item> {
        match (self.left.peek(), self.right.peek()) {
            (Some((left, _)), Some((right, _))) if left < right => self.left.next(),
            (Some(_), None) => self.left.next(),
            (Some(_), Some(_)) | (None, _) => self.right.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, Option<u8>),
        Checkpoint,
        Rollback(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0_u8..8, any::<Option<u8>>()).prop_map(|(key, value)| Step::Put(key, value)),
            1 => Just(Step::Checkpoint),
            1 => any::<usize>().prop_map(Step::Rollback),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_overlay_behaves_like_a_map_that_is_copied_at_each_checkpoint(
            base in proptest::collection::btree_map(0_u8..8, any::<u8>(), 0..6),
            steps in vec(step(), 0..60),
        ) {
            let committed = Arc::new(base.clone());
            let mut overlay = Overlay::new(Arc::clone(&committed));
            let mut model = base.clone();
            let mut points = vec![(overlay.checkpoint(), model.clone())];
            for step in steps {
                match step {
                    Step::Put(key, value) => {
                        overlay.put(key, value);
                        match value {
                            Some(value) => model.insert(key, value),
                            None => model.remove(&key),
                        };
                    }
                    Step::Checkpoint => points.push((overlay.checkpoint(), model.clone())),
                    Step::Rollback(choice) => {
                        points.truncate(choice % points.len() + 1);
                        let (point, copy) = points.last().unwrap().clone();
                        overlay.rollback_to(point);
                        model = copy;
                    }
                }
                let seen: BTreeMap<u8, u8> = overlay.iter().map(|(key, value)| (*key, *value)).collect();
                prop_assert_eq!(&seen, &model);
                prop_assert!(overlay.iter().map(|(key, _)| key).is_sorted());
            }
            for Change { key, old, new } in overlay.changes() {
                prop_assert_eq!((old, new), (base.get(&key).copied(), model.get(&key).copied()));
                prop_assert_ne!(old, new);
            }
            prop_assert_eq!(&*overlay.into_base(), &model);
            prop_assert_eq!(&*committed, &base);
        }
    }
}
