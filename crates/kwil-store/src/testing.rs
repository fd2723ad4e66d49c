//! Fixtures for tests here and in other crates, and fuzz entry points.

use bytes::{BufMut, Bytes, BytesMut};
use kwil_crypto::Hash;

use crate::block_log::record::{HEADER_LEN, Header, split, split_results};
use crate::{BlockRecord, raw_block as raw};

/// A raw block with any bytes as header and a zero signature.
#[must_use]
pub fn raw_block(header: &[u8], txs: &[Bytes]) -> Bytes {
    let mut block = BytesMut::new();
    block.put_u8(1);
    put(&mut block, header);
    block.put_bytes(0, 64);
    block.put_u32(u32::try_from(txs.len()).unwrap_or(u32::MAX));
    for tx in txs {
        put(&mut block, tx);
    }
    block.freeze()
}

/// A block of `txs` transactions of `tx_len` pseudo-random bytes, different for each height.
#[must_use]
pub fn block_at(height: u64, txs: u32, tx_len: usize) -> BlockRecord {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&height.to_be_bytes());
    let hash = Hash(*hasher.finalize().as_bytes());
    let mut noise = hasher.finalize_xof();
    let mut next = |len: usize| {
        let mut bytes = vec![0; len];
        noise.fill(&mut bytes);
        Bytes::from(bytes)
    };
    let txs: Vec<Bytes> = (0..txs).map(|_| next(tx_len)).collect();
    let block = raw_block(&next(264), &txs);
    BlockRecord { height, hash, block, certificate: next(214) }
}

fn put(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

/// Block log records, their bodies and raw blocks from arbitrary bytes.
pub fn fuzz_block_record(data: &[u8]) {
    if let Ok(header) = Header::decode(data)
        && let Some(stored) = data.get(HEADER_LEN..)
    {
        let _ = header.verify(&[0; 32], stored).is_ok();
        let _ = header.body(Bytes::copy_from_slice(stored)).is_ok();
    }
    let body = Bytes::copy_from_slice(data);
    let _ = split(body.clone()).is_ok();
    let _ = split_results(body.clone()).is_ok();
    let _ = raw::transactions(&body).is_some();
}

/// Consensus log records from arbitrary bytes.
pub fn fuzz_consensus_record(data: &[u8]) {
    if let Some((_, payload, taken)) = crate::consensus_log::decode_record(data, &[0; 8]) {
        assert!(payload.len() < taken && taken <= data.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_entries_survive_pseudo_random_bytes() {
        for seed in 0..3_000u32 {
            let mut noise = blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof();
            let mut data = vec![0; (seed % 300) as usize];
            noise.fill(&mut data);
            if seed % 2 == 0 && data.len() > 6 {
                data[..6].copy_from_slice(b"KBR1\x01\x01");
            }
            fuzz_block_record(&data);
            fuzz_consensus_record(&data);
        }
    }
}
