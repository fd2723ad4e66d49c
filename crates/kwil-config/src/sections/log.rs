use crate::log_level::LogLevels;
use crate::section::section;
use crate::setting::choice;

choice! {
    /// How a log line looks.
    LogFormat {
        /// `2025-01-27 18:45:00.199 [INF] CONS: Committed Block {height=1}`
        Plain = "plain",
        /// `time="…" level=INFO msg="Committed Block" system=CONS height=1`
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
    error |format| format!("unknown log format: {format} (must be plain, text or json)")
}

section! {
    /// logging
    "log" => LogConfig {
        /// 'debug', 'info', 'warn' or 'error', and other levels for single subsystems: 'info,CONS=debug,P2P=warn'
        level: LogLevels = LogLevels::default(),
        /// 'plain', 'text' or 'json'
        format: LogFormat = LogFormat::Plain,
        /// where lines go: 'stdout', 'stderr' or paths relative to the root directory; an empty list turns logs off
        output: Vec<String> = vec!["stdout".to_owned(), "kwild.log".to_owned()],
        /// size in KB (1000 bytes) at which a log file is rotated
        file_roll_size: i64 = 10_000,
        /// number of rotated log files to keep; 0 keeps all
        retain_max_rolls: i64 = 0,
        /// write times in UTC instead of the local zone
        utc: bool = false,
    }
}
