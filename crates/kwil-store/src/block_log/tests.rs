#![allow(clippy::cast_possible_truncation, reason = "numbers of tests are small")]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use kwil_crypto::Hash;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::record::{self, Kind};
use super::segment::{HEAD_LEN, file_name};
use super::*;
use crate::StoreError;
use crate::testing::block_at;

const CHAIN: Hash = Hash([3; 32]);

struct Folder {
    root: TempDir,
    config: BlockLogConfig,
}

impl Folder {
    fn new(segment_bytes: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let config = BlockLogConfig { segment_bytes, ..BlockLogConfig::new(root.path(), CHAIN, 1) };
        Self { root, config }
    }

    fn open(&self) -> (BlockLog, Option<TornTail>) {
        BlockLog::open(&self.config).unwrap()
    }

    fn segment(&self, first: u64) -> PathBuf {
        self.config.dir.join(file_name(first))
    }

    /// Offsets and lengths of the blocks of the only segment, found by following the log.
    fn with_blocks(&self, heights: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        let (mut log, _) = self.open();
        let mut ends = Vec::new();
        for height in heights {
            log.append(&block_at(height, 2, 100), None).unwrap();
            log.sync().unwrap();
            ends.push(log.reader().tip().position.offset);
        }
        log.close().unwrap();
        ends
    }
}

