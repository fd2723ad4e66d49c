use crate::section::section;

section! {
    /// a block that the operator knows to be right
    "checkpoint" => CheckpointConfig {
        /// its height; 0 is none
        height: i64 = 0,
        /// its hash, 64 hex digits
        hash: String = String::new(),
    }
}
