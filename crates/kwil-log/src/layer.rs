//! From `tracing` to the sinks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kwil_config::{LogConfig, LogFormat, LogLevel, LogLevels};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::error::LogError;
use crate::format::{Stamp, Style, line};
use crate::record::Record;
use crate::sink::Sink;
use crate::subsystem::subsystem;

/// What `[log]` does not say.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Folder that log files are relative to: the root folder of the node.
    pub folder: PathBuf,
    /// Colour the level on a terminal.
    pub colour: bool,
    /// Times in UTC even if `log.utc` is off (the variable `LOGFLAGS=UTC` asks for it).
    pub utc: bool,
}

impl Setup {
    /// Files in `folder`, no colour, times as configured.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), colour: false, utc: false }
    }
}

#[derive(Debug)]
struct Shared {
    levels: RwLock<LogLevels>,
    sinks: Mutex<Vec<Sink>>,
}

impl Shared {
    fn levels(&self) -> std::sync::RwLockReadGuard<'_, LogLevels> {
        self.levels.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<Sink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reaches the running log: change levels, reopen files. Dropping it closes the sinks and waits for compression.
#[derive(Debug)]
pub struct LogHandle(Arc<Shared>);

impl LogHandle {
    /// Replaces the levels of a running log.
    pub fn set_levels(&self, levels: LogLevels) {
        *self.0.levels.write().unwrap_or_else(PoisonError::into_inner) = levels;
        tracing::callsite::rebuild_interest_cache();
    }

    /// Opens the log files again, after they were moved away.
    ///
    /// # Errors
    /// The first file that cannot be opened; the others are reopened all the same.
    pub fn reopen(&self) -> std::io::Result<()> {
        let outcomes: Vec<_> = self.0.sinks().iter_mut().map(Sink::reopen).collect();
        outcomes.into_iter().collect()
    }
}

impl Drop for LogHandle {
    fn drop(&mut self) {
        self.0.sinks().clear();
    }
}

/// Turns events into lines.
#[derive(Debug)]
pub struct LogLayer {
    shared: Arc<Shared>,
    format: LogFormat,
    zone: TimeZone,
    colour: bool,
}

const fn level_of(level: &Level) -> Option<LogLevel> {
    match *level {
        Level::ERROR => Some(LogLevel::Error),
        Level::WARN => Some(LogLevel::Warn),
        Level::INFO => Some(LogLevel::Info),
        Level::DEBUG => Some(LogLevel::Debug),
        Level::TRACE => None,
    }
}

impl LogLayer {
    /// Opens the sinks.
    ///
    /// # Errors
    /// [`LogError`] when a file or its folder cannot be used.
    pub fn open(config: &LogConfig, setup: &Setup) -> Result<(Self, LogHandle), LogError> {
        let sinks = Sink::open_all(config, &setup.folder)?;
        let shared = Arc::new(Shared {
            levels: RwLock::new(config.level.clone()),
            sinks: Mutex::new(sinks),
        });
        let zone = if config.utc || setup.utc { TimeZone::UTC } else { TimeZone::system() };
        let layer =
            Self { shared: Arc::clone(&shared), format: config.format, zone, colour: setup.colour };
        Ok((layer, LogHandle(shared)))
    }

    /// Crates that are not ours say what is wrong and no more, unless the operator names them.
    fn wanted(&self, metadata: &Metadata<'_>) -> bool {
        let Some(level) = level_of(metadata.level()) else { return false };
        let (system, ours) = subsystem(metadata.target());
        let levels = self.shared.levels();
        let named = levels.subsystems.keys().any(|tag| tag.eq_ignore_ascii_case(system));
        let least = levels.of(system);
        level >= if ours || named { least } else { least.max(LogLevel::Warn) }
    }

