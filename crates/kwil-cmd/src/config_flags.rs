//! Every configuration key as a flag, and the configuration they take part in.

use std::path::Path;
use std::sync::LazyLock;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use kwil_config::{Config, FileText, Key, Kind, Loaded, Sources, load};

use crate::context::Context;
use crate::error::CliError;
use crate::files::warn_about_mode;

/// Name of the configuration file in the root folder.
pub(crate) const CONFIG_FILE: &str = "config.toml";

/// Spellings of flags that guides use.
const ALIASES: [(&str, &[&str]); 2] = [
    ("migrations.enable", &["migration.enable"]),
    ("migrations.migrate_from", &["migration.from", "migration.migrate-from", "migrations.from"]),
];

/// Hidden opposite of `--p2p.pex`.
const NO_PEX: &str = "p2p.no-pex";

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(Config::keys);

/// The configuration flags of a command line, as given.
#[derive(Clone, Debug, Default)]
pub struct ConfigFlags {
    given: Vec<(String, Vec<String>)>,
}

impl ConfigFlags {
    /// Adds a value for a key, as if the flag had been given.
    pub fn set(&mut self, key: &str, value: &str) {
        self.given.push((key.to_owned(), vec![value.to_owned()]));
    }

    /// Merges defaults, `config.toml` of the root folder if it exists, these flags, and the variables. Warnings are
    /// printed.
    ///
    /// # Errors
    /// Every problem of the configuration in one error.
    pub fn load(&self, root: &Path, context: &mut Context) -> Result<Loaded, CliError> {
        let path = root.join(CONFIG_FILE);
        let text =
            if path.exists() { Some(context.read_text("the configuration", &path)?) } else { None };
        let shown = path.display().to_string();
        let loaded =
            self.merge(text.as_deref().map(|text| FileText { path: &shown, text }), context)?;
        let config = &loaded.config;
        if text.is_some() && !(config.db.pass.is_empty() && config.admin.pass.is_empty()) {
            warn_about_mode(&path, "the configuration with a password", &mut context.output);
        }
        Ok(loaded)
    }

    /// The same without a file: for commands that must not read one.
    ///
    /// # Errors
    /// Every problem of flags and variables in one error.
    pub fn load_without_file(&self, context: &mut Context) -> Result<Loaded, CliError> {
        self.merge(None, context)
    }

    /// The values alone, without a word about anything.
    pub(crate) fn load_quietly(&self, root: &Path, context: &Context) -> Result<Config, CliError> {
        let path = root.join(CONFIG_FILE);
        let text =
            if path.exists() { Some(context.read_text("the configuration", &path)?) } else { None };
        let shown = path.display().to_string();
        let file = text.as_deref().map(|text| FileText { path: &shown, text });
        let env = context.environment.pairs();
        Ok(load(Sources { file, flags: &self.given, env: &env })?.config)
    }

    fn merge(&self, file: Option<FileText<'_>>, context: &mut Context) -> Result<Loaded, CliError> {
        let env = context.environment.pairs();
        let loaded = load(Sources { file, flags: &self.given, env: &env })?;
        for warning in &loaded.warnings {
            context.output.warn(warning);
        }
        context.debug(&format!("configuration: {:?}", loaded.config));
        Ok(loaded)
    }
}

impl Args for ConfigFlags {
    fn augment_args(command: Command) -> Command {
        let command = KEYS.iter().fold(command, |command, key| command.arg(flag(key)));
        command.arg(Arg::new(NO_PEX).long(NO_PEX).action(ArgAction::SetTrue).hide(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(key: &'static Key) -> Arg {
    let help = format!("{} (default {}, env {})", key.docs, key.default, key.env);
    let arg = Arg::new(key.name.as_str())
        .long(key.flag.as_str())
        .help(help)
        .help_heading("Configuration")
        .action(ArgAction::Append);
    let arg = match ALIASES.iter().find(|(name, _)| *name == key.name) {
        Some((_, aliases)) => arg.aliases(*aliases),
        None => arg,
    };
    match key.kind {
        // Not a flag without value for the parser: the words reach the configuration as typed.
        Kind::Bool => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        Kind::Integer | Kind::Float => arg.value_name("N"),
        Kind::Size => arg.value_name("BYTES"),
        Kind::Duration => arg.value_name("DURATION"),
        Kind::List => arg.value_name("LIST"),
        Kind::Map => arg.value_name("K=V"),
        _ => arg.value_name("TEXT"),
    }
}

impl FromArgMatches for ConfigFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut this = Self::default();
        this.update_from_arg_matches(matches)?;
        Ok(this)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in KEYS.iter() {
            if let Some(values) = matches.get_many::<String>(&key.name) {
                self.given.push((key.name.clone(), values.cloned().collect()));
            }
        }
        if matches.get_one::<bool>(NO_PEX) == Some(&true) {
            self.set("p2p.pex", "false");
        }
        Ok(())
    }
}
