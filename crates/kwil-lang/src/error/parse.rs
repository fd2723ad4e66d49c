//! Errors of the parser, with the place and an excerpt of the source.

use std::fmt::{self, Write};

use super::ErrorClass;
use crate::{Place, Span};

/// Characters of a source line that an excerpt shows at most.
const EXCERPT: usize = 120;

/// One fault of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// Its class; always one of the `Parse.*` classes.
    pub class: ErrorClass,
    /// What is wrong: what was found, and what was expected.
    pub detail: String,
    /// The offending bytes.
    pub span: Span,
    /// The offending characters as lines and columns.
    pub place: Place,
    line: String,
    caret: usize,
    marks: usize,
}

impl ParseError {
    pub(crate) fn new(source: &str, class: ErrorClass, span: Span, detail: String) -> Self {
        let place = Place::of(source, span);
        let (line, caret) = excerpt(source, span);
        let wanted = span.text(source).lines().next().unwrap_or("").chars().count();
        let room = line.chars().count().saturating_sub(caret);
        let marks = wanted.min(room).max(1);
        Self { class, detail, span, place, line, caret, marks }
    }

    /// The source line with carets under what is wrong; two lines.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let indent = " ".repeat(self.caret);
        format!("{}\n{indent}{}", self.line, "^".repeat(self.marks))
    }

    /// Message, place and excerpt, for people.
    #[must_use]
    pub fn report(&self) -> String {
        let number = self.place.start.line.to_string();
        let margin = " ".repeat(number.len());
        let mut text = format!("{}: {}\n", self.class.text(), self.detail);
        let mut excerpt = self.excerpt();
        if let Some(end) = excerpt.find('\n') {
            excerpt.replace_range(end..=end, &format!("\n{margin} | "));
        }
        let column = self.place.start.column;
        // Writing to a string cannot fail.
        let _ = write!(text, "{margin}--> line {number}, column {column}\n{number} | {excerpt}");
        text
    }
}

/// The line where `span` starts, cut around it, and the characters in front of it.
fn excerpt(source: &str, span: Span) -> (String, usize) {
    let start = span.range().start.min(source.len());
    let before = source.get(..start).unwrap_or("");
    let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let line = source.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
    let column = source.get(line_start..start).unwrap_or("").chars().count();
    let skip = column.saturating_sub(EXCERPT / 2);
    let shown = line
        .chars()
        .skip(skip)
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>();
    (shown, column.saturating_sub(skip))
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { start, end } = self.place;
        write!(f, "(sql) {}: {}", self.class.text(), self.detail)?;
        if start == end {
            write!(f, "\n  location {}:{}", start.line, start.column)
        } else {
            let (from, to) = (start, end);
            write!(f, "\n  start {}:{} end {}:{}", from.line, from.column, to.line, to.column)
        }
    }
}

impl std::error::Error for ParseError {}

/// All faults found in a text; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseErrors {
    errors: Vec<ParseError>,
}

impl ParseErrors {
    /// `first` keeps the list from being empty.
    pub(crate) fn new(first: ParseError, rest: impl IntoIterator<Item = ParseError>) -> Self {
        let mut errors = vec![first];
        errors.extend(rest);
        Self { errors }
    }

    /// The faults in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &ParseError> {
        self.errors.iter()
    }

    /// The class of the first fault, which decides how the whole is reported.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.errors.first().map_or(ErrorClass::Syntax, |error| error.class)
    }

    /// How many faults there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.errors.len()
    }

    /// Every fault with its excerpt, for people.
    #[must_use]
    pub fn report(&self) -> String {
        self.errors.iter().map(ParseError::report).collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parse error: error in top-level statement <script>: ")?;
        if let [only] = self.errors.as_slice() {
            return only.fmt(f);
        }
        f.write_str("detected multiple parse errors:")?;
        for (number, error) in (1_u32..).zip(&self.errors) {
            write!(f, "\n error {number}: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseErrors {}
