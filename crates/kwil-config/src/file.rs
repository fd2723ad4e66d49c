//! Reads the text of `config.toml` with line numbers.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::config::Config;
use crate::load::{Merge, Origin};
use crate::setting::Input;
use crate::suggest::nearest;

/// Old spellings of sections, read with a warning.
const OLD_SECTIONS: [(&str, &str); 3] =
    [("migration", "migrations"), ("statesync", "state_sync"), ("logging", "log")];

/// Old spellings of keys, read with a warning.
const OLD_KEYS: [(&str, &str); 3] = [
    ("migrations.from", "migrations.migrate_from"),
    ("mempool.MaxTxBytes", "mempool.max_tx_bytes"),
    ("erc20_bridge.block_sync_chuck_size", "erc20_bridge.block_sync_chunk_size"),
];

/// Words of other networks' files, and what they are called here.
const OTHER_WORDS: [(&str, &str); 5] = [
    ("persistent_peers", "p2p.bootnodes"),
    ("persistent-peers", "p2p.bootnodes"),
    ("seeds", "p2p.bootnodes"),
    ("boot_nodes", "p2p.bootnodes"),
    ("pg_host", "db.host"),
];

/// Reads the whole text into the merge.
pub(crate) fn read(text: &str, merge: &mut Merge) {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(1, |span| line_of(text, &span));
        merge.problem(None, Origin::File { line }, error.message().to_owned());
    }
    let names = Config::keys().into_iter().map(|key| key.name).collect();
    let sections =
        Config::default().sections().iter().map(|section| section.path().to_owned()).collect();
    let mut reader = Reader { text, merge, names, sections };
    reader.table("", table.get_ref());
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

struct Reader<'t, 'm> {
    text: &'t str,
    merge: &'m mut Merge,
    names: Vec<String>,
    sections: Vec<String>,
}

impl Reader<'_, '_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let origin = Origin::File { line: line_of(self.text, &name.span()) };
            self.entry(path, name, value, origin);
        }
    }

    fn entry(
        &mut self,
        path: &str,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        origin: Origin,
    ) {
        let written = crate::config::full_name(path, name.get_ref());
        let full = self.current_name(&written, &origin);
        if self.names.contains(&full) {
            self.merge.set(&full, Input::Toml(value.get_ref()), origin);
            return;
        }
        match value.get_ref() {
            DeValue::Table(inner) if full == "extensions" => self.extensions(inner),
            DeValue::Table(inner) if self.sections.contains(&full) => self.table(&full, inner),
            other if full == "extensions" || self.sections.contains(&full) => {
                let message =
                    format!("expected a section, found a value of type {}", other.type_str());
                self.merge.problem(Some(&full), origin, message);
            }
            _ => {
                let guess = self.guess(&written);
                let guess =
                    guess.map(|guess| format!(" (did you mean `{guess}`?)")).unwrap_or_default();
                self.merge.problem(Some(&written), origin, format!("unrecognized field{guess}"));
            }
        }
    }

    /// Turns old spellings into the current ones.
    fn current_name(&mut self, written: &str, origin: &Origin) -> String {
        let old = OLD_SECTIONS.iter().chain(&OLD_KEYS).find(|(old, _)| *old == written);
        match old {
            Some((old, new)) => {
                self.merge
                    .warnings
                    .push(format!("{origin}: `{old}` is an old spelling of `{new}`"));
                (*new).to_owned()
            }
            None => written.to_owned(),
        }
    }

    fn extensions(&mut self, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let origin = Origin::File { line: line_of(self.text, &name.span()) };
            let mut settings = std::collections::BTreeMap::new();
            let outcome = match value.get_ref() {
                table @ DeValue::Table(_) => {
                    crate::setting::Setting::read(&mut settings, Input::Toml(table))
                }
                other => {
                    Err(format!("expected a section, found a value of type {}", other.type_str()))
                }
            };
            match outcome {
                Ok(()) => {
                    self.merge.config.extensions.insert(name.get_ref().to_string(), settings);
                }
                Err(message) => {
                    self.merge.problem(
                        Some(&format!("extensions.{}", name.get_ref())),
                        origin,
                        message,
                    );
                }
            }
        }
    }

    /// The key that was probably meant: a word of another program, the same word in another section, or a near one.
    fn guess(&self, written: &str) -> Option<&str> {
        let word = written.rsplit('.').next().unwrap_or(written);
        let foreign = OTHER_WORDS.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours);
        let same = || {
            self.names.iter().map(String::as_str).find(|name| name.rsplit('.').next() == Some(word))
        };
        let all = || {
            self.names
                .iter()
                .chain(&self.sections)
                .map(String::as_str)
                .filter(|name| !name.is_empty())
        };
        foreign.or_else(same).or_else(|| nearest(written, all()))
    }
}
