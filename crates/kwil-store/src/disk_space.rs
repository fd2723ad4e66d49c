//! How much room is left, asked before a vote rather than found out by a failed write.

use std::path::Path;

use crate::StoreError;

/// Below this much free space a validator stops voting until room is made.
pub const MIN_FREE_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes that this process may still write on the file system of `path`.
///
/// # Errors
/// [`StoreError::Io`] when the file system cannot be asked.
pub fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let stat =
        rustix::fs::statvfs(path).map_err(|error| StoreError::io("measure", path, error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Fails with [`StoreError::DiskFull`] when fewer than `min` bytes are free at `path`.
///
/// # Errors
/// [`StoreError::DiskFull`], or [`StoreError::Io`] when the file system cannot be asked.
pub fn require_free(path: &Path, min: u64) -> Result<(), StoreError> {
    if free_bytes(path)? < min {
        return Err(StoreError::DiskFull { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guard_compares_with_what_the_file_system_reports() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(dir.path()).unwrap() > 0);
        require_free(dir.path(), 1).unwrap();
        assert!(matches!(require_free(dir.path(), u64::MAX), Err(StoreError::DiskFull { .. })));
    }
}
