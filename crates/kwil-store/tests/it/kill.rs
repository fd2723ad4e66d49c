//! A writer process is killed with SIGKILL; what it acknowledged must be there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_store::{
    BlockIndex, BlockLog, BlockLogConfig, BlockRecord, ConsensusLog, ConsensusRecord, RecordKind,
    RootLock, StoreError,
};

const ROOT: &str = "KWIL_STORE_TEST_ROOT";
const KILLS: u64 = 12;

fn config(root: &Path) -> BlockLogConfig {
    BlockLogConfig { segment_bytes: 30_000, ..BlockLogConfig::new(root, Hash([1; 32]), 1) }
}

fn block(height: u64) -> BlockRecord {
    let tx = height.to_be_bytes().repeat(height as usize % 60 + 1);
    let mut raw = vec![1, 0, 0, 0, 0];
    raw.extend([0; 64]);
    raw.extend(1u32.to_be_bytes());
    raw.extend((tx.len() as u32).to_be_bytes());
    raw.extend(tx);
    let hash = Hash([height as u8; 32]);
    BlockRecord { height, hash, block: raw.into(), certificate: Bytes::from(vec![9; 214]) }
}

fn vote(height: u64) -> [ConsensusRecord; 2] {
    let payload = Bytes::copy_from_slice(&height.to_be_bytes());
    [RecordKind::HEIGHT_START, RecordKind::VOTE]
        .map(|kind| ConsensusRecord { kind, payload: payload.clone() })
}

/// The child: persists a vote, then appends its block, then says the height. Ends only by being killed.
#[test]
#[ignore = "runs only as the child process of the test below"]
fn child_writes_until_killed() {
    let root = std::path::PathBuf::from(std::env::var_os(ROOT).unwrap());
    let _lock = RootLock::acquire(&root).unwrap();
    let (mut log, _) = BlockLog::open(&config(&root)).unwrap();
    let (mut votes, _) = ConsensusLog::open(&root).unwrap();
    let mut index = BlockIndex::open(&root, log.reader()).unwrap();
    let mut out = std::io::stdout().lock();
    loop {
        let height = log.next_height();
        votes.append(&vote(height)).unwrap();
        votes.sync().unwrap();
        writeln!(out, "voted {height}").unwrap();
        log.append(&block(height), Some(&[Bytes::from_static(b"ok")])).unwrap();
        log.sync().unwrap();
        writeln!(out, "stored {height}").unwrap();
        index.catch_up(|_| {}).unwrap();
        if height % 7 == 0 {
            index.save().unwrap();
        }
    }
}

#[test]
fn acknowledged_blocks_and_votes_survive_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut stored = 0;
    for kill in 1..=KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "kill::child_writes_until_killed", "--nocapture"])
            .env(ROOT, root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut voted = 0;
        // Different kills hit different places of the cycle, some of them the turn of a segment.
        for line in lines
            .by_ref()
            .filter(|line| line.contains("voted ") || line.contains("stored "))
            .take(40 + kill as usize * 3)
        {
            note(&line, &mut voted, &mut stored);
        }
        if kill == 1 {
            let held = RootLock::acquire(root);
            assert!(matches!(held, Err(StoreError::Locked { pid, .. }) if pid == Some(child.id())));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            note(&line, &mut voted, &mut stored);
        }
        check(root, voted, stored);
    }
}

fn note(line: &str, voted: &mut u64, stored: &mut u64) {
    // A line that the kill cut short proves less, never more.
    if let Some((_, height)) = line.split_once("voted ") {
        *voted = height.parse().unwrap_or(*voted);
    } else if let Some((_, height)) = line.split_once("stored ") {
        *stored = (*stored).max(height.parse().unwrap_or(0));
    }
}

fn check(root: &Path, voted: u64, stored: u64) {
    let _lock = RootLock::acquire(root).unwrap();
    let (log, _) = BlockLog::open(&config(root)).unwrap();
    let tip = log.next_height() - 1;
    assert!(
        stored > 0 && (stored..=stored + 1).contains(&tip),
        "acknowledged {stored}, found {tip}"
    );
    for (height, read) in (1..).zip(log.reader().range(1).unwrap()) {
        assert_eq!(read.unwrap(), block(height));
    }
    let (_, recovered) = ConsensusLog::open(root).unwrap();
    let last = recovered.records.last().unwrap();
    let found = u64::from_be_bytes(last.payload[..].try_into().unwrap());
    assert!(found >= voted, "vote {voted} was acknowledged, {found} is the newest");
    let mut index = BlockIndex::open(root, log.reader()).unwrap();
    index.catch_up(|_| {}).unwrap();
    assert_eq!(index.position(), log.reader().tip().position);
}
