use kwil_types::GoDuration;

use super::seconds;
use crate::byte_size::ByteSize;
use crate::section::section;

section! {
    /// snapshots that this node makes for others
    "snapshots" => SnapshotsConfig {
        /// make them
        enable: bool = false,
        /// one at every multiple of this height
        recurring_height: i64 = 14_400,
        /// how many to keep
        max_snapshots: u32 = 3,
        /// longest time for sending one chunk
        chunk_send_timeout: GoDuration = seconds(300),
        /// bytes per second read while making one; 0 is no limit
        max_rate: ByteSize = ByteSize::new(0),
    }
}
