//! The notices of a call.

use std::collections::VecDeque;
use std::fmt::Write;

/// Bytes of all notices of a call that are kept.
const MAX_BYTES: usize = 64 << 10;

/// What stands behind notices that were cut.
const CUT: &str = "(the log is cut here)";

/// Notices in the order in which they were written, and how many there were when each statement was handed to the
/// session.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Vec<Box<str>>,
    bytes: usize,
    is_cut: bool,
    /// For every statement that may still be waiting: lines before it.
    marks: VecDeque<usize>,
    /// The number of the statement that the first mark belongs to.
    first: u64,
}

impl Log {
    /// A log of a session that has finished this many statements.
    pub(crate) fn new(finished: u64) -> Self {
        Self { first: finished, ..Self::default() }
    }

    /// Adds a line. What does not fit into the bound is dropped.
    pub(crate) fn push(&mut self, text: &str) {
        let room = MAX_BYTES.saturating_sub(self.bytes);
        if self.is_cut || text.len() > room {
            self.is_cut = true;
            return;
        }
        self.bytes = self.bytes.saturating_add(text.len()).saturating_add(8);
        self.lines.push(text.into());
    }

    /// A statement is about to be handed to the session.
    pub(crate) fn mark(&mut self) {
        self.marks.push_back(self.lines.len());
    }

    /// True when a statement may still be waiting in the session.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Everything handed to the session is done.
    pub(crate) fn all_done(&mut self) {
        let done = u64::try_from(self.marks.len()).unwrap_or(u64::MAX);
        self.first = self.first.saturating_add(done);
        self.marks.clear();
    }

    /// A statement failed after `finished` others of the session: what was written after it was handed over never
    /// happened.
    pub(crate) fn cut_back(&mut self, finished: u64) {
        let place = usize::try_from(finished.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(lines) = self.marks.get(place) {
            self.is_cut &= *lines >= self.lines.len();
            self.lines.truncate(*lines);
        }
        self.all_done();
    }

    /// The log as users see it; it is empty afterwards.
    pub(crate) fn take(&mut self) -> String {
        let mut text = String::new();
        for (number, line) in self.lines.drain(..).enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            // Writing into a string cannot fail.
            let _ = write!(text, "{separator}{}. {line}", number.saturating_add(1));
        }
        if std::mem::take(&mut self.is_cut) {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(CUT);
        }
        self.bytes = 0;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_numbers_restart() {
        let mut log = Log::new(0);
        log.push("a");
        log.push("b\nc");
        assert_eq!(log.take(), "1. a\n2. b\nc");
        log.push("d");
        assert_eq!(log.take(), "1. d");
        assert_eq!(log.take(), "");
    }

    #[test]
    fn what_was_written_after_a_failed_statement_is_cut_off() {
        let mut log = Log::new(7);
        log.push("before");
        log.mark();
        log.push("between");
        log.mark();
        log.push("after");
        log.cut_back(8);
        assert_eq!(log.take(), "1. before\n2. between");
    }

    #[test]
    fn the_log_is_bounded() {
        let mut log = Log::new(0);
        for _ in 0..100 {
            log.push(&"x".repeat(1000));
        }
        let text = log.take();
        assert!(text.len() < MAX_BYTES + 1000 && text.ends_with(CUT), "{}", text.len());
    }
}
