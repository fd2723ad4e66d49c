use crate::section::section;

section! {
    /// taking over the state of another network
    "migrations" => MigrationsConfig {
        /// start as a node of a network that takes over another one
        enable: bool = false,
        /// RPC URL of a node of the old network
        migrate_from: String = String::new(),
    }
}
