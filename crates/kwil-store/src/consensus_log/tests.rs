use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::record::{self, HEADER_LEN, SALT_RECORD_LEN};
use super::*;
use crate::StoreError;

fn record(kind: RecordKind, payload: &[u8]) -> ConsensusRecord {
    ConsensusRecord { kind, payload: Bytes::copy_from_slice(payload) }
}

fn vote(n: u8) -> ConsensusRecord {
    record(RecordKind::VOTE, &[n; 40])
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("consensus").join("log")
    }

    fn open(&self) -> (ConsensusLog, Recovered) {
        ConsensusLog::open(self.0.path()).unwrap()
    }

    fn with(&self, records: &[ConsensusRecord]) {
        let (mut log, _) = self.open();
        log.append(records).unwrap();
        log.sync().unwrap();
    }
}

#[test]
fn missing_log_is_told_from_an_empty_one() {
    let folder = Folder::new();
    assert!(folder.open().1.fresh);
    let (_, again) = folder.open();
    assert!(!again.fresh && again.records.is_empty());
}

#[test]
fn records_of_earlier_heights_are_dead_and_lasting_kinds_are_not() {
    let folder = Folder::new();
    let other = RecordKind::new(9).unwrap();
    folder.with(&[
        record(RecordKind::INCARNATION, b"first"),
        record(RecordKind::HEIGHT_START, b"7"),
        record(other, b"kept"),
        vote(7),
        record(RecordKind::INCARNATION, b"second"),
        record(RecordKind::HEIGHT_START, b"8"),
        record(RecordKind::PROMISE, b"p"),
        vote(8),
    ]);
    let living = [
        record(other, b"kept"),
        record(RecordKind::INCARNATION, b"second"),
        record(RecordKind::HEIGHT_START, b"8"),
        record(RecordKind::PROMISE, b"p"),
        vote(8),
    ];
    let (log, recovered) = folder.open();
    assert_eq!(recovered.records, living);
    let before = log.bytes();
    log.close().unwrap();
    let (log, recovered) = folder.open();
    assert_eq!(recovered.records, living);
    assert!(log.bytes() < before);
}

#[test]
fn cut_at_any_byte_of_the_last_records_keeps_the_ones_before() {
    let folder = Folder::new();
    folder.with(&[vote(1), vote(2), vote(3)]);
    let whole = fs::read(folder.path()).unwrap();
    let one = HEADER_LEN + 40;
    for len in SALT_RECORD_LEN + one..whole.len() {
        fs::write(folder.path(), &whole[..len]).unwrap();
        let kept = (len - SALT_RECORD_LEN) / one;
        let (mut log, recovered) = folder.open();
        assert_eq!(recovered.records, [vote(1), vote(2)][..kept], "cut at {len}");
        assert_eq!(recovered.torn.is_some(), !(len - SALT_RECORD_LEN).is_multiple_of(one));
        log.append(&[vote(9)]).unwrap();
        log.sync().unwrap();
        assert_eq!(folder.open().1.records.last(), Some(&vote(9)));
    }
}

