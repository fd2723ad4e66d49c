//! Taking typed fields out of JSON objects.

use std::collections::BTreeSet;

use kwil_types::Amount;

use super::Findings;
use crate::json::{Member, Node, Value};

/// Keys of documents written before version 0.10.
const OLD_KEYS: [&str; 2] = ["genesis_time", "consensus_params"];

/// An object whose keys are taken one by one; what is left at the end is unknown.
pub(super) struct Object<'a> {
    path: String,
    /// First occurrence of each key that was not taken yet.
    members: Vec<&'a Member>,
}

/// A field that was asked for: its path, and its value when it is there and not null.
pub(super) struct Found<'a> {
    path: String,
    line: u32,
    node: Option<&'a Node>,
}

impl<'a> Object<'a> {
    pub(super) fn new(path: &str, members: &'a [Member], findings: &mut Findings) -> Self {
        let mut object = Self { path: path.to_owned(), members: Vec::with_capacity(members.len()) };
        let mut seen = BTreeSet::new();
        for member in members {
            let field = object.join(&member.key);
            if seen.insert(&member.key) {
                findings.saw(&field, member.line);
                object.members.push(member);
            } else {
                findings.report(&field, member.line, "duplicate key");
            }
        }
        object
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Takes a field. Absent and null are alike.
    pub(super) fn take(&mut self, key: &str) -> Found<'a> {
        let path = self.join(key);
        let position = self.members.iter().position(|member| member.key == key);
        match position.map(|position| self.members.remove(position)) {
            Some(member) => {
                let node = Some(&member.node).filter(|node| node.value != Value::Null);
                Found { path, line: member.line, node }
            }
            None => Found { path, line: 0, node: None },
        }
    }

    /// Takes a field that has a second name; both at once are one too many.
    pub(super) fn take_alias(
        &mut self,
        key: &str,
        alias: &str,
        findings: &mut Findings,
    ) -> Found<'a> {
        let (found, other) = (self.take(key), self.take(alias));
        match (found.node, other.node) {
            (Some(_), Some(_)) => {
                other.report(findings, format!("given twice, as {key} and as {alias}"));
                found
            }
            (None, Some(_)) => other,
            (_, None) => found,
        }
    }

    /// Reports every key that nobody took.
    pub(super) fn finish(self, findings: &mut Findings) {
        for member in &self.members {
            let key = &member.key;
            let hint = if OLD_KEYS.contains(&key.as_str()) {
                ", this is a v0.9 or older genesis"
            } else {
                ""
            };
            findings.report(
                &self.join(key),
                member.line,
                format!("json: unknown field {key:?}{hint}"),
            );
        }
    }
}

impl<'a> Found<'a> {
    pub(super) fn value(&self) -> Option<&'a Value> {
        self.node.map(|node| &node.value)
    }

    /// Reports a problem with this field. A field that is not there has no line; that of its parent is found by path.
    pub(super) fn report(&self, findings: &mut Findings, message: impl Into<String>) {
        match self.line {
            0 => {
                let problem = crate::error::Problem::new(&self.path, None, message);
                findings.add_rules(vec![problem]);
            }
            line => findings.report(&self.path, line, message),
        }
    }

    pub(super) fn text(&self, findings: &mut Findings) -> Option<String> {
        match self.value()? {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.report(findings, "must be a string");
                None
            }
        }
    }

    pub(super) fn boolean(&self, findings: &mut Findings) -> Option<bool> {
        match self.value()? {
            Value::Bool(flag) => Some(*flag),
            _ => {
                self.report(findings, "must be true or false");
                None
            }
        }
    }

    /// A 64-bit integer; fractions and exponents are refused.
    pub(super) fn signed(&self, findings: &mut Findings) -> Option<i64> {
        match self.value()? {
            Value::Number(text) => match text.parse() {
                Ok(number) => Some(number),
                Err(_) => {
                    self.report(findings, "must be a 64-bit integer");
                    None
                }
            },
            _ => {
                self.report(findings, "must be an integer");
                None
            }
        }
    }

    /// An integer of any size, as a number or as decimal text.
    pub(super) fn amount(&self, findings: &mut Findings) -> Option<Amount> {
        let text = match self.value() {
            Some(Value::Number(text) | Value::Text(text)) => text,
            Some(_) => {
                self.report(findings, "must be an integer");
                return None;
            }
            None => {
                self.report(findings, "amount is missing");
                return None;
            }
        };
        if text.starts_with('-') {
            self.report(findings, "negative amount");
            return None;
        }
        match text.parse() {
            Ok(amount) => Some(amount),
            Err(error) => {
                let error: kwil_types::AmountError = error;
                self.report(findings, error.to_string());
                None
            }
        }
    }

    pub(super) fn object(&self, findings: &mut Findings) -> Option<Object<'a>> {
        match self.value()? {
            Value::Object(members) => Some(Object::new(&self.path, members, findings)),
            _ => {
                self.report(findings, "must be an object");
                None
            }
        }
    }

    /// Reads each element of a list; `None` stands for an element that could not be read.
    pub(super) fn list<T>(
        &self,
        findings: &mut Findings,
        read: fn(&Found<'_>, &mut Findings) -> Option<T>,
    ) -> Vec<Option<T>> {
        let nodes = match self.value() {
            Some(Value::List(nodes)) => nodes.as_slice(),
            Some(_) => {
                self.report(findings, "must be a list");
                &[]
            }
            None => &[],
        };
        let mut elements = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let found = Found {
                path: format!("{}[{index}]", self.path),
                line: node.line,
                node: Some(node),
            };
            findings.saw(&found.path, found.line);
            elements.push(read(&found, findings));
        }
        elements
    }
}
