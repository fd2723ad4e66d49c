//! Turns the parser's complaints into our one form of errors.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::CliError;

/// What to do when parsing did not give a command to run.
#[derive(Debug)]
pub(crate) enum NotParsed {
    /// Print this help and succeed.
    Help(String),
    /// A group was named without one of its commands: print the group's help and succeed.
    GroupHelp,
    /// The command line is wrong.
    Wrong(CliError),
}

pub(crate) fn explain(error: &clap::Error, program: &str, path: &[String]) -> NotParsed {
    match error.kind() {
        ErrorKind::DisplayHelp => NotParsed::Help(error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            NotParsed::GroupHelp
        }
        _ => {
            let command = std::iter::once(program)
                .chain(path.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(" ");
            NotParsed::Wrong(wrong(error, &command).hint(format!("see '{command} --help'")))
        }
    }
}

fn wrong(error: &clap::Error, command: &str) -> CliError {
    let text = |kind| texts(error, kind).into_iter().next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let arg = text(ContextKind::InvalidArg);
            let message = if arg.starts_with('-') && arg.len() > 1 {
                format!("unknown flag: {arg}")
            } else {
                format!("unexpected argument \"{arg}\" for \"{command}\"")
            };
            suggest(CliError::usage(message), &texts(error, ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let word = text(ContextKind::InvalidSubcommand);
            let message = format!("unknown command \"{word}\" for \"{command}\"");
            suggest(CliError::usage(message), &texts(error, ContextKind::SuggestedSubcommand))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg).join(" ");
            CliError::usage(format!("missing argument: {missing}"))
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let (arg, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
            let reason =
                std::error::Error::source(error).map(ToString::to_string).unwrap_or_else(|| {
                    let valid = texts(error, ContextKind::ValidValue);
                    if valid.is_empty() {
                        "a value is required".to_owned()
                    } else {
                        format!("must be one of {}", valid.join(", "))
                    }
                });
            CliError::usage(format!("invalid argument \"{value}\" for \"{arg}\": {reason}"))
        }
        _ => {
            let rendered = error.render().to_string();
            let first = rendered.lines().next().unwrap_or("wrong usage");
            CliError::usage(first.trim_start_matches("error: ").to_owned())
        }
    }
}

fn suggest(error: CliError, words: &[String]) -> CliError {
    if words.is_empty() {
        error
    } else {
        error.hint(format!("did you mean {}?", words.join(" or ")))
    }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