#[test]
fn flipped_byte_before_a_good_record_refuses_the_start() {
    let folder = Folder::new();
    folder.with(&[vote(1), record(RecordKind::CANDIDATE, &[5; 3_000]), vote(3)]);
    let whole = fs::read(folder.path()).unwrap();
    let second = SALT_RECORD_LEN + HEADER_LEN + 40;
    for at in second..second + HEADER_LEN + 3_000 {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(folder.path(), &damaged).unwrap();
        match ConsensusLog::open(folder.0.path()) {
            Err(StoreError::Corrupt { file, offset, .. }) => {
                assert_eq!((file, offset), (folder.path(), second as u64), "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(folder.path()).unwrap(), damaged, "evidence must stay");
    }
}

#[test]
fn damaged_beginning_refuses_the_start() {
    let folder = Folder::new();
    folder.with(&[vote(1)]);
    let whole = fs::read(folder.path()).unwrap();
    for len in 0..SALT_RECORD_LEN {
        fs::write(folder.path(), &whole[..len]).unwrap();
        assert!(matches!(
            ConsensusLog::open(folder.0.path()),
            Err(StoreError::Corrupt { offset: 0, .. })
        ));
    }
    for at in 0..SALT_RECORD_LEN {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(folder.path(), &damaged).unwrap();
        assert!(matches!(
            ConsensusLog::open(folder.0.path()),
            Err(StoreError::Corrupt { offset: 0, .. })
        ));
    }
}

#[test]
fn record_carried_inside_a_candidate_proves_nothing() {
    let folder = Folder::new();
    let mut forged = Vec::new();
    record::encode(&mut forged, &[0; 8], RecordKind::VOTE, b"forged").unwrap();
    forged.extend([0; 100]);
    folder.with(&[vote(1), record(RecordKind::CANDIDATE, &forged)]);
    let whole = fs::read(folder.path()).unwrap();
    fs::write(folder.path(), &whole[..whole.len() - 50]).unwrap();
    assert_eq!(folder.open().1.records, [vote(1)]);
}

#[test]
fn large_log_is_rewritten_when_a_height_starts() {
    let folder = Folder::new();
    let path = folder.path();
    drop(folder.open());
    let (mut log, _) = ConsensusLog::open_file(path.clone(), 10_000).unwrap();
    log.append(&[record(RecordKind::INCARNATION, b"me")]).unwrap();
    log.append(&[record(RecordKind::CANDIDATE, &[1; 20_000]), vote(1)]).unwrap();
    log.sync().unwrap();
    assert!(log.bytes() > 20_000, "living records are never dropped");
    log.append(&[record(RecordKind::HEIGHT_START, b"2")]).unwrap();
    assert!(log.bytes() < 200);
    assert_eq!(fs::metadata(&path).unwrap().len(), log.bytes());
    log.append(&[vote(2)]).unwrap();
    log.sync().unwrap();
    drop(log);
    let living =
        [record(RecordKind::INCARNATION, b"me"), record(RecordKind::HEIGHT_START, b"2"), vote(2)];
    assert_eq!(folder.open().1.records, living);
}

#[test]
fn kind_ids_outside_1_to_31_do_not_exist() {
    assert_eq!(RecordKind::new(0), None);
    assert_eq!(RecordKind::new(32), None);
    assert_eq!(RecordKind::new(1), Some(RecordKind::PROMISE));
}

proptest! {
    #[test]
    fn record_round_trips_and_every_damage_is_found(
        kind in 1..32u8,
        payload: Vec<u8>,
        salt: [u8; 8],
        cut: prop::sample::Index,
        bit in 0..8u8,
    ) {
        let kind = RecordKind::new(kind).unwrap();
        let mut bytes = Vec::new();
        record::encode(&mut bytes, &salt, kind, &payload).unwrap();
        prop_assert_eq!(record::decode(&bytes, &salt), Some((kind, payload.as_slice(), bytes.len())));
        let at = cut.index(bytes.len());
        prop_assert_eq!(record::decode(&bytes[..at], &salt), None);
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(record::decode(&bytes, &salt), None);
    }
}

#[tokio::test]
async fn persisted_records_are_there_after_the_owner_stopped() {
    let folder = Folder::new();
    let (log, _) = folder.open();
    let stop = CancellationToken::new();
    let (handle, owner) = log.start(stop.clone());
    let owner = tokio::spawn(owner);
    handle.append(vec![record(RecordKind::CANDIDATE, b"block")]).await.unwrap();
    handle.persist(vec![record(RecordKind::PROMISE, b"p"), vote(1)]).await.unwrap();
    handle.sync().await.unwrap();
    stop.cancel();
    owner.await.unwrap().unwrap();
    assert!(matches!(handle.persist(vec![vote(2)]).await, Err(StoreError::Stopped)));
    let records = folder.open().1.records;
    assert_eq!(
        records,
        [record(RecordKind::CANDIDATE, b"block"), record(RecordKind::PROMISE, b"p"), vote(1)]
    );
}
