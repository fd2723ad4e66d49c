//! The scanner: bytes to tokens, in one pass, with every token's place.

mod keyword;
mod token;

pub(crate) use keyword::Kw;
pub use keyword::is_reserved_word;
pub(crate) use token::{Fault, Sym, Token, TokenKind};

use crate::Span;

/// Cuts a source into tokens; the last one is always [`TokenKind::End`]. Bytes that start no token become
/// [`TokenKind::Bad`] tokens, so that the parser reports them where it meets them.
///
/// The source must be shorter than 4 GiB; the parser checks that first.
pub(crate) fn tokenize(source: &str) -> Vec<Token> {
    // Measured on real schemas: about one token per five bytes.
    let capacity = source.len().checked_div(4).unwrap_or(0).saturating_add(8);
    let mut scanner = Scanner { bytes: source.as_bytes(), at: 0 };
    let mut tokens = Vec::with_capacity(capacity);
    loop {
        let token = scanner.next();
        tokens.push(token);
        if token.kind == TokenKind::End {
            return tokens;
        }
    }
}

struct Scanner<'s> {
    bytes: &'s [u8],
    at: usize,
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

fn is_word_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at.saturating_add(ahead)).copied().unwrap_or(0)
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn skip_while(&mut self, test: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|byte| test(*byte)) {
            self.advance(1);
        }
    }

    fn span_from(&self, start: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: offset(start), end: offset(self.at.min(self.bytes.len())) }
    }

    fn next(&mut self) -> Token {
        if let Err(bad) = self.skip_blanks() {
            return bad;
        }
        let start = self.at;
        if self.is_at_end() {
            return Token { kind: TokenKind::End, span: self.span_from(start) };
        }
        let first = self.peek(0);
        match first {
            b'"' => return self.quoted(),
            b'a'..=b'z' | b'A'..=b'Z' => {
                self.skip_while(is_word_part);
                let word = self.bytes.get(start..self.at).unwrap_or_default();
                let kind = Kw::lookup(word).map_or(TokenKind::Word, TokenKind::Keyword);
                return Token { kind, span: self.span_from(start) };
            }
            _ => {}
        }
        let kind = match first {
            b'$' | b'@' => self.variable(first),
            b'\'' => self.text(),
            b'0'..=b'9' => self.number(),
            _ => self.symbol(first),
        };
        Token { kind, span: self.span_from(start) }
    }

    /// Skips white space and comments; a comment that never ends is the token returned.
    fn skip_blanks(&mut self) -> Result<(), Token> {
        loop {
            self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b));
            match (self.peek(0), self.peek(1)) {
                (b'-', b'-') | (b'/', b'/') => {
                    self.skip_while(|byte| byte != b'\n' && byte != b'\r');
                }
                (b'/', b'*') => {
                    let start = self.at;
                    self.advance(2);
                    while !self.is_at_end() && (self.peek(0), self.peek(1)) != (b'*', b'/') {
                        self.advance(1);
                    }
                    if self.is_at_end() {
                        let kind = TokenKind::Bad(Fault::UnterminatedComment);
                        return Err(Token { kind, span: self.span_from(start) });
                    }
                    self.advance(2);
                }
                _ => return Ok(()),
            }
        }
    }

    fn quoted(&mut self) -> Token {
        let open = self.at;
        self.advance(1);
        let bad = |scanner: &mut Self, fault| {
            scanner.skip_while(|byte| byte != b'"' && byte != b'\n');
            if scanner.peek(0) == b'"' {
                scanner.advance(1);
            }
            Token { kind: TokenKind::Bad(fault), span: scanner.span_from(open) }
        };
        if let Err(token) = self.skip_blanks() {
            return token;
        }
        let start = self.at;
        if !is_word_start(self.peek(0)) {
            return bad(self, Fault::Quoted);
        }
        self.skip_while(is_word_part);
        let span = self.span_from(start);
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        let is_reserved = Kw::lookup(word).is_some_and(Kw::is_reserved);
        if let Err(token) = self.skip_blanks() {
            return token;
        }
        if self.peek(0) != b'"' {
            return bad(self, Fault::Quoted);
        }
        if is_reserved {
            return bad(self, Fault::QuotedKeyword);
        }
        self.advance(1);
        Token { kind: TokenKind::Quoted, span }
    }

    fn variable(&mut self, sigil: u8) -> TokenKind {
        self.advance(1);
        if !is_word_start(self.peek(0)) {
            self.skip_while(is_word_part);
            return TokenKind::Bad(Fault::Variable);
        }
        self.skip_while(is_word_part);
        if sigil == b'$' { TokenKind::Variable } else { TokenKind::Context }
    }

    /// A backslash keeps the next character from ending the literal; two quotes are one quote.
    fn text(&mut self) -> TokenKind {
        let start = self.at;
        self.advance(1);
        while !self.is_at_end() {
            match (self.peek(0), self.peek(1)) {
                (b'\\', _) | (b'\'', b'\'') => self.advance(2),
                (b'\'', _) => {
                    self.advance(1);
                    let literal = self.bytes.get(start..self.at).unwrap_or_default();
                    let has_nul = literal.contains(&0);
                    return if has_nul { TokenKind::Bad(Fault::Nul) } else { TokenKind::Text };
                }
                _ => self.advance(1),
            }
        }
        TokenKind::Bad(Fault::UnterminatedText)
    }

    fn number(&mut self) -> TokenKind {
        let is_hex = self.peek(0) == b'0'
            && matches!(self.peek(1), b'x' | b'X')
            && self.peek(2).is_ascii_hexdigit();
        if !is_hex {
            self.skip_while(|byte| byte.is_ascii_digit());
            return TokenKind::Digits;
        }
        self.advance(2);
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_hexdigit());
        if self.at.saturating_sub(start).is_multiple_of(2) {
            TokenKind::Bytes
        } else {
            TokenKind::Bad(Fault::OddHex)
        }
    }

    fn symbol(&mut self, first: u8) -> TokenKind {
        let second = self.peek(1);
        let (symbol, length) = match (first, second) {
            (b':', b':') => (Sym::DoubleColon, 2),
            (b':', b'=') => (Sym::Assign, 2),
            (b'.', b'.') => (Sym::Range, 2),
            (b'=', b'=') => (Sym::Equal, 2),
            (b'!', b'=') | (b'<', b'>') => (Sym::NotEqual, 2),
            (b'<', b'=') => (Sym::LessEqual, 2),
            (b'>', b'=') => (Sym::GreaterEqual, 2),
            (b'|', b'|') => (Sym::Concat, 2),
            (b'{', _) => (Sym::LBrace, 1),
            (b'}', _) => (Sym::RBrace, 1),
            (b'[', _) => (Sym::LBracket, 1),
            (b']', _) => (Sym::RBracket, 1),
            (b'(', _) => (Sym::LParen, 1),
            (b')', _) => (Sym::RParen, 1),
            (b',', _) => (Sym::Comma, 1),
            (b';', _) => (Sym::Semicolon, 1),
            (b':', _) => (Sym::Colon, 1),
            (b'.', _) => (Sym::Dot, 1),
            (b'=', _) => (Sym::Equal, 1),
            (b'<', _) => (Sym::Less, 1),
            (b'>', _) => (Sym::Greater, 1),
            (b'+', _) => (Sym::Plus, 1),
            (b'-', _) => (Sym::Minus, 1),
            (b'*', _) => (Sym::Star, 1),
            (b'/', _) => (Sym::Slash, 1),
            (b'%', _) => (Sym::Percent, 1),
            (b'^', _) => (Sym::Caret, 1),
            (b'!', _) => (Sym::Bang, 1),
            (b'_', _) => (Sym::Underscore, 1),
            _ => {
                // One character, however many bytes it has.
                self.advance(1);
                self.skip_while(|byte| byte & 0xc0 == 0x80);
                return TokenKind::Bad(Fault::Character);
            }
        };
        self.advance(length);
        TokenKind::Symbol(symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind> {
        tokenize(source).into_iter().map(|token| token.kind).collect()
    }

    fn texts(source: &str) -> Vec<&str> {
        tokenize(source).into_iter().map(|token| token.span.text(source)).collect()
    }

    #[test]
    fn ranges_win_over_points() {
        assert_eq!(texts("1..10"), ["1", "..", "10", ""]);
        assert_eq!(texts("1.5"), ["1", ".", "5", ""]);
    }

    #[test]
    fn comments_and_blanks_vanish() {
        assert_eq!(texts("a -- b\n// c\r/* d\n** */ \x0b e/**/f"), ["a", "e", "f", ""]);
        assert_eq!(
            kinds("a /* b"),
            [TokenKind::Word, TokenKind::Bad(Fault::UnterminatedComment), TokenKind::End]
        );
    }

    #[test]
    fn strings_end_at_the_first_unprotected_quote() {
        assert_eq!(texts(r"'it\'s' 'it''s' '\\' ''"), [r"'it\'s'", "'it''s'", r"'\\'", "''", ""]);
        assert_eq!(kinds("'a\0'"), [TokenKind::Bad(Fault::Nul), TokenKind::End]);
        assert_eq!(kinds(r"'\'"), [TokenKind::Bad(Fault::UnterminatedText), TokenKind::End]);
    }

    #[test]
    fn quotes_hold_one_word() {
        assert_eq!(kinds("\" a \""), [TokenKind::Quoted, TokenKind::End]);
        assert_eq!(texts("\" Ab \""), ["Ab", ""]);
        assert_eq!(
            kinds("\"a b\" x"),
            [TokenKind::Bad(Fault::Quoted), TokenKind::Word, TokenKind::End]
        );
        assert_eq!(kinds("\"select\""), [TokenKind::Bad(Fault::QuotedKeyword), TokenKind::End]);
    }

    #[test]
    fn hex_needs_pairs_of_digits() {
        assert_eq!(kinds("0x0f"), [TokenKind::Bytes, TokenKind::End]);
        assert_eq!(kinds("0X0F"), [TokenKind::Bytes, TokenKind::End]);
        assert_eq!(kinds("0xabc"), [TokenKind::Bad(Fault::OddHex), TokenKind::End]);
        assert_eq!(texts("0x"), ["0", "x", ""]);
    }

    #[test]
    fn every_byte_belongs_to_one_token_or_none() {
        for source in ["é", "a é b", "$1", "@", "|", "\u{10ffff}'", "~`#?&"] {
            let tokens = tokenize(source);
            let mut end = 0;
            for token in tokens {
                assert!(token.span.start >= end, "{source}");
                end = token.span.end;
                assert!(source.is_char_boundary(token.span.range().end), "{source}");
            }
        }
    }
}
