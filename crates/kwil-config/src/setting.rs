//! How a value is read from TOML or from words, and written as TOML.

use std::collections::BTreeMap;

use kwil_types::GoDuration;
use toml::de::DeValue;

use crate::byte_size::ByteSize;
use crate::secret::Secret;

/// The shape of a value, for flags, help and completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `true` or `false`; the flag needs no value.
    Bool,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// One word: text, path, address, choice.
    Text,
    /// A Go duration.
    Duration,
    /// A size in bytes.
    Size,
    /// Words, comma separated or repeated.
    List,
    /// `name=value` pairs, comma separated or repeated.
    Map,
}

/// Where a new value is from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// A value of `config.toml`.
    Toml(&'a DeValue<'a>),
    /// The values of a flag, one per occurrence, or the one value of a variable.
    Words(&'a [String]),
}

impl Input<'_> {
    /// The only word that counts for a scalar: the last one.
    fn last(words: &[String]) -> &str {
        words.last().map_or("", String::as_str)
    }
}

/// A value that knows its text forms. Errors are texts for the operator without the key, which the caller adds.
pub(crate) trait Setting {
    /// Its shape.
    fn kind(&self) -> Kind;
    /// Replaces the value.
    fn read(&mut self, input: Input<'_>) -> Result<(), String>;
    /// The value in TOML.
    fn write(&self) -> String;
    /// True for values that logs and dumps must hide.
    fn is_secret(&self) -> bool {
        false
    }
}

/// A value whose whole text form is one word.
pub(crate) trait Word: Sized {
    /// What the operator should write, for the message about a wrong TOML type.
    const WHAT: &'static str;
    /// Shape for the flag.
    const KIND: Kind = Kind::Text;
    /// True when a TOML integer stands for its digits.
    const INTEGER: bool = false;
    /// Reads it.
    fn parse(text: &str) -> Result<Self, String>;
    /// Writes it so that `parse` reads the same value.
    fn show(&self) -> String;
    /// True for secrets.
    const SECRET: bool = false;
}

fn wrong_type(want: &str, value: &DeValue<'_>) -> String {
    format!("expected {want}, found {}", article(value.type_str()))
}

fn article(name: &str) -> String {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// The text of a scalar of any TOML type, for maps whose values are free text.
fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A TOML string: single quotes where nothing needs an escape.
pub(crate) fn quote(text: &str) -> String {
    if !text.contains('\'') && !text.chars().any(|c| c.is_control() && c != '\t') {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A TOML key: bare where possible.
pub(crate) fn quote_key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { name.to_owned() } else { quote(name) }
}

/// Splits at commas with CSV quoting: `a,"b,c"` is two words. Empty text has no words, spaces around words go.
pub(crate) fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                word.push('"');
            }
            '"' if quoted || word.trim().is_empty() => quoted = !quoted,
            ',' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    let words: Vec<String> = words.iter().map(|word| word.trim().to_owned()).collect();
    if words.iter().all(String::is_empty) { Vec::new() } else { words }
}

fn read_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err(format!("expected true or false, found {}", quote(text))),
    }
}