fn flip(path: &Path, offset: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

fn heights(log: &BlockLog, from: u64) -> Vec<u64> {
    log.reader().range(from).unwrap().map(|block| block.unwrap().height).collect()
}

#[test]
fn blocks_and_results_survive_reopening_across_segments() {
    let folder = Folder::new(4_000);
    let (mut log, torn) = folder.open();
    assert_eq!(torn, None);
    for height in 1..=40 {
        let results = [Bytes::from(vec![7; height as usize]), Bytes::new()];
        log.append(&block_at(height, 3, 150), Some(&results)).unwrap();
    }
    log.close().unwrap();
    assert!(fs::read_dir(&folder.config.dir).unwrap().count() > 5);

    let (log, torn) = folder.open();
    assert_eq!(
        (torn, log.next_height(), log.tip_hash()),
        (None, 41, Some(block_at(40, 3, 150).hash))
    );
    let reader = log.reader();
    for height in 1..=40 {
        assert_eq!(reader.get(height).unwrap().unwrap(), block_at(height, 3, 150));
    }
    assert_eq!((reader.get(0).unwrap(), reader.get(41).unwrap()), (None, None));
    assert_eq!(heights(&log, 17), (17..=40).collect::<Vec<_>>());
    assert_eq!(heights(&log, 41), []);

    let mut results = Vec::new();
    let end = reader.follow(reader.start(), |entry| {
        if let LogEntry::Results { height, at } = entry {
            results.push((height, at));
        }
        Ok::<_, StoreError>(true)
    });
    assert_eq!(end.unwrap(), reader.tip().position);
    assert_eq!(results.len(), 40);
    for (height, at) in results {
        assert_eq!(reader.results_at(at).unwrap()[0].len() as u64, height);
    }
}

#[test]
fn block_is_invisible_until_it_is_on_disk() {
    let folder = Folder::new(1 << 20);
    let (mut log, _) = folder.open();
    let reader = log.reader();
    log.append(&block_at(1, 1, 10), None).unwrap();
    assert_eq!(reader.get(1).unwrap(), None);
    log.sync().unwrap();
    assert_eq!(reader.get(1).unwrap(), Some(block_at(1, 1, 10)));
}

#[test]
fn only_the_next_height_is_accepted_and_a_refusal_harms_nothing() {
    let folder = Folder::new(1 << 20);
    let (mut log, _) = folder.open();
    for wrong in [0, 2, u64::MAX] {
        let refused = log.append(&block_at(wrong, 0, 0), None);
        assert!(matches!(refused, Err(StoreError::WrongHeight { want: 1, got }) if got == wrong));
    }
    assert!(matches!(log.append_results(1, &[]), Err(StoreError::WrongHeight { want: 0, got: 1 })));
    log.append(&block_at(1, 0, 0), None).unwrap();
    log.append_results(1, &[]).unwrap();
    log.close().unwrap();
}

#[test]
fn cut_at_any_byte_of_the_last_two_records_loses_only_those() {
    let folder = Folder::new(1 << 20);
    let ends = folder.with_blocks(1..=4);
    let path = folder.segment(1);
    let whole = fs::read(&path).unwrap();
    for len in ends[1]..ends[3] {
        fs::write(&path, &whole[..len as usize]).unwrap();
        let (mut log, torn) = folder.open();
        let kept = if len < ends[2] { 2 } else { 3 };
        assert_eq!(log.next_height(), kept + 1, "cut at {len}");
        let clean = len == ends[1] || len == ends[2];
        assert_eq!(torn.is_none(), clean, "cut at {len}");
        assert_eq!(heights(&log, 1), (1..=kept).collect::<Vec<_>>());
        log.append(&block_at(kept + 1, 1, 1), None).unwrap();
        log.close().unwrap();
        assert_eq!(folder.open().0.next_height(), kept + 2);
    }
}

#[test]
fn flipped_byte_below_a_durable_length_is_reported_with_file_and_offset() {
    let folder = Folder::new(1 << 20);
    let ends = folder.with_blocks(1..=3);
    let path = folder.segment(1);
    for offset in ends[0]..ends[1] {
        flip(&path, offset);
        match BlockLog::open(&folder.config) {
            Err(StoreError::Corrupt { file, offset: at, .. }) => {
                assert_eq!((&file, at), (&path, ends[0]))
            }
            other => panic!("byte {offset}: {other:?}"),
        }
        flip(&path, offset);
    }
    assert_eq!(folder.open().0.next_height(), 4);
}

#[test]
fn flipped_byte_in_the_head_is_reported() {
    let folder = Folder::new(1 << 20);
    folder.with_blocks(1..=1);
    for offset in 0..HEAD_LEN {
        flip(&folder.segment(1), offset);
        assert!(matches!(
            BlockLog::open(&folder.config),
            Err(StoreError::Corrupt { offset: 0, .. })
        ));
        flip(&folder.segment(1), offset);
    }
}

#[test]
fn flipped_byte_in_an_old_segment_is_never_served_and_the_rest_is() {
    let folder = Folder::new(2_000);
    folder.with_blocks(1..=30);
    let path = folder.segment(1);
    let (log, _) = folder.open();
    let second = log.reader().get(2).unwrap().unwrap();
    let first_len =
        record::HEADER_LEN as u64 + 36 + (second.block.len() + second.certificate.len()) as u64;
    drop(log);
    for offset in [0, 9, 20, 40, 63, 200, first_len - 1] {
        flip(&path, HEAD_LEN + first_len + offset);
        let (log, _) = folder.open();
        let reader = log.reader();
        match reader.get(2) {
            Err(StoreError::Corrupt { file, offset: at, .. }) => {
                assert_eq!((&file, at), (&path, HEAD_LEN + first_len));
            }
            other => panic!("byte {offset}: {other:?}"),
        }
        assert_eq!(reader.get(1).unwrap(), Some(block_at(1, 2, 100)));
        assert_eq!(reader.get(3).unwrap(), Some(block_at(3, 2, 100)));
        let read: Vec<_> = reader.range(1).unwrap().collect();
        assert!(read.len() == 2 && read[0].is_ok() && read[1].is_err());
        flip(&path, HEAD_LEN + first_len + offset);
    }
}

#[test]
fn damaged_offset_table_costs_a_scan_and_no_block() {
    let folder = Folder::new(2_000);
    folder.with_blocks(1..=30);
    let path = folder.segment(1);
    let len = fs::metadata(&path).unwrap().len();
    for back in [1, 9, 17, 30] {
        flip(&path, len - back);
        let (log, _) = folder.open();
        assert_eq!(log.reader().get(2).unwrap(), Some(block_at(2, 2, 100)));
        assert_eq!(heights(&log, 1).len(), 30);
        let reader = log.reader();
        let mut seen = 0;
        let end = reader.follow(reader.start(), |_| {
            seen += 1;
            Ok::<_, StoreError>(true)
        });
        assert_eq!((end.unwrap(), seen), (reader.tip().position, 30));
        flip(&path, len - back);
    }
}

#[test]
fn lost_page_among_unsynced_blocks_is_a_torn_tail() {
    let folder = Folder::new(1 << 20);
    let durable = *folder.with_blocks(1..=2).last().unwrap();
    let (mut log, _) = folder.open();
    for height in 3..=6 {
        log.append(&block_at(height, 2, 100), None).unwrap();
    }
    drop(log);
    flip(&folder.segment(1), durable + 70);
    let (log, torn) = folder.open();
    assert_eq!((log.next_height(), torn.unwrap().offset), (3, durable));
}

#[test]
fn record_carried_inside_a_transaction_proves_nothing() {
    let folder = Folder::new(1 << 20);
    let durable = *folder.with_blocks(1..=1).last().unwrap();
    let mut forged = BytesMut::new();
    record::encode(&mut forged, &[0; 32], (Kind::Block, 2, u64::MAX), b"forged", None).unwrap();
    let (mut log, _) = folder.open();
    let mut block = block_at(2, 1, 10);
    block.block = [&block.block[..], &forged[..], &[0; 99]].concat().into();
    log.append(&block, None).unwrap();
    drop(log);
    let file = fs::OpenOptions::new().write(true).open(folder.segment(1)).unwrap();
    file.set_len(file.metadata().unwrap().len() - 50).unwrap();
    let (log, torn) = folder.open();
    assert_eq!((log.next_height(), torn.unwrap().offset), (2, durable));
}

#[test]
fn crash_between_seal_and_next_segment_goes_on_in_a_new_one() {
    let folder = Folder::new(2_000);
    folder.with_blocks(1..=30);
    let newest = segment::list(&folder.config.dir).unwrap().pop().unwrap();
    fs::remove_file(folder.segment(newest)).unwrap();
    let (mut log, torn) = folder.open();
    assert_eq!((torn, log.next_height()), (None, newest));
    assert_eq!(log.tip_hash(), Some(block_at(newest - 1, 2, 100).hash));
    log.append(&block_at(newest, 2, 100), None).unwrap();
    log.sync().unwrap();
    assert_eq!(heights(&log, 1), (1..=newest).collect::<Vec<_>>());
}

#[test]
fn missing_segment_is_reported() {
    let folder = Folder::new(2_000);
    folder.with_blocks(1..=30);
    let second = segment::list(&folder.config.dir).unwrap()[1];
    fs::remove_file(folder.segment(second)).unwrap();
    let (log, _) = folder.open();
    assert!(matches!(log.reader().get(second), Err(StoreError::Corrupt { .. })));
    assert_eq!(log.reader().get(30).unwrap(), Some(block_at(30, 2, 100)));
}

#[test]
fn log_of_another_chain_is_refused_with_both_hashes() {
    let folder = Folder::new(1 << 20);
    folder.with_blocks(1..=1);
    let ours = BlockLogConfig { chain: Hash([4; 32]), ..folder.config.clone() };
    match BlockLog::open(&ours) {
        Err(StoreError::WrongChain { want, got, .. }) => {
            assert_eq!((want, got), (Hash([4; 32]), CHAIN))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn state_synced_log_starts_above_its_base() {
    let folder = Folder::new(1 << 20);
    let (mut log, _) = folder.open();
    let base = BlockRecord { height: 500, ..block_at(500, 0, 0) };
    log.start_at(&base).unwrap();
    assert!(matches!(log.start_at(&base), Err(StoreError::NotEmpty { tip: 500 })));
    log.append(&block_at(501, 1, 10), None).unwrap();
    log.close().unwrap();
    // A crash in `start_at` leaves the empty first segment behind.
    segment::Segment::create(&folder.config.dir, &CHAIN, 1).unwrap();

    let (log, _) = folder.open();
    let reader = log.reader();
    assert_eq!((reader.base(), reader.first_height(), log.next_height()), (Some(base), 501, 502));
    assert_eq!(reader.get(500).unwrap(), None);
    assert_eq!(heights(&log, 501), [501]);
    assert_eq!(segment::list(&folder.config.dir).unwrap(), [501]);
}

#[test]
fn base_right_below_the_first_height_replaces_the_same_file() {
    let folder = Folder::new(1 << 20);
    let (mut log, _) = folder.open();
    let base = BlockRecord { height: 0, ..block_at(0, 0, 0) };
    log.start_at(&base).unwrap();
    drop(log);
    let (log, _) = folder.open();
    assert_eq!(
        (log.next_height(), log.tip_hash(), log.reader().base()),
        (1, Some(base.hash), Some(base))
    );
}

#[test]
fn base_is_refused_once_there_are_blocks() {
    let folder = Folder::new(1 << 20);
    folder.with_blocks(1..=3);
    let (mut log, _) = folder.open();
    assert!(matches!(log.start_at(&block_at(9, 0, 0)), Err(StoreError::NotEmpty { tip: 3 })));
    log.append(&block_at(4, 0, 0), None).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The crash image: what was synced is intact, behind it any mixture of kept, zeroed and cut bytes.
    #[test]
    fn nothing_synced_is_lost_and_nothing_wrong_is_read(
        synced in 0..6u64,
        unsynced in 0..6u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1..300usize), 0..4),
        cut: prop::sample::Index,
        bytes in 1..400usize,
    ) {
        let folder = Folder::new(1 << 20);
        let (mut log, _) = folder.open();
        for height in 1..=synced {
            log.append(&block_at(height, 1, bytes), Some(&[Bytes::from_static(b"ok")])).unwrap();
            log.sync().unwrap();
        }
        let durable = log.reader().tip().position.offset as usize;
        for height in synced + 1..=synced + unsynced {
            log.append(&block_at(height, 1, bytes), None).unwrap();
        }
        drop(log);
        let path = folder.segment(1);
        let mut image = fs::read(&path).unwrap();
        let tail = image.len() - durable;
        image.truncate(durable + cut.index(tail + 1));
        let tail = image.len() - durable;
        for (at, len) in damage {
            if tail > 0 {
                let at = durable + at.index(tail);
                let end = (at + len).min(image.len());
                image[at..end].fill(0);
            }
        }
        fs::write(&path, &image).unwrap();

        let (log, _) = folder.open();
        prop_assert!(log.next_height() > synced);
        for (height, block) in (1..).zip(log.reader().range(1).unwrap()) {
            prop_assert_eq!(block.unwrap(), block_at(height, 1, bytes));
        }
    }
}

#[tokio::test]
async fn concurrent_appends_are_durable_when_they_return_and_stop_drains() {
    let folder = Folder::new(20_000);
    let (log, _) = folder.open();
    let stop = CancellationToken::new();
    let (handle, owner) = log.start(stop.clone());
    let owner = tokio::spawn(owner);
    let mut results = JoinSet::new();
    for height in 1..=100 {
        handle.append_unsynced(block_at(height, 1, 200), None).await.unwrap();
        let handle = handle.clone();
        results.spawn(async move {
            handle.append_results(height, vec![Bytes::from_static(b"ok")]).await.unwrap();
            handle.sync().await.unwrap();
            assert!(handle.get(height).await.unwrap().is_some());
        });
    }
    results.join_all().await;
    assert!(matches!(
        handle.append(block_at(7, 0, 0), None).await,
        Err(StoreError::WrongHeight { .. })
    ));
    let limit = RangeLimit { count: 16, bytes: 2_500 };
    let range = handle.range(50, limit).await.unwrap();
    assert_eq!(range.iter().map(|block| block.height).collect::<Vec<_>>(), [50, 51, 52]);
    assert_eq!(handle.range(50, RangeLimit { bytes: 1, ..limit }).await.unwrap().len(), 1);
    assert_eq!(handle.range(101, limit).await.unwrap().len(), 0);

    stop.cancel();
    owner.await.unwrap().unwrap();
    assert!(matches!(handle.sync().await, Err(StoreError::Stopped)));
    assert_eq!(folder.open().0.next_height(), 101);
    drop(folder.root);
}
