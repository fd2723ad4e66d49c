//! `format`, with PostgreSQL's specifiers: `%[position$][-][width]type`, type one of `s`, `I`, `L`.

use kwil_types::Value;

use super::super::check_bytes;
use super::keyword::is_quoted_keyword;
use super::output::{array_text, scalar_text};
use super::{Call, Evaluated, out_of_range, text_value};
use crate::{Failure, Limits};

pub(super) fn format(call: &Call<'_>) -> Evaluated {
    let Some(template) = call.text(0) else { return Ok(call.null()) };
    let mut writer = Writer { text: String::new(), limits: call.limits };
    let mut cursor = Cursor { rest: template };
    // Argument 0 is the template.
    let mut next = 1;
    while let Some((plain, rest)) = cursor.rest.split_once('%') {
        writer.push(plain)?;
        cursor = Cursor { rest };
        if cursor.peek()? == '%' {
            writer.push("%")?;
            cursor.advance();
            continue;
        }
        let specifier = cursor.specifier()?;
        specifier.write(call, &mut next, &mut writer)?;
    }
    writer.push(cursor.rest)?;
    text_value(writer.text)
}

fn invalid(message: &str) -> Failure {
    Failure::sql("22023", message)
}

/// The text so far; refuses to become longer than a value may be.
struct Writer<'l> {
    text: String,
    limits: &'l Limits,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) -> Evaluated<()> {
        check_bytes(self.text.len().checked_add(text.len()), self.limits)?;
        self.text.push_str(text);
        Ok(())
    }

    fn push_padded(&mut self, text: &str, is_left: bool, width: usize) -> Evaluated<()> {
        let missing = width.saturating_sub(text.chars().count());
        check_bytes(self.text.len().checked_add(missing), self.limits)?;
        let blanks = " ".repeat(missing);
        let (first, second) = if is_left { (text, blanks.as_str()) } else { (&*blanks, text) };
        self.push(first)?;
        self.push(second)
    }
}

struct Cursor<'t> {
    rest: &'t str,
}

impl Cursor<'_> {
    fn peek(&self) -> Evaluated<char> {
        let next = self.rest.chars().next();
        next.ok_or_else(|| invalid("unterminated format() type specifier"))
    }

    fn advance(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    fn number(&mut self) -> Evaluated<Option<i32>> {
        let mut number: Option<i32> = None;
        while let Some(digit) = self.peek()?.to_digit(10) {
            let digit = i32::try_from(digit).map_err(|_| out_of_range())?;
            let longer = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit));
            number = Some(longer.ok_or_else(number_out_of_range)?);
            self.advance();
        }
        Ok(number)
    }

    /// Reads what stands between `%` and the end of the type.
    fn specifier(&mut self) -> Evaluated<Specifier> {
        let mut specifier =
            Specifier { argument: None, is_left: false, width: Width::Fixed(0), kind: 's' };
        let first = self.number()?;
        match first {
            Some(number) if self.peek()? == '$' => {
                specifier.argument = Some(argument_number(number)?);
                self.advance();
                self.flags_and_width(&mut specifier)?;
            }
            Some(number) => specifier.width = Width::Fixed(number),
            None => self.flags_and_width(&mut specifier)?,
        }
        specifier.kind = self.peek()?;
        if !matches!(specifier.kind, 's' | 'I' | 'L') {
            let kind = specifier.kind;
            return Err(invalid(&format!("unrecognized format() type specifier \"{kind}\"")));
        }
        self.advance();
        Ok(specifier)
    }

    fn flags_and_width(&mut self, specifier: &mut Specifier) -> Evaluated<()> {
        while self.peek()? == '-' {
            specifier.is_left = true;
            self.advance();
        }
        if self.peek()? != '*' {
            specifier.width = Width::Fixed(self.number()?.unwrap_or(0));
            return Ok(());
        }
        self.advance();
        let Some(number) = self.number()? else {
            specifier.width = Width::Argument(None);
            return Ok(());
        };
        if self.peek()? != '$' {
            return Err(invalid("width argument position must be ended by \"$\""));
        }
        specifier.width = Width::Argument(Some(argument_number(number)?));
        self.advance();
        Ok(())
    }
}

fn number_out_of_range() -> Failure {
    Failure::sql("22003", "number is out of range")
}

fn argument_number(number: i32) -> Evaluated<usize> {
    match usize::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => {
            Err(invalid("format specifies argument 0, but arguments are numbered from 1"))
        }
    }
}

enum Width {
    Fixed(i32),
    /// The number of the argument; `None` is the next one.
    Argument(Option<usize>),
}

struct Specifier {
    argument: Option<usize>,
    is_left: bool,
    width: Width,
    kind: char,
}

impl Specifier {
    fn write(&self, call: &Call<'_>, next: &mut usize, writer: &mut Writer<'_>) -> Evaluated<()> {
        let mut take = |number: Option<usize>| {
            let number = number.unwrap_or(*next);
            *next = number.saturating_add(1);
            call.args.get(number).ok_or_else(|| invalid("too few arguments for format()"))
        };
        let width = match self.width {
            Width::Fixed(width) => width,
            Width::Argument(number) => width_of(take(number)?)?,
        };
        let text = self.convert(take(self.argument)?)?;
        let is_left = self.is_left || width < 0;
        let width = width.checked_abs().ok_or_else(number_out_of_range)?;
        writer.push_padded(&text, is_left, usize::try_from(width).unwrap_or(0))
    }

    fn convert(&self, value: &Value) -> Evaluated<String> {
        let text = match value {
            Value::Null(_) => {
                return match self.kind {
                    's' => Ok(String::new()),
                    'L' => Ok("NULL".to_owned()),
                    _ => {
                        let message = "null values cannot be formatted as an SQL identifier";
                        Err(Failure::sql("22004", message))
                    }
                };
            }
            Value::Scalar(scalar) => scalar_text(scalar),
            Value::Array(array) => array_text(array),
        };
        Ok(match self.kind {
            's' => text,
            'L' => quote_literal(&text),
            _ => quote_identifier(text),
        })
    }
}

/// A width that an argument gives; PostgreSQL reads other types than integers from their text.
fn width_of(value: &Value) -> Evaluated<i32> {
    let text = match value {
        Value::Null(_) => return Ok(0),
        Value::Scalar(scalar) => scalar_text(scalar),
        Value::Array(array) => array_text(array),
    };
    let blanks: &[char] = &[' ', '\t', '\n', '\x0b', '\x0c', '\r'];
    let digits = text.trim_matches(blanks);
    digits.parse().map_err(|_| {
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
        if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            Failure::sql("22003", &format!("value \"{text}\" is out of range for type integer"))
        } else {
            Failure::sql("22P02", &format!("invalid input syntax for type integer: \"{text}\""))
        }
    })
}

fn quote_literal(text: &str) -> String {
    let prefix = if text.contains('\\') { "E" } else { "" };
    format!("{prefix}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn quote_identifier(text: String) -> String {
    let is_start = text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if is_start && text.bytes().all(is_plain) && !is_quoted_keyword(&text) {
        return text;
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}
