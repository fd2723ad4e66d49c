//! Questions to the person at the terminal.

use std::io::BufRead;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};

/// A yes-or-no question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The question, with its question mark.
    pub text: &'a str,
    /// The flag that answers it in scripts.
    pub flag: &'a str,
}

/// Asks; `yes` is the answer given by a flag.
///
/// # Errors
/// `declined` when the answer is no, or when nobody can be asked and no flag answers.
pub fn confirm(question: Question<'_>, yes: bool, context: &mut Context) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let Question { text, flag } = question;
    if !context.environment.interactive {
        return Err(CliError::new(
            ErrorCode::Declined,
            format!("{text} (stdin is not a terminal)"),
        )
        .hint(format!("answer with {flag}")));
    }
    context.output.note(&format!("{text} (y/n): "));
    match answer(&mut std::io::stdin().lock()) {
        Some(true) => Ok(()),
        Some(false) | None => Err(CliError::new(ErrorCode::Declined, "declined")),
    }
}

/// Reads answers until one is yes or no; the end of the input is none.
fn answer(input: &mut dyn BufRead) -> Option<bool> {
    for line in input.lines().take(10) {
        match line.ok()?.trim().to_lowercase().as_str() {
            "y" | "yes" => return Some(true),
            "n" | "no" => return Some(false),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_with_the_input() {
        for (text, want) in
            [("y\n", Some(true)), ("what\nNO\n", Some(false)), ("", None), ("x\nx\n", None)]
        {
            assert_eq!(answer(&mut text.as_bytes()), want, "{text:?}");
        }
    }
}
