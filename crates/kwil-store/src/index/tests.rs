#![allow(clippy::cast_possible_truncation, reason = "numbers of tests are small")]

use std::fs;

use bytes::Bytes;
use kwil_crypto::{Hash, sha256};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::testing::{block_at, raw_block};
use crate::{BlockLog, BlockLogConfig, BlockRecord, StoreError, raw_block as raw};

const CHAIN: Hash = Hash([3; 32]);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn log(&self) -> BlockLog {
        let config =
            BlockLogConfig { segment_bytes: 5_000, ..BlockLogConfig::new(self.0.path(), CHAIN, 1) };
        BlockLog::open(&config).unwrap().0
    }

    fn index(&self, log: &BlockLog) -> BlockIndex {
        BlockIndex::open(self.0.path(), log.reader()).unwrap()
    }
}

fn results_of(height: u64) -> Vec<Bytes> {
    (0..3u8).map(|index| Bytes::from(vec![index; height as usize % 7])).collect()
}

fn fill(log: &mut BlockLog, heights: std::ops::RangeInclusive<u64>) {
    for height in heights {
        log.append(&block_at(height, 3, 100), Some(&results_of(height))).unwrap();
    }
    log.sync().unwrap();
}

fn tx_id(height: u64, index: usize) -> Hash {
    sha256(&raw::transactions(&block_at(height, 3, 100).block).unwrap()[index])
}

/// Serves an index that has caught up; the returned token ends its owner.
async fn serve(
    index: BlockIndex,
) -> (BlockIndexHandle, CancellationToken, JoinHandle<Result<(), StoreError>>) {
    let stop = CancellationToken::new();
    let (handle, owner) = index.start(stop.clone());
    let owner = tokio::spawn(owner);
    handle.caught_up().await.unwrap();
    (handle, stop, owner)
}

async fn check_all(handle: &BlockIndexHandle, heights: std::ops::RangeInclusive<u64>) {
    for height in heights {
        let block = block_at(height, 3, 100);
        assert_eq!(handle.height_of(block.hash).await.unwrap(), Some(height));
        assert_eq!(handle.hash_of(height).await.unwrap(), Some(block.hash));
        assert_eq!(handle.results(height).await.unwrap(), Some(results_of(height)));
        let found = handle.transaction(tx_id(height, 2)).await.unwrap().unwrap();
        assert_eq!(found.location, TxLocation { height, index: 2 });
        assert_eq!(found.raw, raw::transactions(&block.block).unwrap()[2]);
        assert_eq!(found.result, Some(results_of(height)[2].clone()));
    }
}

#[tokio::test]
async fn everything_in_the_log_is_found_live_and_after_reopening() {
    let folder = Folder::new();
    let mut log = folder.log();
    fill(&mut log, 1..=20);
    let (handle, stop, owner) = serve(folder.index(&log)).await;
    fill(&mut log, 21..=40);
    handle.caught_up().await.unwrap();
    check_all(&handle, 1..=40).await;
    let unknown = Hash([9; 32]);
    assert_eq!(handle.height_of(unknown).await.unwrap(), None);
    assert_eq!(handle.hash_of(41).await.unwrap(), None);
    assert_eq!(handle.transaction(unknown).await.unwrap(), None);
    assert_eq!(handle.results(41).await.unwrap(), None);
    let ids = vec![tx_id(1, 0), unknown, tx_id(40, 1)];
    assert_eq!(handle.contains(ids).await.unwrap(), [true, false, true]);
    stop.cancel();
    owner.await.unwrap().unwrap();
    drop(handle);

    let index = folder.index(&log);
    assert_eq!(
        index.position(),
        log.reader().tip().position,
        "a saved index has nothing to read again"
    );
    let (handle, stop, owner) = serve(index).await;
    check_all(&handle, 1..=40).await;
    stop.cancel();
    owner.await.unwrap().unwrap();
}

#[tokio::test]
async fn index_that_was_never_saved_is_read_from_the_log_again() {
    let folder = Folder::new();
    let mut log = folder.log();
    fill(&mut log, 1..=30);
    let mut index = folder.index(&log);
    index.catch_up(|_| {}).unwrap();
    // A crash: the file as it is while the library has it open.
    let path = folder.0.path().join("blocks").join("index.redb");
    let image = fs::read(&path).unwrap();
    drop(index);
    fs::write(&path, image).unwrap();
    let index = folder.index(&log);
    assert_eq!(index.position(), log.reader().start());
    let (handle, stop, owner) = serve(index).await;
    check_all(&handle, 1..=30).await;
    stop.cancel();
    owner.await.unwrap().unwrap();
}

