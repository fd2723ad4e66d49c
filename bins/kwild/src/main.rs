//! `kwild`: the node and the commands to set it up and to operate it.

mod commands;
mod node;
mod start;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The hidden subcommand that becomes PostgreSQL: its words are not flags of ours, and no thread may run yet.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == kwil_state::PG_EXEC_SUBCOMMAND) {
        return kwil_state::pg_exec_main(words);
    }
    kwil_cmd::run::<commands::Kwild>()
}
