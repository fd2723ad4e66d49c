//! What a command gets beside its arguments.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::output::Output;

/// The process environment, read once.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Variables whose name and value are text.
    pub variables: BTreeMap<String, String>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Home folder, from `HOME`.
    pub home: Option<PathBuf>,
    /// A person can answer questions on stdin.
    pub interactive: bool,
}

impl Environment {
    /// Reads the environment of the process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = variables.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let interactive = std::io::IsTerminal::is_terminal(&std::io::stdin());
        Self { variables, cwd, home, interactive }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A path as typed: `~` expanded, relative to the working directory.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        kwil_config::absolute(text, self.home.as_deref(), &self.cwd)
    }

    /// The root folder of the run: the flag, else `KWILD_ROOT`, else `~/.kwild`.
    #[must_use]
    pub fn root(&self, flag: Option<&str>) -> PathBuf {
        kwil_config::resolve_root(
            flag,
            self.variable("KWILD_ROOT"),
            self.home.as_deref(),
            &self.cwd,
        )
    }

    /// All variables as pairs, for the configuration.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// One run of a command.
#[derive(Debug)]
pub struct Context {
    /// Where it prints.
    pub output: Output,
    /// Where it runs.
    pub environment: Environment,
    /// The `--root` flag as typed.
    pub root_flag: Option<String>,
    /// Extra explanations are wanted on stderr.
    pub debug: bool,
}

impl Context {
    /// The root folder of the node.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.environment.root(self.root_flag.as_deref())
    }

    /// A path as typed.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        self.environment.path(text)
    }

    /// A line for the person who looks for a fault, on stderr.
    pub fn debug(&mut self, text: &str) {
        if self.debug {
            self.output.note(&format!("DEBUG: {text}"));
        }
    }

    /// Runs a future that talks to a node. Ctrl-C ends it.
    ///
    /// # Errors
    /// What the future says, or that the runtime cannot start.
    pub fn block_on<T>(
        &mut self,
        future: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::because("cannot start", &error))?;
        runtime.block_on(async {
            tokio::select! {
                outcome = future => outcome,
                _ = tokio::signal::ctrl_c() => Err(CliError::new(crate::ErrorCode::Interrupted, "interrupted")),
            }
        })
    }

    /// Reads a text file; the error names what the file is and where.
    ///
    /// # Errors
    /// A usage error when the file cannot be read.
    pub fn read_text(&self, what: &str, path: &Path) -> Result<String, CliError> {
        std::fs::read_to_string(path).map_err(|error| {
            CliError::failed(format!("cannot read {what} {}: {error}", path.display()))
        })
    }
}
