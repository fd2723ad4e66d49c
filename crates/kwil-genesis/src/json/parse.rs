//! Text to values.

use super::{Member, Node, Value};

/// Deepest nesting that is read.
const MAX_DEPTH: u32 = 32;

/// Where and why the text is not one JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) line: u32,
    pub(crate) message: &'static str,
}

/// Reads a text that is exactly one JSON value.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { rest: text, line: 1, depth: 0 };
    let node = parser.value()?;
    parser.skip_space();
    if parser.rest.is_empty() { Ok(node) } else { Err(parser.error("trailing data")) }
}

struct Parser<'a> {
    rest: &'a str,
    line: u32,
    depth: u32,
}

impl Parser<'_> {
    const fn error(&self, message: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, message }
    }

    fn skip_space(&mut self) {
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let skipped = self.rest.strip_suffix(trimmed).unwrap_or_default();
        let newlines = skipped.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.rest = trimmed;
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        Some(next)
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        self.skip_space();
        let line = self.line;
        let value = match self.rest.chars().next() {
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::list)?,
            Some('"') => Value::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some(_) if self.eat("null") => Value::Null,
            Some(_) if self.eat("true") => Value::Bool(true),
            Some(_) if self.eat("false") => Value::Bool(false),
            Some(_) => return Err(self.error("not JSON")),
            None => return Err(self.error("the document ends too early")),
        };
        Ok(Node { line, value })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value, SyntaxError>,
    ) -> Result<Value, SyntaxError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(self.error("nested deeper than 32 levels"));
        }
        self.next();
        let value = read(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        let mut nodes = Vec::new();
        self.skip_space();
        if self.eat("]") {
            return Ok(Value::List(nodes));
        }
        loop {
            nodes.push(self.value()?);
            self.skip_space();
            if self.eat("]") {
                return Ok(Value::List(nodes));
            }
            if !self.eat(",") {
                return Err(self.error("expected , or ] in a list"));
            }
        }
    }

    fn object(&mut self) -> Result<Value, SyntaxError> {
        let mut members = Vec::new();
        self.skip_space();
        if self.eat("}") {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let line = self.line;
            if !self.rest.starts_with('"') {
                return Err(self.error("expected a key in double quotes"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.eat(":") {
                return Err(self.error("expected : after a key"));
            }
            members.push(Member { key, line, node: self.value()? });
            self.skip_space();
            if self.eat("}") {
                return Ok(Value::Object(members));
            }
            if !self.eat(",") {
                return Err(self.error("expected , or } in an object"));
            }
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let mut text = String::new();
        self.next();
        loop {
            match self.next() {
                None => return Err(self.error("the document ends inside a string")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(control) if control < ' ' => {
                    return Err(self.error("control character in a string"));
                }
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        match self.next() {
            Some(same @ ('"' | '\\' | '/')) => Ok(same),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => self.unicode(),
            Some(_) | None => Err(self.error("unknown escape in a string")),
        }
    }

    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let first = self.hex4()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        if !self.eat("\\u") {
            return Err(self.error("lone surrogate in a string"));
        }
        let second = self.hex4()?;
        let decoded = [first, second].map(|unit| u16::try_from(unit).unwrap_or(0));
        match char::decode_utf16(decoded).next() {
            Some(Ok(character)) if character > '\u{ffff}' => Ok(character),
            Some(_) | None => Err(self.error("lone surrogate in a string")),
        }
    }

    fn hex4(&mut self) -> Result<u32, SyntaxError> {
        let digits = self
            .rest
            .get(..4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let (Some(digits), Some(rest)) = (digits, self.rest.get(4..)) else {
            return Err(self.error("expected four hex digits after \\u"));
        };
        let unit = u32::from_str_radix(digits, 16)
            .map_err(|_| self.error("expected four hex digits after \\u"))?;
        self.rest = rest;
        Ok(unit)
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let end = self.rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if !is_number(text) {
            return Err(self.error("malformed number"));
        }
        let text = text.to_owned();
        self.rest = rest;
        Ok(Value::Number(text))
    }
}

/// `-? (0 | [1-9] D*) (. D+)? ([eE] [+-]? D+)?`
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
