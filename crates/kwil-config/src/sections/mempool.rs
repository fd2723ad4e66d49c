use crate::byte_size::ByteSize;
use crate::section::section;

section! {
    /// transactions that wait for a block
    "mempool" => MempoolConfig {
        /// most bytes of waiting transactions
        max_size: ByteSize = ByteSize::new(209_715_200),
        /// most bytes of one transaction; the block size of the network limits it too
        max_tx_bytes: ByteSize = ByteSize::new(4_194_304),
        /// how far a nonce may be ahead of the next expected one; 0 is not at all
        max_gap: u32 = 0,
        /// most waiting transactions of one sender
        max_txs_per_sender: u32 = 1000,
    }
}
