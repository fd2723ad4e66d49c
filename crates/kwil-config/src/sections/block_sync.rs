use kwil_types::GoDuration;

use super::{millis, seconds};
use crate::section::section;

section! {
    /// exchange of blocks and transactions with peers
    "block_sync" => BlockSyncConfig {
        /// longest time for receiving the blocks of one request
        block_get_timeout: GoDuration = seconds(90),
        /// longest time for sending the blocks of one request
        block_send_timeout: GoDuration = seconds(45),
        /// longest time for the first byte of an answer with blocks
        request_timeout: GoDuration = seconds(2),
        /// longest time for the whole of an answer that is one message
        response_timeout: GoDuration = seconds(20),
        /// longest pause within an answer with blocks
        idle_timeout: GoDuration = millis(500),
        /// accepted, without effect: announcements wait in a queue that a peer has to empty within 5s
        announce_write_timeout: GoDuration = seconds(5),
        /// accepted, without effect: announcements are not answered
        announce_resp_timeout: GoDuration = seconds(5),
        /// longest time for receiving announced transactions
        tx_get_timeout: GoDuration = seconds(20),
        /// accepted, without effect: see announce_write_timeout
        tx_ann_timeout: GoDuration = seconds(5),
    }
}
