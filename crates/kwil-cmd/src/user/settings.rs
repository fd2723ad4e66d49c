//! Provider, key and network of a user: variables before flags before the file before defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kwil_crypto::auth::Signer;
use kwil_crypto::{KeyType, PrivateKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::cli::UserArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::files::{warn_about_mode, write_replacing};

/// The node that is asked when nobody names one.
pub(crate) const DEFAULT_PROVIDER: &str = "http://127.0.0.1:8484";

/// `config.json`: keys of old releases, and ours that they ignore.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SettingsFile {
    /// Key in hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub private_key: String,
    /// Endpoint of a node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// Name of the network.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chain_id: String,
    /// File with the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub private_key_file: String,
    /// Profile that is used when none is named.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default_profile: String,
    /// Other sets of the same keys by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Self>,
}

impl std::fmt::Debug for SettingsFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettingsFile")
            .field("provider", &self.provider)
            .field("chain_id", &self.chain_id)
            .finish_non_exhaustive()
    }
}

impl SettingsFile {
    /// Reads the file; a missing one is empty.
    ///
    /// # Errors
    /// A file that cannot be read or is not JSON of this shape.
    pub fn load(path: &Path, context: &mut Context) -> Result<Self, CliError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = Zeroizing::new(context.read_text("the config file", path)?);
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let file: Self = serde_json::from_str(&text).map_err(|error| {
            // The text of the parser's error may contain a value, so only its place is told.
            let place = format!("line {}, column {}", error.line(), error.column());
            CliError::usage(format!("the config file {} is not valid: {place}", path.display()))
        })?;
        if !file.private_key.is_empty() {
            warn_about_mode(path, "the config file with a private key", &mut context.output);
        }
        Ok(file)
    }

    /// Writes the file, readable by its owner only.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), CliError> {
        let failed =
            |error: &dyn std::error::Error| CliError::because("cannot save the config file", error);
        if let Some(folder) = path.parent() {
            use std::os::unix::fs::DirBuilderExt;
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(&error))?;
        let text = Zeroizing::new(format!("{text}\n"));
        write_replacing(path, text.as_bytes(), 0o600).map_err(|error| failed(&error))
    }

    /// The values of a profile, completed by those outside of any.
    fn profile(&self, name: &str) -> Option<Self> {
        let profile = self.profiles.get(name)?;
        let or =
            |own: &String, outer: &String| if own.is_empty() { outer.clone() } else { own.clone() };
        // A profile with a key file must not fall back to the key outside.
        let has_key = !profile.private_key.is_empty() || !profile.private_key_file.is_empty();
        let key = |own: &String, outer: &String| if has_key { own.clone() } else { outer.clone() };
        Some(Self {
            private_key: key(&profile.private_key, &self.private_key),
            private_key_file: key(&profile.private_key_file, &self.private_key_file),
            provider: or(&profile.provider, &self.provider),
            chain_id: or(&profile.chain_id, &self.chain_id),
            ..Self::default()
        })
    }
}

/// What a command works with.
#[derive(Clone)]
pub struct Settings {
    /// Endpoint as text.
    pub provider: String,
    /// Key in hex, empty for none.
    pub(crate) private_key: Zeroizing<String>,
    /// File with the key, empty for none.
    pub(crate) private_key_file: String,
    /// Name of the network, empty to trust the node.
    pub chain_id: String,
    /// The configuration file.
    pub path: PathBuf,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("provider", &self.provider)
            .field("chain_id", &self.chain_id)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Merges variables, flags, file and defaults. A variable that overrides another flag value is told on stderr.
    ///
    /// # Errors
    /// A named file that does not exist, a file that cannot be read, an unknown profile.
    pub fn merge(args: &UserArgs, context: &mut Context) -> Result<Self, CliError> {
        let named = pick("KWILCLI_CONFIG", "config", args.config.as_deref(), context);
        let path = match &named {
            Some(text) => context.path(text),
            None => context.path("~/.kwil-cli/config.json"),
        };
        if named.is_some() && !path.exists() {
            return Err(CliError::usage(format!(
                "specified config file at {} not found",
                path.display()
            )));
        }
        let file = SettingsFile::load(&path, context)?;
        let profile = pick("KWILCLI_PROFILE", "profile", args.profile.as_deref(), context);
        let profile =
            profile.or_else(|| Some(file.default_profile.clone()).filter(|name| !name.is_empty()));
        let file = match profile {
            Some(name) => {
                file.profile(&name).ok_or_else(|| unknown_profile(&name, &file, &path))?
            }
            None => file,
        };
        let provider = pick("KWILCLI_PROVIDER", "provider", args.provider.as_deref(), context);
        let key = pick("KWILCLI_PRIVATE_KEY", "private-key", args.private_key.as_deref(), context);
        let key_file = pick(
            "KWILCLI_PRIVATE_KEY_FILE",
            "private-key-file",
            args.private_key_file.as_deref(),
            context,
        );
        let chain_id = pick("KWILCLI_CHAIN_ID", "chain-id", args.chain_id.as_deref(), context);
        // A key that is named closer to the command hides one that is named farther away in the other form.
        let (key, key_file) = match (key, key_file) {
            (None, None) => (file.private_key.clone(), file.private_key_file.clone()),
            (key, key_file) => (key.unwrap_or_default(), key_file.unwrap_or_default()),
        };
        let provider = provider.or(Some(file.provider).filter(|text| !text.is_empty()));
        Ok(Self {
            provider: provider.unwrap_or_else(|| DEFAULT_PROVIDER.to_owned()),
            private_key: Zeroizing::new(key),
            private_key_file: key_file,
            chain_id: chain_id.unwrap_or(file.chain_id),
            path,
        })
    }

