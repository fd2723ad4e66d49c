//! Finds the transactions inside a raw block: `u8` 1 ‖ `bytes` header ‖ 64-byte signature ‖ `u32` count ‖ count ×
//! `bytes` transaction, integers big-endian. Nothing else of a block concerns the store.

use bytes::{Buf, Bytes};

const VERSION: u8 = 1;
const SIGNATURE_LEN: usize = 64;
/// Smallest transaction with its length in front.
const MIN_TX_LEN: usize = 10;

/// The transactions in block order, or `None` when the bytes are not a raw block.
pub(crate) fn transactions(block: &Bytes) -> Option<Vec<Bytes>> {
    let mut rest = block.clone();
    if rest.try_get_u8().ok()? != VERSION {
        return None;
    }
    take(&mut rest)?;
    if rest.remaining() < SIGNATURE_LEN {
        return None;
    }
    rest.advance(SIGNATURE_LEN);
    let count = rest.try_get_u32().ok()? as usize;
    if count > rest.remaining() / MIN_TX_LEN {
        return None;
    }
    let mut transactions = Vec::with_capacity(count);
    for _ in 0..count {
        transactions.push(take(&mut rest)?);
    }
    (!rest.has_remaining()).then_some(transactions)
}

fn take(rest: &mut Bytes) -> Option<Bytes> {
    let len = rest.try_get_u32().ok()? as usize;
    (len <= rest.remaining()).then(|| rest.split_to(len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::raw_block;

    proptest! {
        #[test]
        fn transactions_come_back_in_order(txs in prop::collection::vec(prop::collection::vec(any::<u8>(), 6..40), 0..9)) {
            let txs: Vec<Bytes> = txs.into_iter().map(Bytes::from).collect();
            prop_assert_eq!(transactions(&raw_block(b"header", &txs)).unwrap(), txs);
        }

        #[test]
        fn cut_or_longer_block_is_refused(cut: prop::sample::Index, extra: u8) {
            let block = raw_block(b"header", &[Bytes::from_static(b"transaction")]);
            prop_assert_eq!(transactions(&block.slice(..cut.index(block.len()))), None);
            prop_assert_eq!(transactions(&Bytes::from([&block[..], &[extra]].concat())), None);
        }
    }

    #[test]
    fn absurd_count_is_refused_before_memory_is_taken() {
        let mut block = raw_block(b"header", &[]).to_vec();
        let at = block.len() - 4;
        block[at..].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(transactions(&Bytes::from(block)), None);
    }
}
