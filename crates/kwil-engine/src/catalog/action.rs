//! Actions, and extensions in use.

use std::collections::BTreeMap;

use kwil_lang::analyze::ActionSignature;
use kwil_lang::ast::CreateAction;
use kwil_types::Value;

/// A stored action.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The text it was made from, from its first character to the closing brace and a semicolon.
    pub source: Box<str>,
    /// That text, parsed.
    pub definition: CreateAction,
    /// Who may call it, and with what.
    pub signature: ActionSignature,
}

/// An extension that a namespace was made of by `USE … AS`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtensionUse {
    /// Name of the extension.
    pub extension: Box<str>,
    /// Options of `USE`, by name.
    pub options: BTreeMap<Box<str>, Value>,
    /// Names of its methods, in order.
    pub methods: Vec<Box<str>>,
}

impl ExtensionUse {
    /// Whether there is a method of this name.
    #[must_use]
    pub fn has_method(&self, name: &str) -> bool {
        self.methods.iter().any(|method| &**method == name)
    }
}
