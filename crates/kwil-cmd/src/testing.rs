//! Runs the real programs in a home of their own, and shows what they printed so that it can be compared.

mod examples;

pub use examples::faults_of_examples;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A program with an empty home folder, no variables, and its working directory in that home.
#[derive(Debug)]
pub struct Sandbox {
    program: PathBuf,
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Sandbox {
    /// A home for the program at a path.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new(program: impl AsRef<Path>) -> Self {
        #[expect(clippy::expect_used, reason = "a test without a folder cannot go on")]
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { program: program.as_ref().to_path_buf(), home, variables: Vec::new() }
    }

    /// Sets a variable for all commands that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A path in the home.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The program with arguments, ready to be started.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        #[expect(clippy::expect_used, reason = "a test without its program cannot go on")]
        self.command(args).output().expect("the program starts")
    }

    /// What the program printed on stdout; the run must succeed.
    ///
    /// # Panics
    /// When it fails.
    pub fn stdout<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let output = self.run(args);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{:?} failed: {out}{err}", self.program);
        out.into_owned()
    }

    /// Exit status, stdout and stderr of a run in one text; what differs between runs is replaced.
    pub fn transcript<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let output = self.run(args);
        let status =
            output.status.code().map_or_else(|| "killed".to_owned(), |code| code.to_string());
        let part = |name: &str, bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if text.is_empty() {
                String::new()
            } else {
                format!("\n--- {name}\n{}", self.stable(&text))
            }
        };
        format!("exit {status}{}{}", part("stdout", &output.stdout), part("stderr", &output.stderr))
            .trim_end()
            .to_owned()
    }

    /// A text with the home folder as `~`, and keys, hashes and addresses as words.
    #[must_use]
    pub fn stable(&self, text: &str) -> String {
        let home = self.home.path().display().to_string();
        words_for_hex(&text.replace(&home, "~"))
    }
}

/// Replaces long runs of hex digits by what they are by their length.
fn words_for_hex(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for character in text.chars().chain(std::iter::once('\0')) {
        if character.is_ascii_hexdigit() {
            run.push(character);
            continue;
        }
        out.push_str(match run.len() {
            40 => "<address>",
            64 => "<hex64>",
            66 => "<key>",
            128 => "<hex128>",
            _ => &run,
        });
        run.clear();
        if character != '\0' {
            out.push(character);
        }
    }
    out
}
