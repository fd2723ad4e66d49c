//! Actions, and extensions in use.

use std::collections::BTreeMap;

use kwil_lang::analyze::ActionSignature;
use kwil_lang::ast::CreateAction;
use kwil_lang::{LineColumn, Span};
use kwil_types::{DataType, Value};

use crate::interpret::Compiled;

/// A stored action.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The text it was made from, from its first character to the closing brace and a semicolon.
    pub source: Box<str>,
    /// That text, parsed.
    pub definition: CreateAction,
    /// Who may call it, and with what.
    pub signature: ActionSignature,
    /// Its compiled form, made at the first call.
    pub(crate) compiled: Compiled,
    /// Where the text began in what it was read from; the spans of the definition count from there.
    read_at: Span,
}

impl Action {
    /// An action of this text, which was read as `definition` and checked.
    #[must_use]
    pub fn new(source: Box<str>, definition: CreateAction, signature: ActionSignature) -> Self {
        let compiled = Compiled::default();
        Self { source, definition, signature, compiled, read_at: Span::default() }
    }

    /// The same action, read as this part of a longer text.
    pub(crate) fn read_at(self, read_at: Span) -> Self {
        Self { read_at, ..self }
    }

    /// Line and column in its text of what the definition has at this span.
    pub(crate) fn position(&self, span: Span) -> LineColumn {
        let start = span.start.saturating_sub(self.read_at.start);
        LineColumn::of(&self.source, usize::try_from(start).unwrap_or(usize::MAX))
    }
}

/// An extension that a namespace was made of by `USE … AS`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtensionUse {
    /// Name of the extension.
    pub extension: Box<str>,
    /// Options of `USE`, by name.
    pub options: BTreeMap<Box<str>, Value>,
    /// Its methods by name, as `info.actions` shows them.
    pub methods: BTreeMap<Box<str>, ExtensionMethod>,
}

/// What the catalog tells about a method of an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionMethod {
    /// `PUBLIC`, `VIEW` and so on, in upper case.
    pub modifiers: Vec<Box<str>>,
    /// Types of the parameters.
    pub parameters: Vec<DataType>,
    /// Names (empty for none) and types of the returned columns.
    pub returns: Vec<(Box<str>, DataType)>,
    /// Returns any number of rows.
    pub returns_table: bool,
}

impl ExtensionUse {
    /// Whether there is a method of this name.
    #[must_use]
    pub fn has_method(&self, name: &str) -> bool {
        self.methods.contains_key(name)
    }
}