impl Setting for bool {
    fn kind(&self) -> Kind {
        Kind::Bool
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        *self = match input {
            Input::Toml(DeValue::Boolean(flag)) => *flag,
            Input::Toml(value) => return Err(wrong_type("true or false", value)),
            Input::Words(words) => read_bool(Input::last(words))?,
        };
        Ok(())
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

fn integer_text(input: Input<'_>) -> Result<String, String> {
    match input {
        Input::Toml(DeValue::Integer(number)) if number.radix() == 10 => {
            Ok(number.as_str().to_owned())
        }
        Input::Toml(DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix())
                .map(|n| n.to_string())
                .map_err(|_| format!("number {number} is too large"))
        }
        Input::Toml(value) => Err(wrong_type("a whole number", value)),
        Input::Words(words) => Ok(Input::last(words).trim().to_owned()),
    }
}

macro_rules! integer {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn kind(&self) -> Kind {
                Kind::Integer
            }

            fn read(&mut self, input: Input<'_>) -> Result<(), String> {
                let text = integer_text(input)?;
                *self = text.parse().map_err(|_| {
                    format!("expected a whole number from {} to {}, found {}", Self::MIN, Self::MAX, quote(&text))
                })?;
                Ok(())
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
// TOML integers end at 2^63 - 1, so nothing wider than i64 is offered.
integer!(u32, i64);

impl Setting for f64 {
    fn kind(&self) -> Kind {
        Kind::Float
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        let text = match input {
            Input::Toml(DeValue::Integer(number)) => number.to_string(),
            Input::Toml(DeValue::Float(number)) => number.as_str().to_owned(),
            Input::Toml(value) => return Err(wrong_type("a number", value)),
            Input::Words(words) => Input::last(words).trim().to_owned(),
        };
        let number: Self =
            text.parse().map_err(|_| format!("expected a number, found {}", quote(&text)))?;
        if !number.is_finite() {
            return Err(format!("expected a finite number, found {}", quote(&text)));
        }
        *self = number;
        Ok(())
    }

    fn write(&self) -> String {
        // `{:?}` keeps a fraction point, so the value stays a float in TOML.
        format!("{self:?}")
    }
}

impl<T: Word> Setting for T {
    fn kind(&self) -> Kind {
        T::KIND
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        *self = match input {
            Input::Toml(DeValue::String(text)) => T::parse(text)?,
            Input::Toml(DeValue::Integer(number)) if T::INTEGER => T::parse(number.as_str())?,
            Input::Toml(value) => return Err(wrong_type(T::WHAT, value)),
            Input::Words(words) => T::parse(Input::last(words))?,
        };
        Ok(())
    }

    fn write(&self) -> String {
        quote(&self.show())
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }
}

/// Empty text is absence.
impl<T: Word> Setting for Option<T> {
    fn kind(&self) -> Kind {
        T::KIND
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        let text = match input {
            Input::Toml(DeValue::String(text)) => text.to_string(),
            Input::Toml(DeValue::Integer(number)) if T::INTEGER => number.as_str().to_owned(),
            Input::Toml(value) => return Err(wrong_type(T::WHAT, value)),
            Input::Words(words) => Input::last(words).to_owned(),
        };
        *self = if text.trim().is_empty() { None } else { Some(T::parse(&text)?) };
        Ok(())
    }

    fn write(&self) -> String {
        self.as_ref().map_or_else(|| "''".to_owned(), |value| quote(&value.show()))
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }
}

impl<T: Word> Setting for Vec<T> {
    fn kind(&self) -> Kind {
        Kind::List
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        let words = match input {
            Input::Toml(DeValue::Array(items)) => {
                let mut words = Vec::new();
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::String(text) => words.push(text.to_string()),
                        other => return Err(wrong_type(&format!("a list of {}", T::WHAT), other)),
                    }
                }
                words
            }
            Input::Toml(DeValue::String(text)) => split_words(text),
            Input::Toml(value) => {
                return Err(wrong_type("a list of strings or one string with commas", value));
            }
            Input::Words(words) => words.iter().flat_map(|word| split_words(word)).collect(),
        };
        let mut list = Self::new();
        let mut faults = Vec::new();
        for word in &words {
            match T::parse(word) {
                Ok(value) => list.push(value),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
        *self = list;
        Ok(())
    }

    fn write(&self) -> String {
        let words: Vec<String> = self.iter().map(|value| quote(&value.show())).collect();
        format!("[{}]", words.join(", "))
    }
}

impl Setting for BTreeMap<String, String> {
    fn kind(&self) -> Kind {
        Kind::Map
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        let mut map = Self::new();
        match input {
            Input::Toml(DeValue::Table(table)) => {
                for (name, value) in table.iter() {
                    let text = scalar_text(value.get_ref())
                        .ok_or_else(|| wrong_type("text or a number", value.get_ref()))?;
                    map.insert(name.get_ref().to_string(), text);
                }
            }
            Input::Toml(DeValue::String(text)) => pairs(&split_words(text), &mut map)?,
            Input::Toml(value) => return Err(wrong_type("a table of names and values", value)),
            Input::Words(words) => {
                for word in words {
                    pairs(&split_words(word), &mut map)?;
                }
            }
        }
        *self = map;
        Ok(())
    }

    fn write(&self) -> String {
        if self.is_empty() {
            return "{}".to_owned();
        }
        let pairs: Vec<String> = self
            .iter()
            .map(|(name, value)| format!("{} = {}", quote_key(name), quote(value)))
            .collect();
        format!("{{ {} }}", pairs.join(", "))
    }
}

fn pairs(words: &[String], map: &mut BTreeMap<String, String>) -> Result<(), String> {
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("expected name=value, found {}", quote(word)))?;
        map.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(())
}

impl Word for String {
    const WHAT: &'static str = "a string";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Word for GoDuration {
    const WHAT: &'static str = "a duration in quotes like '1m30s'";
    const KIND: Kind = Kind::Duration;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: kwil_types::DurationError| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Word for Secret {
    const WHAT: &'static str = "a string";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn show(&self) -> String {
        self.expose().to_owned()
    }
}

impl Setting for ByteSize {
    fn kind(&self) -> Kind {
        Kind::Size
    }

    fn read(&mut self, input: Input<'_>) -> Result<(), String> {
        let text = match input {
            Input::Toml(DeValue::String(text)) => text.to_string(),
            Input::Toml(DeValue::Integer(_)) => integer_text(input)?,
            Input::Toml(value) => return Err(wrong_type("a size in bytes", value)),
            Input::Words(words) => Input::last(words).to_owned(),
        };
        *self = text.parse().map_err(|error: crate::byte_size::ByteSizeError| error.to_string())?;
        Ok(())
    }

    fn write(&self) -> String {
        self.bytes().to_string()
    }
}

/// A closed set of words, any case; the error text is built by `$error`.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $name:ident { $($(#[doc = $variant_doc:literal])+ $variant:ident = $text:literal,)+ }
        error |$bad:ident| $error:expr
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $variant_doc])+ $variant,)+ }

        impl $name {
            /// Every word that may stand here.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::setting::Word for $name {
            const WHAT: &'static str = concat!("one of" $(, " '", $text, "'")+);

            fn parse(text: &str) -> Result<Self, String> {
                $(if text.eq_ignore_ascii_case($text) {
                    return Ok(Self::$variant);
                })+
                let $bad = text;
                Err($error)
            }

            fn show(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}
pub(crate) use choice;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_at_commas_outside_quotes() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            (" , ", &[]),
            ("a, b", &["a", "b"]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"say \"\"x\"\"\"", &["say \"x\""]),
            ("a,,b", &["a", "", "b"]),
        ];
        for (text, want) in cases {
            assert_eq!(split_words(text), want, "{text}");
        }
    }

    #[test]
    fn quoted_text_is_read_back_by_toml() {
        for text in
            ["", "plain", "it's", "tab\there", "line\nbreak", "back\\slash", "\"both'", "\u{7f}"]
        {
            let toml = format!("k = {}", quote(text));
            let table: toml::Table = toml.parse().unwrap();
            assert_eq!(table["k"].as_str(), Some(text), "{toml}");
        }
    }
}
