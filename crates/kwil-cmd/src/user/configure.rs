//! `configure`.

use std::io::{BufRead, Write};

use serde::Serialize;

use super::settings::{DEFAULT_PROVIDER, SettingsFile, parse_key};
use super::{Settings, UserArgs};
use crate::context::Context;
use crate::error::{CliError, ErrorCode};

/// Write provider, network and key to the configuration file.
///
/// Asks for each value when stdin is a terminal; otherwise, and with --assume-yes, writes what flags, variables and
/// the file give.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli configure\n  kwil-cli configure -Y --provider http://98.76.54.32:8484\n  kwil-cli configure --set chain_id=prod-chain\n  kwil-cli configure --get provider"
)]
pub struct Configure {
    /// Print one value of the file
    #[arg(long, value_name = "KEY")]
    get: Option<String>,
    /// Change one value of the file; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Serialize)]
struct Written {
    path: String,
    provider: String,
    chain_id: String,
    has_private_key: bool,
}

impl Configure {
    /// Asks and writes; asks no node.
    ///
    /// # Errors
    /// A wrong key or value, or a file that cannot be read or written.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        if user.silent() {
            return Err(CliError::usage("cannot configure run in silence mode"));
        }
        let named = user
            .config
            .clone()
            .or_else(|| context.environment.variable("KWILCLI_CONFIG").map(str::to_owned));
        let path = context.path(named.as_deref().unwrap_or("~/.kwil-cli/config.json"));
        let mut file = SettingsFile::load(&path, context)?;
        if let Some(key) = &self.get {
            let value = field(&mut file, key)?.clone();
            return context.output.emit(&value, || value.clone());
        }
        if self.set.is_empty() {
            // A file that does not exist yet is made here, so it may be named.
            let merged = if path.exists() || named.is_none() {
                Settings::merge(user, context)?
            } else {
                std::fs::File::options().append(true).create(true).open(&path).map_err(
                    |error| CliError::failed(format!("cannot create {}: {error}", path.display())),
                )?;
                Settings::merge(user, context)?
            };
            file.provider = merged.provider;
            file.chain_id = merged.chain_id;
            file.private_key = merged.private_key.to_string();
            file.private_key_file = merged.private_key_file;
            if context.environment.interactive && !user.yes(context) {
                ask(&mut file, &mut std::io::stdin().lock(), &mut std::io::stderr())?;
            }
        } else {
            for pair in &self.set {
                let (key, value) = pair.split_once('=').ok_or_else(|| {
                    CliError::usage(format!("expected KEY=VALUE, found \"{pair}\""))
                })?;
                value.clone_into(field(&mut file, key)?);
            }
        }
        check(&file)?;
        file.save(&path)?;
        let written = Written {
            path: path.display().to_string(),
            provider: file.provider.clone(),
            chain_id: file.chain_id.clone(),
            has_private_key: !file.private_key.is_empty() || !file.private_key_file.is_empty(),
        };
        context.output.emit(&written, || format!("Configuration written to {}", written.path))
    }
}

/// The keys of the file that may be named.
const KEYS: [&str; 5] =
    ["provider", "chain_id", "private_key", "private_key_file", "default_profile"];

fn field<'a>(file: &'a mut SettingsFile, key: &str) -> Result<&'a mut String, CliError> {
    match key {
        "provider" => Ok(&mut file.provider),
        "chain_id" => Ok(&mut file.chain_id),
        "private_key" => Ok(&mut file.private_key),
        "private_key_file" => Ok(&mut file.private_key_file),
        "default_profile" => Ok(&mut file.default_profile),
        other => {
            let error = CliError::usage(format!(
                "unknown key \"{other}\"; the keys are {}",
                KEYS.join(", ")
            ));
            Err(match kwil_config::nearest(other, KEYS) {
                Some(guess) => error.hint(format!("did you mean {guess}?")),
                None => error,
            })
        }
    }
}

fn check(file: &SettingsFile) -> Result<(), CliError> {
    let provider = if file.provider.is_empty() { DEFAULT_PROVIDER } else { &file.provider };
    kwil_client::Provider::user(provider).map_err(|error| CliError::usage(error.to_string()))?;
    if file.private_key.is_empty() {
        return Ok(());
    }
    parse_key(&file.private_key)
        .map(|_| ())
        .map_err(|error| CliError::usage(format!("failed to parse private key: {error}")))
}

/// Asks for the three values; an empty answer keeps what there is.
fn ask(
    file: &mut SettingsFile,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let provider = question("Kwil RPC provider URL", &file.provider, input, out)?;
    file.provider = provider.unwrap_or_else(|| file.provider.clone());
    let label = "Kwil Chain ID (leave empty to trust a server-provided value)";
    let chain_id = question(label, &file.chain_id, input, out)?;
    file.chain_id = chain_id.unwrap_or_else(|| file.chain_id.clone());
    loop {
        let shown = if file.private_key.is_empty() { "" } else { "***" };
        let Some(key) = question("Private Key", shown, input, out)? else { return Ok(()) };
        match parse_key(&key) {
            Ok(_) => {
                file.private_key = key;
                return Ok(());
            }
            Err(error) => {
                let again = format!(
                    "failed to parse private key: {error}. Would you like to enter another? (y/n)"
                );
                if question(&again, "n", input, out)?.as_deref() != Some("y") {
                    return Err(CliError::new(ErrorCode::Declined, "no private key entered"));
                }
            }
        }
    }
}

/// None for an empty answer.
fn question(
    label: &str,
    default: &str,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<Option<String>, CliError> {
    let failed = |error: std::io::Error| CliError::because("cannot ask", &error);
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    write!(out, "{label}{shown}: ").and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    if input.read_line(&mut answer).map_err(failed)? == 0 {
        return Err(CliError::new(
            ErrorCode::Declined,
            "the input ended before all questions were answered",
        ));
    }
    Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e";

    #[test]
    fn three_questions_in_order_and_empty_answers_keep_values() {
        let mut file =
            SettingsFile { provider: "http://old:1".to_owned(), ..SettingsFile::default() };
        let mut shown = Vec::new();
        let answers = format!("\nprod-chain\nnonsense\ny\n{KEY}\n");
        ask(&mut file, &mut answers.as_bytes(), &mut shown).unwrap();
        assert_eq!(
            (file.provider.as_str(), file.chain_id.as_str()),
            ("http://old:1", "prod-chain")
        );
        assert_eq!(file.private_key, KEY);
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.starts_with("Kwil RPC provider URL [http://old:1]: Kwil Chain ID (leave empty"),
            "{shown}"
        );
        assert!(!shown.contains(KEY));
    }

    #[test]
    fn the_end_of_the_input_ends_the_questions() {
        let mut file = SettingsFile::default();
        let error = ask(&mut file, &mut "x\n".as_bytes(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Declined);
    }
}
