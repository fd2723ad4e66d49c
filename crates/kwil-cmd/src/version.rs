//! `version`: which build this is.

use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;

/// Version of the programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Version of the RPC interface that kwil-cli and kwil-admin speak.
const API_VERSION: &str = "0.2.0";

/// Show the version of this program.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} version --output json")]
pub struct VersionCommand {}

#[derive(Debug, Serialize)]
struct BuildInfo {
    version: String,
    git_commit: &'static str,
    build_time: &'static str,
    api_version: &'static str,
    rust_version: &'static str,
    os: &'static str,
    arch: &'static str,
}

impl VersionCommand {
    /// Prints it.
    ///
    /// # Errors
    /// When the output cannot be made.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let info = BuildInfo {
            version: VERSION.to_owned(),
            git_commit: option_env!("KWIL_GIT_COMMIT").unwrap_or("unknown"),
            build_time: option_env!("KWIL_BUILD_TIME").unwrap_or("unknown"),
            api_version: API_VERSION,
            rust_version: env!("KWIL_RUST_VERSION"),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
        };
        context.output.emit(&info, || text(&info))
    }
}

fn text(info: &BuildInfo) -> String {
    let BuildInfo { version, git_commit, build_time, api_version, rust_version, os, arch } = info;
    format!(
        " Version:\t{version}\n Git commit:\t{git_commit}\n Built:\t\t{build_time}\n API version:\t{api_version}\n \
         Rust version:\t{rust_version}\n OS/Arch:\t{os}/{arch}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_fact() {
        let info = BuildInfo {
            version: "1.2.3".to_owned(),
            git_commit: "abc",
            build_time: "2025-01-01T00:00:00Z",
            api_version: "0.2.0",
            rust_version: "1.95.0",
            os: "linux",
            arch: "x86_64",
        };
        assert_eq!(
            text(&info),
            " Version:\t1.2.3\n Git commit:\tabc\n Built:\t\t2025-01-01T00:00:00Z\n API version:\t0.2.0\n \
             Rust version:\t1.95.0\n OS/Arch:\tlinux/x86_64"
        );
    }
}
