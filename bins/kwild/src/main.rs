//! `kwild`: the node and the commands to set it up and to operate it.

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    kwil_cmd::run::<commands::Kwild>()
}
