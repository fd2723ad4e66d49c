//! One line on the terminal that says how far something is, how fast it goes and how long it will take.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use kwil_types::GoDuration;

/// How far something was at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) done: u64,
    pub(crate) total: u64,
    /// Since the beginning.
    pub(crate) elapsed: Duration,
}

/// Speed and remaining time follow from what was done since the first mark.
pub(crate) fn line(what: &str, unit: &str, first: Mark, now: Mark) -> String {
    let percent = if now.total == 0 { 100.0 } else { now.done as f64 * 100.0 / now.total as f64 };
    let mut text = format!("{what} {}/{} ({:.1}%)", now.done, now.total, percent.min(100.0));
    let seconds = now.elapsed.saturating_sub(first.elapsed).as_secs_f64();
    let gained = now.done.saturating_sub(first.done);
    if seconds >= 1.0 && gained > 0 {
        let rate = gained as f64 / seconds;
        let left = now.total.saturating_sub(now.done) as f64 / rate;
        let eta = Duration::try_from_secs_f64(left.ceil())
            .ok()
            .and_then(|left| GoDuration::from_std(left).ok());
        text.push_str(&format!(", {rate:.0} {unit}/s"));
        if let Some(eta) = eta {
            text.push_str(&format!(", ETA {eta}"));
        }
    }
    text
}

/// Shows a line in place of the last one; shows nothing where nobody looks.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    shown: usize,
    visible: bool,
}

impl ProgressLine {
    pub(crate) fn on_stderr() -> Self {
        Self { shown: 0, visible: io::stderr().is_terminal() }
    }

    pub(crate) fn show(&mut self, text: &str) {
        if self.visible {
            let width = text.chars().count();
            let blanks = " ".repeat(self.shown.saturating_sub(width));
            self.shown = width;
            // A line that cannot be shown is not worth an error.
            let _ = write!(io::stderr(), "\r{text}{blanks}");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown > 0 {
            let _ = writeln!(io::stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(done: u64, total: u64, seconds: u64) -> Mark {
        Mark { done, total, elapsed: Duration::from_secs(seconds) }
    }

    #[test]
    fn speed_and_remaining_time_come_from_what_was_done_so_far() {
        let first = mark(100, 1000, 0);
        assert_eq!(line("syncing", "blocks", first, first), "syncing 100/1000 (10.0%)");
        let later = mark(300, 1000, 2);
        assert_eq!(
            line("syncing", "blocks", first, later),
            "syncing 300/1000 (30.0%), 100 blocks/s, ETA 7s"
        );
        let slow = mark(101, 500_000, 100);
        assert_eq!(
            line("syncing", "blocks", first, slow),
            "syncing 101/500000 (0.0%), 0 blocks/s, ETA 13886h5m0s"
        );
        assert_eq!(line("syncing", "blocks", mark(0, 0, 0), mark(0, 0, 9)), "syncing 0/0 (100.0%)");
    }
}