#[tokio::test]
async fn damaged_deleted_or_foreign_index_is_built_again() {
    let folder = Folder::new();
    let mut log = folder.log();
    fill(&mut log, 1..=30);
    let path = folder.0.path().join("blocks").join("index.redb");
    let (handle, stop, owner) = serve(folder.index(&log)).await;
    stop.cancel();
    owner.await.unwrap().unwrap();
    drop(handle);
    let good = fs::read(&path).unwrap();
    let damages: [fn(&mut Vec<u8>); 4] = [
        |image| image[..64].fill(0xff),
        |image| image.truncate(image.len() / 2),
        |image| image[10..400].fill(0),
        |image| *image = b"not a database, but long enough to be read as one".repeat(200),
    ];
    for damage in damages {
        let mut image = good.clone();
        damage(&mut image);
        fs::write(&path, image).unwrap();
        let (handle, stop, owner) = serve(folder.index(&log)).await;
        check_all(&handle, 29..=30).await;
        stop.cancel();
        owner.await.unwrap().unwrap();
    }
    fs::remove_file(&path).unwrap();
    let (handle, stop, owner) = serve(folder.index(&log)).await;
    check_all(&handle, 1..=3).await;
    stop.cancel();
    owner.await.unwrap().unwrap();
}

#[tokio::test]
async fn index_ahead_of_the_log_is_built_again() {
    let folder = Folder::new();
    let mut log = folder.log();
    fill(&mut log, 1..=3);
    let (_, stop, owner) = serve(folder.index(&log)).await;
    stop.cancel();
    owner.await.unwrap().unwrap();
    drop(log);
    let segment = folder.0.path().join("blocks").join(format!("{:020}.blocks", 1));
    fs::remove_file(segment).unwrap();
    let mut log = folder.log();
    fill(&mut log, 1..=1);
    let (handle, stop, owner) = serve(folder.index(&log)).await;
    assert_eq!(handle.hash_of(2).await.unwrap(), None);
    stop.cancel();
    owner.await.unwrap().unwrap();
}

#[tokio::test]
async fn stored_block_without_results_answers_that_it_has_none_until_they_come() {
    let folder = Folder::new();
    let mut log = folder.log();
    log.append(&block_at(1, 3, 100), None).unwrap();
    log.sync().unwrap();
    let (handle, stop, owner) = serve(folder.index(&log)).await;
    assert_eq!(handle.transaction(tx_id(1, 0)).await.unwrap().unwrap().result, None);
    log.append_results(1, &results_of(1)).unwrap();
    log.sync().unwrap();
    handle.caught_up().await.unwrap();
    assert_eq!(
        handle.transaction(tx_id(1, 0)).await.unwrap().unwrap().result,
        Some(results_of(1)[0].clone())
    );
    stop.cancel();
    owner.await.unwrap().unwrap();
}

#[tokio::test]
async fn first_inclusion_of_a_transaction_counts() {
    let folder = Folder::new();
    let mut log = folder.log();
    let tx = Bytes::from_static(b"the same transaction");
    for height in 1..=2 {
        let block = raw_block(b"header", std::slice::from_ref(&tx));
        let hash = Hash([height as u8; 32]);
        log.append(&BlockRecord { height, hash, block, certificate: Bytes::new() }, None).unwrap();
    }
    log.sync().unwrap();
    let (handle, stop, owner) = serve(folder.index(&log)).await;
    assert_eq!(handle.locate(sha256(&tx)).await.unwrap(), Some(TxLocation { height: 1, index: 0 }));
    stop.cancel();
    owner.await.unwrap().unwrap();
}

#[test]
fn second_opening_of_an_index_in_use_is_refused_and_does_not_replace_it() {
    let folder = Folder::new();
    let log = folder.log();
    let _index = folder.index(&log);
    assert!(matches!(
        BlockIndex::open(folder.0.path(), log.reader()),
        Err(StoreError::Index { .. })
    ));
}
