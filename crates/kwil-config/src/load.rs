//! Merges the sources by priority and collects every problem.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::{Config, env_name};
use crate::error::{ConfigError, Problem};
use crate::file;
use crate::setting::Input;
use crate::suggest::nearest;
use crate::validate;

/// The text of `config.toml` and the path that messages show.
#[derive(Clone, Copy, Debug)]
pub struct FileText<'a> {
    /// Absolute path.
    pub path: &'a str,
    /// Content.
    pub text: &'a str,
}

/// What the caller read; nothing is opened here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// The file, if there is one.
    pub file: Option<FileText<'a>>,
    /// Full key and values of each flag that was given, one value per occurrence.
    pub flags: &'a [(String, Vec<String>)],
    /// Variables; those that do not start with `KWILD_` are ignored.
    pub env: &'a [(String, String)],
}

/// Where a value is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// `config.toml`.
    File {
        /// Line, from 1.
        line: usize,
    },
    /// A flag.
    Flag(String),
    /// A variable.
    Env(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "line {line}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
            Self::Env(name) => write!(f, "variable {name}"),
        }
    }
}

/// A configuration that passed every check.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The merged values.
    pub config: Config,
    /// What the operator should know, to be printed once; one sentence each.
    pub warnings: Vec<String>,
    /// Where each value that is not a default is from, by full key.
    pub origins: BTreeMap<String, Origin>,
}

/// Variables that other parts of the programs read.
const FOREIGN_VARIABLES: [&str; 3] = ["KWILD_ROOT", "KWILD_OUTPUT", "KWILD_COLOR"];

/// State of a merge.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    pub(crate) config: Config,
    pub(crate) warnings: Vec<String>,
    pub(crate) origins: BTreeMap<String, Origin>,
    pub(crate) problems: Vec<Problem>,
}

impl Merge {
    /// Sets a known key or notes why the value is wrong.
    pub(crate) fn set(&mut self, key: &str, input: Input<'_>, origin: Origin) {
        let Some(setting) = self.config.setting_mut(key) else { return };
        match setting.read(input) {
            Ok(()) => {
                self.origins.insert(key.to_owned(), origin);
            }
            Err(message) => self.problem(Some(key), origin, wording(key, &message)),
        }
    }

    pub(crate) fn problem(&mut self, key: Option<&str>, origin: Origin, message: String) {
        self.problems.push(Problem { key: key.map(str::to_owned), origin, message });
    }

    fn flags(&mut self, flags: &[(String, Vec<String>)]) {
        for (key, values) in flags {
            let origin = Origin::Flag(key.replace('_', "-"));
            if self.config.setting_mut(key).is_some() {
                self.set(key, Input::Words(values), origin);
                continue;
            }
            let extension = key.strip_prefix("extensions.").and_then(|rest| rest.split_once('.'));
            match (extension, values.last()) {
                (Some((name, field)), Some(value)) => {
                    self.config
                        .extensions
                        .entry(name.to_owned())
                        .or_default()
                        .insert(field.to_owned(), value.clone());
                }
                (Some(_), None) | (None, _) => {
                    self.problem(Some(key), origin, "unknown key".to_owned())
                }
            }
        }
    }

    fn env(&mut self, env: &[(String, String)]) {
        let keys: BTreeMap<String, String> =
            Config::keys().into_iter().map(|key| (key.env, key.name)).collect();
        for (name, value) in env.iter().filter(|(name, _)| name.starts_with("KWILD_")) {
            let foreign =
                FOREIGN_VARIABLES.contains(&name.as_str()) || name.starts_with("KWILD_TEST_");
            match keys.get(name) {
                Some(key) => self.variable(key, name, value),
                None if foreign => {}
                None => {
                    let guess = nearest(name, keys.keys().map(String::as_str));
                    let guess =
                        guess.map(|guess| format!("; did you mean {guess}?")).unwrap_or_default();
                    self.warnings.push(format!("unknown variable {name} is ignored{guess}"));
                }
            }
        }
    }

    fn variable(&mut self, key: &str, name: &str, value: &str) {
        let by_flag = match self.origins.get(key) {
            Some(Origin::Flag(flag)) => Some(flag.clone()),
            Some(Origin::Default | Origin::File { .. } | Origin::Env(_)) | None => None,
        };
        let before = self.config.setting_mut(key).map(|setting| setting.write());
        let words = [value.to_owned()];
        self.set(key, Input::Words(&words), Origin::Env(name.to_owned()));
        let after = self.config.setting_mut(key).map(|setting| setting.write());
        if let (Some(flag), true) = (by_flag, before != after) {
            self.warnings.push(format!("variable {name} overrides flag --{flag}"));
        }
    }

    fn check(&mut self) {
        if self.config.state_sync.concurrent_chunk_fetchers == 0 {
            self.config.state_sync.concurrent_chunk_fetchers = 5;
        }
        let (faults, warnings) = validate::check(&self.config);
        self.warnings.extend(warnings);
        for (key, message) in faults {
            if self.problems.iter().any(|problem| problem.key.as_deref() == Some(key)) {
                continue;
            }
            let origin = self.origins.get(key).cloned().unwrap_or_default();
            self.problem(Some(key), origin, message);
        }
    }
}

/// Fits a message of a shared type to the words that operators know for one key.
fn wording(key: &str, message: &str) -> String {
    match key {
        "p2p.listen" => message.replacen("invalid listen", "invalid P2P listen", 1),
        "p2p.whitelist" => message.replacen("invalid node ID", "invalid whitelist node ID", 1),
        _ => message.to_owned(),
    }
}

/// Merges defaults, file, flags and variables, in rising priority, and checks the result.
///
/// # Errors
/// [`ConfigError`] with every problem of every source: syntax, unknown keys, values of the wrong shape, values out of
/// range, keys that contradict each other.
pub fn load(sources: Sources<'_>) -> Result<Loaded, ConfigError> {
    let mut merge = Merge::default();
    if let Some(text) = sources.file {
        file::read(text.text, &mut merge);
    }
    merge.flags(sources.flags);
    merge.env(sources.env);
    merge.check();
    let Merge { config, warnings, origins, mut problems } = merge;
    if problems.is_empty() {
        return Ok(Loaded { config, warnings, origins });
    }
    problems.sort_by_key(|problem| match problem.origin {
        Origin::File { line } => (0, line),
        Origin::Flag(_) => (1, 0),
        Origin::Env(_) => (2, 0),
        Origin::Default => (3, 0),
    });
    Err(ConfigError::new(sources.file.map(|text| text.path.to_owned()), problems))
}

impl Config {
    /// Checks values that were set in code instead of loaded. [`load`] has done it already.
    ///
    /// # Errors
    /// [`ConfigError`] with every fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (faults, _) = validate::check(self);
        if faults.is_empty() {
            return Ok(());
        }
        let problems = faults
            .into_iter()
            .map(|(key, message)| Problem {
                key: Some(key.to_owned()),
                origin: Origin::Default,
                message,
            })
            .collect();
        Err(ConfigError::new(None, problems))
    }

    /// Name of the variable that sets a key, like `KWILD_LOG_LEVEL` for `log.level`.
    #[must_use]
    pub fn env_name(key: &str) -> String {
        env_name(key)
    }
}

#[cfg(test)]
mod tests;
