use crate::section::section;

section! {
    /// block log
    "store" => StoreConfig {
        /// compress blocks on disk
        compression: bool = true,
        /// accepted, without effect: every block is kept
        retain_blocks: i64 = 0,
    }
}
