//! `kwil-admin`: the operator's tool. It needs no files of the node on the machine where it runs.

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    kwil_cmd::run::<commands::KwilAdmin>()
}
