//! A set of fingerprints.

use std::hash::{DefaultHasher, Hash, Hasher};

/// 128 bits that stand for a value. Equal values give equal fingerprints in every run.
pub(crate) fn fingerprint<T: Hash>(value: &T) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(salt);
        value.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(1) << 64) | half(2) | 1
}

/// Open addressing; zero is the empty slot.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<u128>,
    len: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; 1 << 16], len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether the fingerprint is new.
    pub(crate) fn insert(&mut self, fingerprint: u128) -> bool {
        if self.len * 10 > self.slots.len() * 7 {
            self.grow();
        }
        let new = Self::place(&mut self.slots, fingerprint);
        self.len += usize::from(new);
        new
    }

    fn place(slots: &mut [u128], fingerprint: u128) -> bool {
        let mask = slots.len() - 1;
        let mut at = (fingerprint >> 17) as usize & mask;
        loop {
            match slots[at] {
                0 => {
                    slots[at] = fingerprint;
                    return true;
                }
                known if known == fingerprint => return false,
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let mut slots = vec![0; self.slots.len() * 2];
        for fingerprint in self.slots.iter().filter(|slot| **slot != 0) {
            Self::place(&mut slots, *fingerprint);
        }
        self.slots = slots;
    }
}
