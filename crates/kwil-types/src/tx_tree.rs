//! The tree of transaction ids in a block, and proofs that an id is in it.
//!
//! Leaves are transaction ids in block order. Each level pairs from the left and an odd last node moves up unchanged,
//! so the tree splits at the largest power of two below its size. Leaves and inner nodes are hashed under different
//! contexts, so neither can pose as the other.

use kwil_crypto::{Hash, Hasher, context, hash};

use crate::wire::{Reader, WireError, Writer};

/// Proofs are at most this deep: a block has fewer than 2^32 transactions.
const MAX_DEPTH: usize = 32;

/// Root of the tree over transaction ids; zero for no ids.
#[must_use]
pub fn tx_root(ids: &[Hash]) -> Hash {
    let mut level = leaves(ids);
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().unwrap_or(Hash::ZERO)
}

fn leaves(ids: &[Hash]) -> Vec<Hash> {
    let mut hasher = Hasher::new(context::TX_LEAF);
    ids.iter().map(|id| hasher.reset().update(&id.0).finalize()).collect()
}

fn parents(level: &[Hash]) -> Vec<Hash> {
    let (pairs, odd) = level.as_chunks::<2>();
    let mut hasher = Hasher::new(context::TX_NODE);
    let nodes = pairs
        .iter()
        .map(|[left, right]| hasher.reset().update(&left.0).update(&right.0).finalize());
    nodes.chain(odd.iter().copied()).collect()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hasher::new(context::TX_NODE).update(&left.0).update(&right.0).finalize()
}

/// Proves to somebody who knows a transaction root that an id is in the block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InclusionProof {
    index: u32,
    count: u32,
    siblings: Vec<Hash>,
}

impl InclusionProof {
    /// Proof for the id at `index`; `None` when there is none.
    #[must_use]
    pub fn new(ids: &[Hash], index: usize) -> Option<Self> {
        let proof_index = u32::try_from(index).ok()?;
        let count = u32::try_from(ids.len()).ok()?;
        ids.get(index)?;
        let mut siblings = Vec::new();
        let mut level = leaves(ids);
        let mut position = index;
        while level.len() > 1 {
            siblings.extend(level.get(position ^ 1));
            level = parents(&level);
            position >>= 1;
        }
        Some(Self { index: proof_index, count, siblings })
    }

    /// Position of the id in the block.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Number of transactions of the block.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether `id` is at this place of a block with this root and this many transactions.
    #[must_use]
    pub fn proves(&self, id: &Hash, root: &Hash, tx_count: u32) -> bool {
        self.count == tx_count && self.climb(id).as_ref() == Some(root)
    }

    /// The root that follows from the id; `None` when the proof has not exactly the siblings that its place needs.
    fn climb(&self, id: &Hash) -> Option<Hash> {
        if self.index >= self.count {
            return None;
        }
        let mut siblings = self.siblings.iter();
        let mut current = hash(context::TX_LEAF, &id.0);
        let (mut position, mut width) = (self.index, self.count);
        while width > 1 {
            let last = width.checked_sub(1)?;
            let moves_up_unchanged = position == last && position & 1 == 0;
            if !moves_up_unchanged {
                let sibling = siblings.next()?;
                current = if position & 1 == 0 {
                    node(&current, sibling)
                } else {
                    node(sibling, &current)
                };
            }
            position >>= 1;
            width = width.div_ceil(2);
        }
        siblings.next().is_none().then_some(current)
    }

    /// `u32` index, `u32` number of transactions, `u32` number of siblings, siblings from the leaf upwards.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u32_be(self.index).u32_be(self.count).count_u32_be(self.siblings.len());
        for sibling in &self.siblings {
            writer.hash(sibling);
        }
        writer.into_bytes()
    }

    /// Reads an encoded proof, exactly.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let (index, count) = (reader.u32_be()?, reader.u32_be()?);
        let depth = reader.u32_be()?;
        let depth = reader.count(u64::from(depth), Hash::LEN)?;
        if depth > MAX_DEPTH {
            return Err(WireError::Invalid { what: "inclusion proof is deeper than any tree" });
        }
        let siblings = (0..depth).map(|_| reader.hash()).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { index, count, siblings })
    }
}
