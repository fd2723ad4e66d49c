//! Places in a source text.

use std::ops::Range;

/// A range of bytes in the source text that a node was read from.
///
/// Spans do not take part in comparison: two trees are equal when they mean the same, wherever they stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

impl Span {
    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The span as a range of byte offsets.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        offset(self.start)..offset(self.end)
    }

    /// The text the span covers; empty when the span belongs to another source.
    #[must_use]
    pub fn text(self, source: &str) -> &str {
        source.get(self.range()).unwrap_or("")
    }
}

/// Line and column of a character, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl LineColumn {
    /// The place of the character that starts at byte `offset`; an offset past the end is the end.
    #[must_use]
    pub fn of(source: &str, offset: usize) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.rsplit('\n').next().unwrap_or("").chars().count();
        let from_one = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        Self { line: from_one(line), column: from_one(column) }
    }
}

/// The first and the last character of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First character.
    pub start: LineColumn,
    /// Last character; equal to `start` for one character or an empty span.
    pub end: LineColumn,
}

impl Place {
    /// Where `span` lies in `source`.
    #[must_use]
    pub fn of(source: &str, span: Span) -> Self {
        let range = span.range();
        let start = LineColumn::of(source, range.start);
        let last = source
            .get(range.clone())
            .and_then(|text| text.char_indices().next_back())
            .map_or(range.start, |(offset, _)| range.start.saturating_add(offset));
        Self { start, end: LineColumn::of(source, last).max(start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let source = "é = 1;\n  bad";
        let at = source.find("bad").unwrap();
        assert_eq!(LineColumn::of(source, at), LineColumn { line: 2, column: 3 });
        assert_eq!(LineColumn::of(source, source.find('=').unwrap()).column, 3);
        assert_eq!(LineColumn::of(source, 999).line, 2);
    }

    #[test]
    fn a_place_ends_at_the_last_character() {
        let source = "a bcd";
        let place = Place::of(source, Span { start: 2, end: 5 });
        assert_eq!((place.start.column, place.end.column), (3, 5));
    }
}
