//! `encode` and `decode`, with PostgreSQL's reading of every input.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::check_bytes;
use super::{Call, Evaluated, bytes_value, text_value};
use crate::{Failure, Limits};

/// Bytes whose base64 text fills a line of 76 characters.
const LINE: usize = 57;

enum Form {
    Hex,
    Base64,
    Escape,
}

impl Form {
    fn find(name: &str) -> Evaluated<Self> {
        match name.to_ascii_lowercase().as_str() {
            "hex" => Ok(Self::Hex),
            "base64" => Ok(Self::Base64),
            "escape" => Ok(Self::Escape),
            _ => Err(invalid(&format!("unrecognized encoding: \"{name}\""))),
        }
    }
}

/// A parameter that PostgreSQL does not take.
fn invalid(message: &str) -> Failure {
    Failure::sql("22023", message)
}

pub(super) fn encode(call: &Call<'_>) -> Evaluated {
    let (Some(bytes), Some(form)) = (call.bytes(0), call.text(1)) else {
        return Err(call.unexpected());
    };
    match Form::find(form)? {
        Form::Hex => {
            check_bytes(bytes.len().checked_mul(2), call.limits)?;
            text_value(hex::encode(bytes))
        }
        Form::Base64 => text_value(to_base64(bytes, call.limits)?),
        Form::Escape => text_value(to_escape(bytes, call.limits)?),
    }
}

/// Every full line ends in a line feed, also the last one.
fn to_base64(bytes: &[u8], limits: &Limits) -> Evaluated<String> {
    let characters = bytes.len().div_ceil(3).checked_mul(4);
    let lines = bytes.len().checked_div(LINE).unwrap_or_default();
    let size = characters.and_then(|characters| characters.checked_add(lines));
    let mut text = String::with_capacity(check_bytes(size, limits)?);
    for line in bytes.chunks(LINE) {
        STANDARD.encode_string(line, &mut text);
        if line.len() == LINE {
            text.push('\n');
        }
    }
    Ok(text)
}

fn to_escape(bytes: &[u8], limits: &Limits) -> Evaluated<String> {
    let width = |byte: &u8| match byte {
        0 | 0x80.. => 4_usize,
        b'\\' => 2,
        _ => 1,
    };
    let size = bytes.iter().map(width).try_fold(0_usize, usize::checked_add);
    let mut text = String::with_capacity(check_bytes(size, limits)?);
    for byte in bytes {
        match byte {
            0 | 0x80.. => text.push_str(&format!("\\{byte:03o}")),
            b'\\' => text.push_str("\\\\"),
            _ => text.push(char::from(*byte)),
        }
    }
    Ok(text)
}

pub(super) fn decode(call: &Call<'_>) -> Evaluated {
    let (Some(text), Some(form)) = (call.text(0), call.text(1)) else {
        return Err(call.unexpected());
    };
    bytes_value(match Form::find(form)? {
        Form::Hex => from_hex(text)?,
        Form::Base64 => from_base64(text)?,
        Form::Escape => from_escape(text.as_bytes())?,
    })
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\t' | '\r')
}

/// Blanks may stand between bytes, not inside them.
fn from_hex(text: &str) -> Evaluated<Vec<u8>> {
    let digit = |character: char| {
        let value = character.to_digit(16).and_then(|value| u8::try_from(value).ok());
        value.ok_or_else(|| invalid(&format!("invalid hexadecimal digit: \"{character}\"")))
    };
    let mut bytes = Vec::with_capacity(text.len().div_ceil(2));
    let mut characters = text.chars();
    while let Some(first) = characters.next() {
        if is_blank(first) {
            continue;
        }
        let high = digit(first)?;
        let second = characters
            .next()
            .ok_or_else(|| invalid("invalid hexadecimal data: odd number of digits"))?;
        bytes.push(high << 4 | digit(second)?);
    }
    Ok(bytes)
}

/// Once an end was seen, all that follows is cut as short as the end was: so PostgreSQL reads it.
fn from_base64(text: &str) -> Evaluated<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut group, mut filled) = (0_u32, 0_usize);
    let mut kept_at_end = None;
    for character in text.chars().filter(|character| !is_blank(*character)) {
        let value = if character == '=' {
            if kept_at_end.is_none() {
                kept_at_end = Some(match filled {
                    2 => 1_usize,
                    3 => 2,
                    _ => return Err(invalid("unexpected \"=\" while decoding base64 sequence")),
                });
            }
            0
        } else {
            sextet(character).ok_or_else(|| {
                let found = format!("invalid symbol \"{character}\" found");
                invalid(&format!("{found} while decoding base64 sequence"))
            })?
        };
        group = group << 6 | value;
        filled = filled.saturating_add(1);
        if filled == 4 {
            let [_, triple @ ..] = group.to_be_bytes();
            bytes.extend(triple.iter().take(kept_at_end.unwrap_or(3)));
            (group, filled) = (0, 0);
        }
    }
    if filled == 0 { Ok(bytes) } else { Err(invalid("invalid base64 end sequence")) }
}

fn sextet(character: char) -> Option<u32> {
    let (first, offset) = match character {
        'A'..='Z' => ('A', 0_u32),
        'a'..='z' => ('a', 26),
        '0'..='9' => ('0', 52),
        '+' => return Some(62),
        '/' => return Some(63),
        _ => return None,
    };
    u32::from(character).checked_sub(u32::from(first))?.checked_add(offset)
}

fn from_escape(text: &[u8]) -> Evaluated<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', rest @ ..] => {
                bytes.push((high & 7) << 6 | (middle & 7) << 3 | low & 7);
                rest
            }
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', ..] => {
                return Err(Failure::sql("22P02", "invalid input syntax for type bytea"));
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        }
    }
}
