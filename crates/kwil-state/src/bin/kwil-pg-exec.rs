//! Starts `initdb` or `postgres` for an embedder whose own binary has no `__pg-exec` subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    kwil_state::pg_exec_main(std::env::args_os().skip(1))
}
