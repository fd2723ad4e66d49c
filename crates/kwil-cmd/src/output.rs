//! Where results and errors are printed, and in which form.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::CliError;

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For people.
    Text,
    /// One JSON object for programs.
    Json,
}

/// The envelope around every JSON answer.
#[derive(Serialize)]
struct Envelope<'a, T> {
    result: Option<&'a T>,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
}

/// The terminal or pipe of one run.
pub struct Output {
    mode: Mode,
    colour: bool,
    silent: bool,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("mode", &self.mode)
            .field("silent", &self.silent)
            .finish_non_exhaustive()
    }
}

impl Output {
    /// Prints to the given places.
    #[must_use]
    pub fn new(mode: Mode, out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self { mode, colour: false, silent: false, out, err }
    }

    /// Prints to the standard streams of the process.
    #[must_use]
    pub fn standard(mode: Mode) -> Self {
        Self::new(mode, Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// Turns colour on or off.
    #[must_use]
    pub const fn with_colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// Silent: no text and no errors; JSON is printed all the same.
    #[must_use]
    pub const fn with_silence(mut self, silent: bool) -> Self {
        self.silent = silent;
        self
    }

    /// The form.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// True when escape sequences may be printed.
    #[must_use]
    pub const fn colour(&self) -> bool {
        self.colour
    }

    /// Prints a result: `value` in the JSON envelope, or the text with exactly one newline at its end.
    ///
    /// # Errors
    /// When the value cannot be written as JSON. A closed pipe is not an error: whoever read has seen enough.
    pub fn emit<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        match self.mode {
            Mode::Json => {
                self.envelope(&Envelope { result: Some(value), error: "", error_code: None })
            }
            Mode::Text => {
                self.text(&text());
                Ok(())
            }
        }
    }

    /// Prints a result that is JSON in both forms, without the envelope in text form.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn emit_json<T: Serialize>(&mut self, value: &T) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CliError::because("cannot write the result as JSON", &error))?;
        self.emit(value, || text)
    }

    /// Text on stdout that has no JSON form: help, completion scripts.
    pub fn text(&mut self, text: &str) {
        if self.silent {
            return;
        }
        let text = text.trim_end_matches('\n');
        write(&mut self.out, &format!("{text}\n"));
    }

    /// A failure: the envelope on stdout in JSON form, else the message and the hints on stderr.
    pub fn error(&mut self, error: &CliError) {
        if error.is_told() {
            return;
        }
        let message = error.to_string();
        if self.mode == Mode::Json {
            let envelope: Envelope<'_, ()> =
                Envelope { result: None, error: &message, error_code: Some(error.code().as_str()) };
            if self.envelope(&envelope).is_ok() {
                return;
            }
        }
        if self.silent {
            return;
        }
        let mut text = format!("{message}\n");
        let style = if self.colour {
            Style::new().fg_color(Some(AnsiColor::Cyan.into()))
        } else {
            Style::new()
        };
        for hint in error.hints() {
            text.push_str(&format!("{style}hint:{style:#} {hint}\n"));
        }
        write(&mut self.err, &text);
    }

    /// Something the person should know, on stderr.
    pub fn note(&mut self, text: &str) {
        if !self.silent {
            write(&mut self.err, &format!("{text}\n"));
        }
    }

    /// Something that may be wrong, on stderr.
    pub fn warn(&mut self, text: &str) {
        self.note(&format!("warning: {text}"));
    }

    fn envelope<T: Serialize>(&mut self, envelope: &Envelope<'_, T>) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(envelope)
            .map_err(|error| CliError::because("cannot write the result as JSON", &error))?;
        write(&mut self.out, &format!("{text}\n"));
        Ok(())
    }
}

/// A stream that is closed at the other end has nobody to complain to.
fn write(stream: &mut Box<dyn Write + Send>, text: &str) {
    if stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_err() {
        *stream = Box::new(io::sink());
    }
}

/// Output that is kept, for tests of this crate and its users.
#[cfg(test)]
pub(crate) mod kept {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn output(mode: Mode) -> (Output, Kept, Kept) {
        let (out, err) = (Kept::default(), Kept::default());
        (Output::new(mode, Box::new(out.clone()), Box::new(err.clone())), out, err)
    }
}

#[cfg(test)]
mod tests {
    use super::kept::output;
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn text_ends_in_exactly_one_newline() {
        for text in ["a", "a\n", "a\n\n"] {
            let (mut io, out, _) = output(Mode::Text);
            io.emit(&1, || text.to_owned()).unwrap();
            assert_eq!(out.text(), "a\n");
        }
    }

    #[test]
    fn json_is_enveloped_for_success_and_failure() {
        let (mut io, out, err) = output(Mode::Json);
        io.emit(&serde_json::json!({"tx_hash": "01\"02"}), String::new).unwrap();
        io.error(&CliError::new(ErrorCode::NotFound, "no \"such\" thing").hint("look elsewhere"));
        assert_eq!(err.text(), "");
        insta::assert_snapshot!(out.text(), @r#"
        {
          "result": {
            "tx_hash": "01\"02"
          },
          "error": ""
        }
        {
          "result": null,
          "error": "no \"such\" thing",
          "error_code": "not_found"
        }
        "#);
    }

    #[test]
    fn failures_in_text_are_a_bare_message_and_hints_on_stderr() {
        let (mut io, out, err) = output(Mode::Text);
        io.error(&CliError::failed("it broke").hint("mend it").hint("or buy another"));
        assert_eq!(out.text(), "");
        assert_eq!(err.text(), "it broke\nhint: mend it\nhint: or buy another\n");
    }

    #[test]
    fn silence_hides_text_and_errors_but_not_json() {
        let (io, out, err) = output(Mode::Text);
        let mut io = io.with_silence(true);
        io.emit(&1, || "a".to_owned()).unwrap();
        io.error(&CliError::failed("b"));
        assert_eq!((out.text(), err.text()), (String::new(), String::new()));
        let (io, out, _) = output(Mode::Json);
        io.with_silence(true).emit(&1, String::new).unwrap();
        assert!(out.text().contains("\"result\": 1"));
    }
}
