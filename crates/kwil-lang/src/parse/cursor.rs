//! The parser's place in the token list: looking ahead, taking, complaining.

use super::{MAX_ERRORS, MAX_IDENTIFIER, MAX_NESTING, MAX_OBJECT_NAME};
use crate::ast::Ident;
use crate::lex::{Fault, Kw, Sym, Token, TokenKind, tokenize};
use crate::{ErrorClass, ParseError, Span};

/// The statement cannot be read any further; the reason is recorded in the parser.
#[derive(Debug)]
pub(super) struct Failed;

pub(super) type Parsed<T> = Result<T, Failed>;

/// Reads one text.
pub(super) struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    errors: Vec<ParseError>,
    nesting: u32,
    /// Height of the highest expression tree completed in the current bracket, see [`Parser::nested`].
    pub(super) highest: u32,
}

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, tokens: tokenize(source), at: 0, errors: Vec::new(), nesting: 0, highest: 0 }
    }

    pub(super) fn into_errors(self) -> Vec<ParseError> {
        self.errors
    }

    // ---- looking

    fn token(&self, ahead: usize) -> Token {
        let last = self.tokens.len().saturating_sub(1);
        let at = self.at.saturating_add(ahead).min(last);
        self.tokens
            .get(at)
            .copied()
            .unwrap_or(Token { kind: TokenKind::End, span: Span::default() })
    }

    pub(super) fn peek(&self) -> TokenKind {
        self.token(0).kind
    }

    pub(super) fn peek_at(&self, ahead: usize) -> TokenKind {
        self.token(ahead).kind
    }

    pub(super) fn is_kw(&self, keyword: Kw) -> bool {
        self.peek() == TokenKind::Keyword(keyword)
    }

    pub(super) fn is_kw_at(&self, ahead: usize, keyword: Kw) -> bool {
        self.peek_at(ahead) == TokenKind::Keyword(keyword)
    }

    pub(super) fn is_sym(&self, symbol: Sym) -> bool {
        self.peek() == TokenKind::Symbol(symbol)
    }

    pub(super) fn is_sym_at(&self, ahead: usize, symbol: Sym) -> bool {
        self.peek_at(ahead) == TokenKind::Symbol(symbol)
    }

    /// True when the token can be an identifier.
    pub(super) fn is_ident_at(&self, ahead: usize) -> bool {
        match self.peek_at(ahead) {
            TokenKind::Word | TokenKind::Quoted => true,
            TokenKind::Keyword(keyword) => !keyword.is_reserved(),
            TokenKind::Variable
            | TokenKind::Context
            | TokenKind::Text
            | TokenKind::Digits
            | TokenKind::Bytes
            | TokenKind::Symbol(_)
            | TokenKind::Bad(_)
            | TokenKind::End => false,
        }
    }

    pub(super) fn is_ident(&self) -> bool {
        self.is_ident_at(0)
    }

    /// Where the next token stands.
    pub(super) fn here(&self) -> Span {
        self.token(0).span
    }

    /// From `start` to the last token taken.
    pub(super) fn since(&self, start: Span) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(start, |token| Span { start: start.start, end: token.span.end.max(start.end) })
    }

    pub(super) fn text_of(&self, span: Span) -> &'s str {
        span.text(self.source)
    }

    /// The index of the bracket that closes the one at `ahead`, counted from here.
    pub(super) fn closing_paren(&self, ahead: usize) -> Option<usize> {
        let mut depth = 0_u32;
        let tokens = self.tokens.get(self.at.saturating_add(ahead)..)?;
        for (offset, token) in tokens.iter().enumerate() {
            match token.kind {
                TokenKind::Symbol(Sym::LParen) => depth = depth.saturating_add(1),
                TokenKind::Symbol(Sym::RParen) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(ahead.saturating_add(offset));
                    }
                }
                TokenKind::Symbol(Sym::Semicolon | Sym::LBrace | Sym::RBrace) => return None,
                _ => {}
            }
        }
        None
    }

    // ---- taking

    pub(super) fn bump(&mut self) -> Token {
        let token = self.token(0);
        if token.kind != TokenKind::End {
            self.at = self.at.saturating_add(1);
        }
        token
    }

    pub(super) fn eat_kw(&mut self, keyword: Kw) -> bool {
        let is_next = self.is_kw(keyword);
        if is_next {
            self.bump();
        }
        is_next
    }

    pub(super) fn eat_sym(&mut self, symbol: Sym) -> bool {
        let is_next = self.is_sym(symbol);
        if is_next {
            self.bump();
        }
        is_next
    }

    /// Takes all of `keywords` or none.
    pub(super) fn eat_kws(&mut self, keywords: &[Kw]) -> bool {
        let are_next =
            keywords.iter().enumerate().all(|(ahead, keyword)| self.is_kw_at(ahead, *keyword));
        if are_next {
            self.at = self.at.saturating_add(keywords.len());
        }
        are_next
    }

    pub(super) fn expect_kw(&mut self, keyword: Kw) -> Parsed<()> {
        if self.eat_kw(keyword) {
            return Ok(());
        }
        Err(self.unexpected(&keyword.text().to_ascii_uppercase()))
    }

    pub(super) fn expect_sym(&mut self, symbol: Sym) -> Parsed<()> {
        if self.eat_sym(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("\"{}\"", symbol.text())))
    }

    pub(super) fn expect_end(&mut self, expected: &str) -> Parsed<()> {
        match self.peek() {
            TokenKind::End => Ok(()),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Takes an identifier; `what` says which, for the error.
    pub(super) fn ident(&mut self, what: &str) -> Parsed<Ident> {
        if !self.is_ident() {
            return Err(self.unexpected(what));
        }
        let span = self.bump().span;
        let name = self.text_of(span).to_ascii_lowercase().into_boxed_str();
        self.check_length(&name, span, MAX_IDENTIFIER);
        Ok(Ident { name, span })
    }

    /// Takes the name of a new table, column, index, constraint or namespace.
    pub(super) fn object_name(&mut self, what: &str) -> Parsed<Ident> {
        let ident = self.ident(what)?;
        if ident.name.len() == MAX_IDENTIFIER {
            self.check_length(&ident.name, ident.span, MAX_OBJECT_NAME);
        }
        Ok(ident)
    }

    pub(super) fn check_length(&mut self, name: &str, span: Span, limit: usize) {
        if name.len() > limit {
            let detail = format!("maximum identifier length is {limit} bytes, got {}", name.len());
            self.record(ErrorClass::Identifier, span, detail);
        }
    }

    /// `first, second, …`, at least one.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_sym(Sym::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `(first, second, …)`, at least one.
    pub(super) fn idents_in_parens(&mut self, what: &str) -> Parsed<Vec<Ident>> {
        self.expect_sym(Sym::LParen)?;
        let idents = self.list(|parser| parser.ident(what))?;
        self.close(Sym::RParen)?;
        Ok(idents)
    }

    /// Takes the closing bracket of a list.
    pub(super) fn close(&mut self, symbol: Sym) -> Parsed<()> {
        if self.eat_sym(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("\",\" or \"{}\"", symbol.text())))
    }

    // ---- nesting

    /// Reads something that stands inside brackets or a block: counts it against the nesting limit.
    pub(super) fn nest<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return Err(self.fault(ErrorClass::Syntax, self.here(), "nested too deeply"));
        }
        self.nesting = self.nesting.saturating_add(1);
        let inside = read(self);
        self.nesting = self.nesting.saturating_sub(1);
        inside
    }

    /// Like [`Parser::nest`], for what becomes part of an expression: also tells how high the trees inside are.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<(T, u32)> {
        let outside = std::mem::take(&mut self.highest);
        let inside = self.nest(read);
        let highest = std::mem::replace(&mut self.highest, outside);
        inside.map(|inside| (inside, highest.saturating_add(1)))
    }

    // ---- complaining

    /// Records that the next token fits nowhere.
    pub(super) fn unexpected(&mut self, expected: &str) -> Failed {
        let token = self.token(0);
        let detail = match token.kind {
            TokenKind::Bad(Fault::Character) => {
                format!("unexpected {:?}, expected {expected}", self.text_of(token.span))
            }
            TokenKind::Bad(fault) => format!("unexpected {fault}"),
            TokenKind::End => format!("unexpected end of the text, expected {expected}"),
            TokenKind::Keyword(keyword) => {
                let keyword = keyword.text().to_ascii_uppercase();
                format!("unexpected {keyword}, expected {expected}")
            }
            TokenKind::Text => format!("unexpected string literal, expected {expected}"),
            TokenKind::Word
            | TokenKind::Quoted
            | TokenKind::Variable
            | TokenKind::Context
            | TokenKind::Digits
            | TokenKind::Bytes
            | TokenKind::Symbol(_) => {
                let text: String = self.text_of(token.span).chars().take(40).collect();
                format!("unexpected \"{text}\", expected {expected}")
            }
        };
        self.fault(ErrorClass::Syntax, token.span, &detail)
    }

    /// Records a fault that ends the reading of the statement.
    pub(super) fn fault(&mut self, class: ErrorClass, span: Span, detail: &str) -> Failed {
        self.record(class, span, detail.to_owned());
        Failed
    }

    /// Records a fault; reading goes on.
    pub(super) fn record(&mut self, class: ErrorClass, span: Span, detail: String) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ParseError::new(self.source, class, span, detail));
        }
    }

    pub(super) fn has_too_many_errors(&self) -> bool {
        self.errors.len() >= MAX_ERRORS
    }

    // ---- recovering

    /// Skips to the next semicolon outside braces, or to the end.
    pub(super) fn skip_statement(&mut self) {
        let mut depth = 0_u32;
        loop {
            match self.peek() {
                TokenKind::End => return,
                TokenKind::Symbol(Sym::Semicolon) if depth == 0 => return,
                TokenKind::Symbol(Sym::LBrace) => depth = depth.saturating_add(1),
                TokenKind::Symbol(Sym::RBrace) => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }

    /// Skips the rest of a statement of an action: behind its semicolon or its last block, or to the brace that closes
    /// the block around it.
    pub(super) fn skip_step(&mut self) {
        let mut depth = 0_u32;
        loop {
            match self.peek() {
                TokenKind::End => return,
                TokenKind::Symbol(Sym::RBrace) if depth == 0 => return,
                TokenKind::Symbol(Sym::Semicolon) if depth == 0 => {
                    self.bump();
                    return;
                }
                TokenKind::Symbol(Sym::LBrace) => depth = depth.saturating_add(1),
                TokenKind::Symbol(Sym::RBrace) => {
                    depth = depth.saturating_sub(1);
                    let goes_on = self.is_kw_at(1, Kw::Else)
                        || self.is_kw_at(1, Kw::Elseif)
                        || self.is_sym_at(1, Sym::Semicolon);
                    if depth == 0 && !goes_on {
                        self.bump();
                        return;
                    }
                }
                _ => {}
            }
            self.bump();
        }
    }
}
