//! Literals: numbers, text, bytes, truth values, NULL.

use kwil_types::Decimal;

use super::cursor::{Parsed, Parser};
use crate::ErrorClass;
use crate::ast::Literal;
use crate::lex::{Kw, Sym, TokenKind};

impl Parser<'_> {
    /// True when a number with or without sign is next.
    pub(super) fn is_number(&self) -> bool {
        let is_sign = self.is_sym(Sym::Minus) || self.is_sym(Sym::Plus);
        self.peek() == TokenKind::Digits || (is_sign && self.peek_at(1) == TokenKind::Digits)
    }

    /// Takes a literal, if one is next.
    pub(super) fn literal(&mut self) -> Parsed<Option<Literal>> {
        if self.is_number() {
            return self.number().map(Some);
        }
        let literal = match self.peek() {
            TokenKind::Keyword(Kw::True) => Literal::Bool(true),
            TokenKind::Keyword(Kw::False) => Literal::Bool(false),
            TokenKind::Keyword(Kw::Null) => Literal::Null,
            TokenKind::Text => Literal::Text(self.text_value()),
            TokenKind::Bytes => Literal::Bytes(self.bytes_value()),
            _ => return Ok(None),
        };
        self.bump();
        Ok(Some(literal))
    }

    /// The value of the string literal that is next: without its quotes, doubled quotes halved.
    pub(super) fn text_value(&self) -> Box<str> {
        let text = self.text_of(self.here());
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
        if !inner.contains('\'') {
            return inner.into();
        }
        let mut value = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            value.push(c);
            match c {
                // The protected character stays as it is.
                '\\' => value.extend(chars.next()),
                '\'' => {
                    chars.next();
                }
                _ => {}
            }
        }
        value.into_boxed_str()
    }

    fn bytes_value(&self) -> Box<[u8]> {
        let digits = self.text_of(self.here()).get(2..).unwrap_or("").as_bytes();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some((digit(high)? << 4) | digit(low)?),
            _ => None,
        };
        digits.chunks(2).filter_map(pair).collect()
    }

    fn number(&mut self) -> Parsed<Literal> {
        let start = self.here();
        let negative = self.is_sym(Sym::Minus);
        if self.peek() != TokenKind::Digits {
            self.bump();
        }
        let digits = self.bump().span;
        let digits = self.text_of(digits);
        let has_fraction = self.is_sym(Sym::Dot) && self.peek_at(1) == TokenKind::Digits;
        if !has_fraction {
            return match read_int(digits, negative) {
                Some(value) => Ok(Literal::Int(value)),
                None => {
                    let span = self.since(start);
                    Err(self.fault(ErrorClass::Syntax, span, "integer exceeds max int8"))
                }
            };
        }
        self.bump();
        let fraction = self.bump().span;
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{digits}.{}", self.text_of(fraction));
        match Decimal::parse_literal(&text) {
            Ok(value) => Ok(Literal::Decimal(value)),
            Err(error) => {
                let span = self.since(start);
                Err(self.fault(ErrorClass::Syntax, span, &format!("invalid decimal: {error}")))
            }
        }
    }
}

fn read_int(digits: &str, negative: bool) -> Option<i64> {
    let mut value = 0_i64;
    for byte in digits.bytes() {
        let digit = i64::from(byte.checked_sub(b'0')?);
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}
