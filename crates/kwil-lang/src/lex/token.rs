//! Tokens: what kind, and which bytes.

use super::keyword::Kw;
use crate::Span;

/// A piece of the source that the grammar treats as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// The kinds of tokens; text stays in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word that is no keyword.
    Word,
    /// A quoted identifier; the span is that of the word between the quotes.
    Quoted,
    Keyword(Kw),
    /// `$name`.
    Variable,
    /// `@name`.
    Context,
    /// String literal with its quotes.
    Text,
    /// Decimal digits.
    Digits,
    /// `0x` and an even number of hex digits.
    Bytes,
    Symbol(Sym),
    /// Something that starts no token.
    Bad(Fault),
    End,
}

macro_rules! symbols {
    ($($variant:ident $text:literal,)*) => {
        /// Punctuation and operators.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Sym { $($variant,)* }

        impl Sym {
            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

symbols! {
    LBrace "{", RBrace "}", LBracket "[", RBracket "]", LParen "(", RParen ")", Comma ",", Semicolon ";",
    Colon ":", DoubleColon "::", Assign ":=", Dot ".", Range "..", Equal "=", NotEqual "!=", Less "<",
    LessEqual "<=", Greater ">", GreaterEqual ">=", Plus "+", Minus "-", Star "*", Slash "/", Percent "%",
    Caret "^", Concat "||", Bang "!", Underscore "_",
}

/// Why bytes are no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a character that starts nothing in this language")]
    Character,
    #[error("string literal without its closing quote")]
    UnterminatedText,
    #[error("string literal with a NUL character")]
    Nul,
    #[error("comment without its closing */")]
    UnterminatedComment,
    #[error("bytea literal with an odd number of hex digits")]
    OddHex,
    #[error("a variable is $ or @ followed by a letter, then letters, digits or _")]
    Variable,
    #[error("a quoted identifier is a letter, then letters, digits or _, between double quotes")]
    Quoted,
    #[error("quoting does not make a reserved word an identifier")]
    QuotedKeyword,
}
