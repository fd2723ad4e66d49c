//! Free space: refusing work before PostgreSQL panics on a full disk.

use std::path::Path;

const MIB: u64 = 1024 * 1024;
/// Below this the node refuses work.
const FULL_BELOW: u64 = 512 * MIB;
/// From this on it works again.
const WORKS_FROM: u64 = 2 * FULL_BELOW;
/// Below this it warns.
const LOW_BELOW: u64 = 2048 * MIB;
/// Below this share of the disk it warns, in percent.
const LOW_PERCENT: u64 = 5;

/// Free space of a disk, judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskLevel {
    /// Enough.
    Enough,
    /// Less than 2 GiB or 5 %: worth a warning.
    Low,
    /// Less than 512 MiB: the validator stops voting and broadcasts are refused until 1 GiB is free.
    Full,
}

/// Free and total bytes of the disk that holds a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that an ordinary user can still write.
    pub free: u64,
    /// Size in bytes.
    pub total: u64,
}

impl DiskSpace {
    /// Asks the file system.
    ///
    /// # Errors
    /// When the path does not exist.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Self {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }
}

impl DiskLevel {
    /// The next level. A full disk counts as full until twice the limit is free, so that the node does not flap.
    #[must_use]
    pub fn next(self, space: DiskSpace) -> Self {
        let limit = if self == Self::Full { WORKS_FROM } else { FULL_BELOW };
        if space.free < limit {
            Self::Full
        } else if space.free < LOW_BELOW || space.free < space.total / 100 * LOW_PERCENT {
            Self::Low
        } else {
            Self::Enough
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_works_again_at_twice_the_limit_only() {
        let space = |mib: u64| DiskSpace { free: mib * MIB, total: 10_000 * MIB };
        assert_eq!(DiskLevel::Enough.next(space(3000)), DiskLevel::Enough);
        assert_eq!(DiskLevel::Enough.next(space(1500)), DiskLevel::Low);
        assert_eq!(DiskLevel::Low.next(space(600)), DiskLevel::Low);
        assert_eq!(DiskLevel::Low.next(space(511)), DiskLevel::Full);
        assert_eq!(DiskLevel::Full.next(space(1000)), DiskLevel::Full);
        assert_eq!(DiskLevel::Full.next(space(1024)), DiskLevel::Low);
    }

    #[test]
    fn five_percent_of_a_large_disk_is_low() {
        let space = DiskSpace { free: 4000 * MIB, total: 100_000 * MIB };
        assert_eq!(DiskLevel::Enough.next(space), DiskLevel::Low);
    }
}