    /// True when a key is configured.
    #[must_use]
    pub fn has_key(&self) -> bool {
        !self.private_key.is_empty() || !self.private_key_file.is_empty()
    }

    /// The user's key.
    ///
    /// # Errors
    /// No key, or one that cannot be read.
    pub fn key(&self, context: &mut Context) -> Result<PrivateKey, CliError> {
        let text = if !self.private_key.is_empty() {
            self.private_key.clone()
        } else if !self.private_key_file.is_empty() {
            let path = context.path(&self.private_key_file);
            warn_about_mode(&path, "the key file", &mut context.output);
            Zeroizing::new(context.read_text("the private key", &path)?)
        } else {
            return Err(CliError::usage("private key not provided")
                .hint("use --private-key, KWILCLI_PRIVATE_KEY, or kwil-cli configure"));
        };
        parse_key(&text)
            .map_err(|error| CliError::usage(format!("failed to parse private key: {error}")))
    }

    /// Who signs: the key as an Ethereum address.
    ///
    /// # Errors
    /// As [`Settings::key`].
    pub fn signer(&self, context: &mut Context) -> Result<Signer, CliError> {
        Ok(Signer::user(self.key(context)?))
    }
}

/// Hex, with or without `0x`; a file may hold a node's key JSON instead.
pub(crate) fn parse_key(text: &str) -> Result<PrivateKey, String> {
    let text = text.trim();
    if text.starts_with('{') {
        return crate::key::parse_key_file(text).map_err(|error| crate::error::chain(&error));
    }
    let hex = text.strip_prefix("0x").unwrap_or(text);
    PrivateKey::from_hex(KeyType::Secp256k1, hex).map_err(|error| error.to_string())
}

fn unknown_profile(name: &str, file: &SettingsFile, path: &Path) -> CliError {
    let error = CliError::usage(format!("no profile \"{name}\" in {}", path.display()));
    match kwil_config::nearest(name, file.profiles.keys().map(String::as_str)) {
        Some(guess) => error.hint(format!("did you mean {guess}?")),
        None => error,
    }
}

/// The variable, else the flag.
fn pick(variable: &str, flag: &str, given: Option<&str>, context: &mut Context) -> Option<String> {
    let value = context.environment.variable(variable).map(str::to_owned);
    if let (Some(value), Some(given)) = (&value, given)
        && value != given
    {
        context.output.warn(&format!("variable {variable} overrides flag --{flag}"));
    }
    value.or_else(|| given.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Environment;
    use crate::output::Mode;
    use crate::output::kept::output;

    fn context(home: &Path, variables: &[(&str, &str)]) -> Context {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let environment = Environment {
            variables,
            cwd: home.to_path_buf(),
            home: Some(home.to_path_buf()),
            interactive: false,
        };
        Context { output: output(Mode::Text).0, environment, root_flag: None, debug: false }
    }

    #[test]
    fn variables_beat_flags_beat_profiles_beat_the_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".kwil-cli/config.json");
        let dev = SettingsFile { provider: "http://dev:1".to_owned(), ..SettingsFile::default() };
        let file = SettingsFile {
            provider: "http://file:1".to_owned(),
            chain_id: "file-chain".to_owned(),
            profiles: [("dev".to_owned(), dev)].into(),
            ..SettingsFile::default()
        };
        file.save(&path).unwrap();
        let merge = |args: &UserArgs, env: &[(&str, &str)]| {
            Settings::merge(args, &mut context(home.path(), env)).unwrap()
        };
        assert_eq!(merge(&UserArgs::default(), &[]).provider, "http://file:1");
        let profile = UserArgs { profile: Some("dev".to_owned()), ..UserArgs::default() };
        let merged = merge(&profile, &[]);
        assert_eq!(
            (merged.provider.as_str(), merged.chain_id.as_str()),
            ("http://dev:1", "file-chain")
        );
        let flag = UserArgs { provider: Some("http://flag:1".to_owned()), ..profile };
        assert_eq!(merge(&flag, &[]).provider, "http://flag:1");
        assert_eq!(merge(&flag, &[("KWILCLI_PROVIDER", "http://env:1")]).provider, "http://env:1");
        let none = tempfile::tempdir().unwrap();
        let fresh = Settings::merge(&UserArgs::default(), &mut context(none.path(), &[])).unwrap();
        assert_eq!(fresh.provider, DEFAULT_PROVIDER);
    }

    #[test]
    fn files_of_old_releases_are_read_and_broken_ones_are_named_without_their_content() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("c.json");
        std::fs::write(
            &path,
            "{\"private_key\":\"ab\",\"provider\":\"p\",\"chain_id\":\"c\",\"more\":1}",
        )
        .unwrap();
        let mut context = context(home.path(), &[]);
        assert_eq!(SettingsFile::load(&path, &mut context).unwrap().provider, "p");
        std::fs::write(&path, "{\"private_key\": 7secret}").unwrap();
        let error = SettingsFile::load(&path, &mut context).unwrap_err().to_string();
        assert!(error.contains("is not valid: line 1") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn keys_are_hex_with_or_without_prefix() {
        let hex = "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e";
        for text in [
            hex.to_owned(),
            format!("0x{hex}\n"),
            format!("{{\"key\":\"{hex}\",\"type\":\"secp256k1\"}}"),
        ] {
            assert_eq!(*parse_key(&text).unwrap().to_hex(), hex);
        }
        assert!(parse_key("xyz").is_err());
    }
}
