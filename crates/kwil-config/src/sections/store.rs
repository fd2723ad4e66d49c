use crate::section::section;

section! {
    /// block log
    "store" => StoreConfig {
        /// compress blocks on disk
        compression: bool = true,
        /// number of newest blocks to keep; 0 keeps all
        retain_blocks: i64 = 0,
    }
}
