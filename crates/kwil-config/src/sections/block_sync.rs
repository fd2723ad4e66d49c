use kwil_types::GoDuration;

use super::{millis, seconds};
use crate::section::section;

section! {
    /// exchange of blocks and transactions with peers
    "block_sync" => BlockSyncConfig {
        /// longest time for receiving a block
        block_get_timeout: GoDuration = seconds(90),
        /// longest time for sending a block
        block_send_timeout: GoDuration = seconds(45),
        /// longest time for sending a request
        request_timeout: GoDuration = seconds(2),
        /// longest time for the first byte of an answer
        response_timeout: GoDuration = seconds(20),
        /// pause when no peer has anything new
        idle_timeout: GoDuration = millis(500),
        /// longest time for sending an announcement
        announce_write_timeout: GoDuration = seconds(5),
        /// longest time for the answer to an announcement
        announce_resp_timeout: GoDuration = seconds(5),
        /// longest time for receiving a transaction
        tx_get_timeout: GoDuration = seconds(20),
        /// longest time for announcing a transaction
        tx_ann_timeout: GoDuration = seconds(5),
    }
}