    fn stamp(&self) -> Stamp {
        let now = Timestamp::now();
        Stamp {
            shown: now
                .to_zoned_datetime(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S%.3f")
                .to_string(),
            utc: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn register_callsite(&self, _metadata: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        // Spans cost little and other layers may want them; only events are lines.
        !metadata.is_event() || self.wanted(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.shared.levels().lowest() {
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Error => LevelFilter::ERROR,
        })
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let Some(level) = level_of(event.metadata().level()) else { return };
        let (system, _) = subsystem(event.metadata().target());
        let details = self.shared.levels().of(system) == LogLevel::Debug;
        let record = Record::read(event, level, system);
        let style = Style { format: self.format, colour: false, details };
        let stamp = self.stamp();
        let bytes = line(style, &stamp, &record);
        for sink in self.shared.sinks().iter_mut() {
            let written = if self.colour && sink.is_terminal() {
                sink.write(&line(Style { colour: true, ..style }, &stamp, &record))
            } else {
                sink.write(&bytes)
            };
            // A full disk or a closed pipe must not stop the node, and there is no other place to complain.
            if written.is_err() {
                continue;
            }
        }
    }
}

/// A subscriber of its own, for tests and for embedders that do not want a process-wide log.
///
/// # Errors
/// [`LogError`] when a file or its folder cannot be used.
pub fn subscriber(
    config: &LogConfig,
    setup: &Setup,
) -> Result<(impl Subscriber + Send + Sync + use<>, LogHandle), LogError> {
    let (layer, handle) = LogLayer::open(config, setup)?;
    Ok((Registry::default().with(layer), handle))
}

/// Makes this the log of the process.
///
/// # Errors
/// [`LogError`] when a file cannot be used or the process has a log already.
pub fn init(config: &LogConfig, setup: &Setup) -> Result<LogHandle, LogError> {
    let (subscriber, handle) = subscriber(config, setup)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySet)?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(config: LogConfig, emit: impl FnOnce(&LogHandle)) -> String {
        let dir = tempfile::tempdir().unwrap();
        let config = LogConfig { output: vec!["a.log".to_owned()], utc: true, ..config };
        let (subscriber, handle) = subscriber(&config, &Setup::in_folder(dir.path())).unwrap();
        tracing::subscriber::with_default(subscriber, || emit(&handle));
        std::fs::read_to_string(dir.path().join("a.log")).unwrap()
    }

    fn messages(text: &str) -> Vec<&str> {
        text.lines().map(|line| &line[24..]).collect()
    }

    #[test]
    fn the_commit_line_is_what_scripts_wait_for() {
        let text = logged(LogConfig::default(), |_| {
            let hash: &[u8] = &[0xab; 2];
            tracing::info!(
                target: "CONS", height = 1_u64, hash = hash, appHash = %"cd", updates = "null", detail.num_txs = 3,
                "Committed Block"
            );
        });
        let (date, rest) = text.split_at(24);
        assert_eq!(
            rest,
            "[INF] CONS: Committed Block {height=1 hash=abab appHash=cd updates=null}\n"
        );
        assert_eq!(
            date.as_bytes().iter().filter(|byte| byte.is_ascii_digit()).count(),
            17,
            "{date}"
        );
    }

    #[test]
    fn levels_hold_per_subsystem_and_change_while_running() {
        let levels: LogLevels = "warn,CONS=debug".parse().unwrap();
        let text = logged(LogConfig { level: levels, ..LogConfig::default() }, |handle| {
            tracing::debug!(target: "CONS", "shown");
            tracing::trace!(target: "CONS", "too fine");
            tracing::info!(target: "P2P", "hidden");
            tracing::warn!(target: "P2P", "shown");
            handle.set_levels(LogLevels::all(LogLevel::Info));
            tracing::info!(target: "P2P", "shown now");
            tracing::debug!(target: "CONS", "hidden now");
        });
        assert_eq!(
            messages(&text),
            ["[DBG] CONS: shown", "[WRN] P2P: shown", "[INF] P2P: shown now"]
        );
    }

    #[test]
    fn other_crates_only_warn() {
        let text = logged(
            LogConfig { level: LogLevels::all(LogLevel::Debug), ..LogConfig::default() },
            |_| {
                tracing::info!(target: "quinn_proto::connection", "chatter");
                tracing::warn!(target: "quinn_proto::connection", "trouble");
            },
        );
        assert_eq!(messages(&text), ["[WRN] quinn_proto::connection: trouble"]);
    }

    #[test]
    fn an_unwritable_place_is_an_error_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let config =
            LogConfig { output: vec!["file/below.log".to_owned()], ..LogConfig::default() };
        let error = subscriber(&config, &Setup::in_folder(dir.path())).err().unwrap();
        assert!(error.to_string().starts_with("cannot create the log folder "), "{error}");
    }
}
