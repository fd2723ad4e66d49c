//! One run of a program: parse, run, print, exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::context::{Context, Environment};
use crate::error::CliError;
use crate::output::{Mode, Output};
use crate::pflag::{Normalised, normalise, prepare};
use crate::usage::{NotParsed, explain};
use crate::version::VERSION;

/// Flags that every command of every program has.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct GlobalArgs {
    /// Form of the output: text or json
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Global flags")]
    output: Option<String>,
    /// Same as --output json
    #[arg(long, global = true, help_heading = "Global flags")]
    json: bool,
    /// Use colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Global flags")]
    color: Option<String>,
    /// Explain on stderr what is done
    #[arg(long, global = true, hide = true)]
    debug: bool,
    /// Print the version
    #[arg(long, short = 'V', global = true, help_heading = "Global flags")]
    version: bool,
}

/// A program: its command line as a type, and what happens with it.
pub trait Program: clap::CommandFactory + clap::FromArgMatches {
    /// Name of the binary, as in help texts.
    const NAME: &'static str;
    /// Start of its variables: `KWILD` for `KWILD_OUTPUT`.
    const PREFIX: &'static str;

    /// The flags that every command has.
    fn globals(&self) -> &GlobalArgs;

    /// The `--root` flag as typed, for programs that have one.
    fn root_flag(&self) -> Option<String> {
        None
    }

    /// True when neither text nor errors are printed.
    fn silent(&self) -> bool {
        false
    }

    /// Runs the command.
    ///
    /// # Errors
    /// What the command says.
    fn run(self, context: &mut Context) -> Result<(), CliError>;

    /// The command line with all commands, as the parser knows it; for completion scripts.
    #[must_use]
    fn command_line() -> clap::Command {
        prepare(<Self as clap::CommandFactory>::command(), Self::NAME)
    }
}

/// Runs a program with the arguments and the environment of the process.
#[must_use]
pub fn run<P: Program>() -> ExitCode {
    let argv = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    run_with::<P>(argv, Environment::of_process())
}

fn run_with<P: Program>(argv: Vec<String>, environment: Environment) -> ExitCode {
    let mut output =
        Output::standard(guess_mode(&argv, environment.variable(&format!("{}_OUTPUT", P::PREFIX))));
    let program = match parse::<P>(argv) {
        Ok(program) => program,
        Err(NotParsed::Help(text)) => {
            output.text(&text);
            return ExitCode::SUCCESS;
        }
        Err(NotParsed::GroupHelp) => return ExitCode::SUCCESS,
        Err(NotParsed::Wrong(error)) => return fail(&mut output, &error),
    };
    let globals = program.globals().clone();
    let output = match configure(&globals, P::PREFIX, program.silent(), &environment) {
        Ok(output) => output,
        Err(error) => return fail(&mut output, &error),
    };
    let mut context =
        Context { output, environment, root_flag: program.root_flag(), debug: globals.debug };
    if globals.debug {
        context.output.note("CLI debugging enabled");
    }
    match program.run(&mut context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&mut context.output, &error),
    }
}

fn fail(output: &mut Output, error: &CliError) -> ExitCode {
    output.error(error);
    ExitCode::from(error.code().exit_status())
}

pub(crate) fn parse<P: Program>(argv: Vec<String>) -> Result<P, NotParsed> {
    let width = terminal_size::terminal_size()
        .map_or(80, |(width, _)| usize::from(width.0).saturating_sub(2));
    let mut command = P::command_line().term_width(width);
    let (words, path) = match normalise(&command, argv) {
        Normalised::Words { words, path } => (words, path),
        Normalised::Version => {
            return Err(NotParsed::Help(format!("{} version {VERSION}", P::NAME)));
        }
    };
    let explained =
        |error: &clap::Error, command: &mut clap::Command| match explain(error, P::NAME, &path) {
            NotParsed::GroupHelp => NotParsed::Help(group_help(command, &path)),
            other => other,
        };
    let outcome = command.try_get_matches_from_mut(words);
    let parsed = outcome.and_then(|matches| P::from_arg_matches(&matches));
    parsed.map_err(|error| match explained(&error, &mut command) {
        NotParsed::Help(text) => NotParsed::Help(text.replace('`', "'")),
        other => other,
    })
}

fn group_help(command: &mut clap::Command, path: &[String]) -> String {
    command.build();
    let mut group = command;
    for name in path {
        match group.find_subcommand_mut(name) {
            Some(below) => group = below,
            None => return String::new(),
        }
    }
    group.render_help().to_string()
}

/// The output form before the command line is understood, so that usage errors are enveloped too.
fn guess_mode(argv: &[String], variable: Option<&str>) -> Mode {
    let flags = argv.iter().take_while(|word| *word != "--");
    let pair = argv
        .windows(2)
        .any(|pair| matches!(pair, [flag, value] if flag == "--output" && value == "json"));
    let json = flags
        .clone()
        .any(|word| matches!(word.as_str(), "--json" | "--json=true" | "--output=json"))
        || pair;
    let named = flags.clone().any(|word| word.starts_with("--output"));
    if json || (!named && variable == Some("json")) { Mode::Json } else { Mode::Text }
}

fn configure(
    globals: &GlobalArgs,
    prefix: &str,
    silent: bool,
    environment: &Environment,
) -> Result<Output, CliError> {
    let output_variable = environment.variable(&format!("{prefix}_OUTPUT"));
    let mode = match globals.output.as_deref().or(output_variable) {
        _ if globals.json => Mode::Json,
        None | Some("text") => Mode::Text,
        Some("json") => Mode::Json,
        Some(other) => return Err(CliError::usage(format!("invalid output format: {other}"))),
    };
    let colour_variable = environment.variable(&format!("{prefix}_COLOR"));
    let allowed =
        environment.variable("NO_COLOR").is_none() && environment.variable("TERM") != Some("dumb");
    let colour = match globals.color.as_deref().or(colour_variable) {
        None | Some("auto") => allowed && std::io::stdout().is_terminal(),
        Some("always") => true,
        Some("never") => false,
        Some(other) => return Err(CliError::usage(format!("invalid colour choice: {other}"))),
    };
    Ok(Output::standard(mode).with_colour(colour && mode == Mode::Text).with_silence(silent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_known_before_the_command_line_is_understood() {
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, variable, want) in [
            ("kwild x", None, Mode::Text),
            ("kwild x --output json", None, Mode::Json),
            ("kwild --json x", None, Mode::Json),
            ("kwild x", Some("json"), Mode::Json),
            ("kwild --output=text x", Some("json"), Mode::Text),
            ("kwild x -- --json", None, Mode::Text),
        ] {
            assert_eq!(guess_mode(&argv(line), variable), want, "{line}");
        }
    }
}
