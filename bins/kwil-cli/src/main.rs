//! `kwil-cli`: the user's tool.

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    kwil_cmd::run::<commands::KwilCli>()
}
