//! Writes `config.toml`, commented.

use std::collections::BTreeMap;

use crate::config::{Config, env_name, full_name};
use crate::load::Origin;
use crate::section::{Declared, Section};
use crate::setting::{Setting, quote, quote_key};

/// What the writer adds or hides.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions<'a> {
    /// Shows passwords as `***`. The text then no longer loads to the same value.
    pub mask_secrets: bool,
    /// Adds a comment with the source of each value.
    pub origins: Option<&'a BTreeMap<String, Origin>>,
}

/// First lines of the file.
const HEAD: &str = "\
# Configuration of a kwild node.
# Priority: KWILD_* environment variables, then flags, then this file, then the defaults.
";

impl Config {
    /// The text of `config.toml`: every key with its meaning, its default and its variable. Loading the text gives the
    /// same values (unless secrets are masked).
    #[must_use]
    pub fn to_toml(&self, options: WriteOptions<'_>) -> String {
        let defaults = Self::default();
        let mut out = HEAD.to_owned();
        for (section, default) in self.sections().into_iter().zip(defaults.sections()) {
            heading(section, &mut out);
            for declared in section.declared() {
                let (Some(setting), Some(default)) =
                    (section.setting(declared.name), default.setting(declared.name))
                else {
                    continue;
                };
                entry(&Entry { section, declared, setting, default }, options, &mut out);
            }
        }
        for (name, settings) in &self.extensions {
            push(&mut out, format_args!("\n[extensions.{}]\n", quote_key(name)));
            for (key, value) in settings {
                push(&mut out, format_args!("{} = {}\n", quote_key(key), quote(value)));
            }
        }
        out
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&text.to_string());
}

fn heading(section: &dyn Section, out: &mut String) {
    out.push('\n');
    if section.path().is_empty() {
        return;
    }
    for line in section.title() {
        push(out, format_args!("#{line}\n"));
    }
    push(out, format_args!("[{}]\n", section.path()));
}

struct Entry<'a> {
    section: &'a dyn Section,
    declared: &'a Declared,
    setting: &'a dyn Setting,
    default: &'a dyn Setting,
}

fn entry(entry: &Entry<'_>, options: WriteOptions<'_>, out: &mut String) {
    let Entry { section, declared, setting, default } = entry;
    let key = full_name(section.path(), declared.name);
    for line in declared.docs {
        push(out, format_args!("#{line}\n"));
    }
    let (value, default) = (setting.write(), default.write());
    push(out, format_args!("# (default {default}, env {})\n", env_name(&key)));
    if let Some(origins) = options.origins {
        push(out, format_args!("# from: {}\n", origins.get(&key).unwrap_or(&Origin::Default)));
    }
    let unset = if declared.optional && value == default { "# " } else { "" };
    let masked = options.mask_secrets && setting.is_secret() && value != default;
    let value = if masked { "'***'".to_owned() } else { value };
    push(out, format_args!("{unset}{} = {value}\n", declared.name));
}
