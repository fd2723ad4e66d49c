//! The homomorphic hash of a table: the sum of its rows, whatever their order.
//!
//! A row's contribution is 2048 bytes of BLAKE3 output over its canonical bytes, read as 1024 little-endian 16-bit lanes.
//! Inserting adds lanes, deleting subtracts them, both wrapping. An empty table is all zeros.

use std::fmt;

use kwil_crypto::{Hash, Hasher, context, hash};

/// Lanes of a lattice.
const LANES: usize = 1024;
/// Bytes of a lattice.
pub const LATTICE_BYTES: usize = LANES * 2;

/// The sum of rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Lattice(Box<[u16; LANES]>);

impl Lattice {
    /// The sum of no rows.
    #[must_use]
    pub fn zero() -> Self {
        Self(Box::new([0; LANES]))
    }

    /// Reads the stored form. `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (lanes, []) = bytes.as_chunks::<2>() else { return None };
        let lanes: Vec<u16> = lanes.iter().map(|lane| u16::from_le_bytes(*lane)).collect();
        Some(Self(lanes.into_boxed_slice().try_into().ok()?))
    }

    /// The stored form: lanes in order, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect()
    }

    /// Whether this is the sum of no rows.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|lane| *lane == 0)
    }

    /// The hash that the state root covers.
    #[must_use]
    pub fn digest(&self) -> Hash {
        hash(context::LATTICE, &self.to_bytes())
    }

    /// Adds the rows of another sum.
    pub fn add(&mut self, other: &Self) {
        for (lane, more) in self.0.iter_mut().zip(other.0.iter()) {
            *lane = lane.wrapping_add(*more);
        }
    }

    /// The sum that gives zero together with this one.
    #[must_use]
    pub(crate) fn negated(&self) -> Self {
        let mut lanes = self.0.clone();
        for lane in lanes.iter_mut() {
            *lane = lane.wrapping_neg();
        }
        Self(lanes)
    }

    fn add_row(&mut self, row: &[u8; LATTICE_BYTES]) {
        for (lane, bytes) in self.0.iter_mut().zip(row.as_chunks::<2>().0) {
            *lane = lane.wrapping_add(u16::from_le_bytes(*bytes));
        }
    }

    fn subtract_row(&mut self, row: &[u8; LATTICE_BYTES]) {
        for (lane, bytes) in self.0.iter_mut().zip(row.as_chunks::<2>().0) {
            *lane = lane.wrapping_sub(u16::from_le_bytes(*bytes));
        }
    }
}

impl fmt::Debug for Lattice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lattice({})", self.digest().short())
    }
}

/// A change of a table: rows added minus rows removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Sum of the contributions.
    pub lattice: Lattice,
    /// Change of the number of rows.
    pub rows: i64,
}

impl Delta {
    /// No change.
    #[must_use]
    pub fn none() -> Self {
        Self { lattice: Lattice::zero(), rows: 0 }
    }

    /// Joins two changes.
    pub fn add(&mut self, other: &Self) {
        self.lattice.add(&other.lattice);
        self.rows = self.rows.saturating_add(other.rows);
    }
}

/// Turns canonical rows into contributions. Keeps its buffers; make one for each thread.
#[derive(Clone, Debug)]
pub struct RowHasher {
    hasher: Hasher,
    row: Box<[u8; LATTICE_BYTES]>,
}

impl RowHasher {
    /// A hasher for rows.
    #[must_use]
    pub fn new() -> Self {
        Self { hasher: Hasher::new(context::ROW), row: Box::new([0; LATTICE_BYTES]) }
    }

    /// Counts a row in.
    pub fn insert(&mut self, canonical: &[u8], into: &mut Delta) {
        self.hash(canonical);
        into.lattice.add_row(&self.row);
        into.rows = into.rows.saturating_add(1);
    }

    /// Counts a row out.
    pub fn delete(&mut self, canonical: &[u8], from: &mut Delta) {
        self.hash(canonical);
        from.lattice.subtract_row(&self.row);
        from.rows = from.rows.saturating_sub(1);
    }

    fn hash(&mut self, canonical: &[u8]) {
        self.hasher.reset().update(canonical).finalize_xof(self.row.as_mut_slice());
    }
}

impl Default for RowHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum<'a>(rows: impl IntoIterator<Item = &'a Vec<u8>>) -> Delta {
        let (mut hasher, mut sum) = (RowHasher::new(), Delta::none());
        for row in rows {
            hasher.insert(row, &mut sum);
        }
        sum
    }

    #[test]
    fn the_lattice_of_one_row_is_pinned() {
        let one = sum([&b"row".to_vec()]);
        assert_eq!(one.lattice.to_bytes().len(), LATTICE_BYTES);
        let mut expected = vec![0; LATTICE_BYTES];
        blake3::Hasher::new_derive_key("kwil row 1")
            .update(b"row")
            .finalize_xof()
            .fill(&mut expected);
        assert_eq!(one.lattice.to_bytes(), expected);
        assert_eq!(Lattice::from_bytes(&expected), Some(one.lattice));
        assert_eq!(Lattice::from_bytes(&expected[1..]), None);
    }

    proptest! {
        #[test]
        fn order_makes_no_difference(rows: Vec<Vec<u8>>, seed: u64) {
            let mut shuffled = rows.clone();
            let mut state = seed | 1;
            for index in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let other = usize::try_from(state >> 33).unwrap() % (index + 1);
                shuffled.swap(index, other);
            }
            prop_assert_eq!(sum(&rows), sum(&shuffled));
        }

        #[test]
        fn deleting_every_row_returns_to_zero(rows: Vec<Vec<u8>>) {
            let (mut hasher, mut total) = (RowHasher::new(), sum(&rows));
            for row in rows.iter().rev() {
                hasher.delete(row, &mut total);
            }
            prop_assert!(total.lattice.is_zero());
            prop_assert_eq!(total.rows, 0);
        }

        #[test]
        fn parts_add_up(rows: Vec<Vec<u8>>, at: prop::sample::Index) {
            let (left, right) = rows.split_at(if rows.is_empty() { 0 } else { at.index(rows.len()) });
            let mut parts = sum(left);
            parts.add(&sum(right));
            prop_assert_eq!(parts, sum(&rows));
        }

        #[test]
        fn another_row_gives_another_lattice(one: Vec<u8>, other: Vec<u8>) {
            prop_assume!(one != other);
            prop_assert_ne!(sum([&one]).lattice, sum([&other]).lattice);
        }
    }
}
