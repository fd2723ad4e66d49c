//! A file system without room, made of memory.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_store::{BlockLog, BlockLogConfig, BlockRecord, StateFile, StoreError};

/// Mounts a small file system; `None` where this user may not.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(kib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "kwil-test"])
            .arg(dir.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

fn block(height: u64) -> BlockRecord {
    let mut noise = vec![0; 20_000];
    for (at, byte) in noise.iter_mut().enumerate() {
        *byte = (at as u64 * 31 + height) as u8 ^ (at >> 8) as u8;
    }
    BlockRecord {
        height,
        hash: Hash([height as u8; 32]),
        block: noise.into(),
        certificate: Bytes::new(),
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn full_disk_is_a_typed_error_and_costs_no_acknowledged_block() {
    let Some(disk) = Tmpfs::mount(256) else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let config = BlockLogConfig::new(disk.path(), Hash([1; 32]), 1);
    let (mut log, _) = BlockLog::open(&config).unwrap();
    let mut stored = 0;
    let error = loop {
        match log.append(&block(stored + 1), None).and_then(|()| log.sync()) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, StoreError::DiskFull { path } if path.starts_with(&config.dir)),
        "{error:?}"
    );
    assert!(stored > 2);
    assert!(
        matches!(log.sync(), Err(StoreError::Failed { .. })),
        "a log that failed to write is not used again"
    );
    drop(log);

    let held = StateFile::held(disk.path());
    let refused = held.write(&vec![b' '; 200_000]);
    assert!(matches!(refused, Err(StoreError::DiskFull { .. })), "{refused:?}");
    assert_eq!(held.read().unwrap(), None);

    let (log, _) = BlockLog::open(&config).unwrap();
    assert_eq!(log.next_height(), stored + 1);
    assert_eq!(log.reader().get(stored).unwrap(), Some(block(stored)));
}
