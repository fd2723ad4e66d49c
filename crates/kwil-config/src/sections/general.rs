use kwil_types::GoDuration;

use super::seconds;
use crate::section::section;
use crate::setting::choice;

choice! {
    /// What a profiling run measures.
    ProfileMode {
        /// Serves profiles over HTTP on localhost:6060.
        Http = "http",
        /// CPU time to a file.
        Cpu = "cpu",
        /// Memory to a file.
        Mem = "mem",
        /// Contention; not available in this build.
        Mutex = "mutex",
        /// Blocking; not available in this build.
        Block = "block",
    }
    error |mode| format!("unknown profile mode {mode}")
}

section! {
    /// Settings of the whole node.
    "" => GeneralConfig {
        /// path to the genesis state file (a snapshot), relative to the root directory
        genesis_state: String = String::new(),
        /// skip the start-up check of the pg_dump and psql binaries; this node needs neither
        skip_dependency_verification: bool = false,
        /// path to pg_dump; accepted for existing files, not needed by this node
        pg_dump_path: String = "pg_dump".to_owned(),
        /// profile the node: 'http', 'cpu', 'mem', 'mutex' or 'block'
        [optional]
        profile_mode: Option<ProfileMode> = None,
        /// where the profile is written; empty is kwild-MODE.pprof
        [optional]
        profile_file: String = String::new(),
        /// how long an orderly shutdown may take before the node gives up and exits with an error
        shutdown_timeout: GoDuration = seconds(30),
    }
}
