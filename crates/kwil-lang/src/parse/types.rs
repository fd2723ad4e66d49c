//! Types.

use kwil_types::{DataType, MAX_PRECISION, TypeKind};

use super::cursor::{Failed, Parsed, Parser};
use crate::ast::TypeRef;
use crate::lex::{Sym, TokenKind};
use crate::{ErrorClass, Span};

impl Parser<'_> {
    /// `name [(digits [, digits])] [[]]`.
    pub(super) fn data_type(&mut self) -> Parsed<TypeRef> {
        let start = self.here();
        if !self.is_ident() {
            return Err(self.unexpected("a type"));
        }
        let token = self.bump();
        let name = self.text_of(token.span);
        let arguments = self.type_arguments()?;
        let is_array = self.is_sym(Sym::LBracket) && self.is_sym_at(1, Sym::RBracket);
        if is_array {
            self.bump();
            self.bump();
        }
        let span = self.since(start);
        let int4 = name.eq_ignore_ascii_case("int4") || name.eq_ignore_ascii_case("smallint");
        let kind = match self.type_kind(name, int4, arguments, span) {
            Ok(kind) => kind,
            // The text is well formed, so reading goes on; the error is on record.
            Err(Failed) => TypeKind::Null,
        };
        let data_type = if is_array { DataType::array(kind) } else { DataType::scalar(kind) };
        Ok(TypeRef { data_type, int4, span })
    }

    fn type_arguments(&mut self) -> Parsed<Option<(u32, u32)>> {
        if !self.eat_sym(Sym::LParen) {
            return Ok(None);
        }
        let precision = self.type_argument()?;
        let scale = if self.eat_sym(Sym::Comma) { self.type_argument()? } else { 0 };
        self.expect_sym(Sym::RParen)?;
        Ok(Some((precision, scale)))
    }

    fn type_argument(&mut self) -> Parsed<u32> {
        if self.peek() != TokenKind::Digits {
            return Err(self.unexpected("a number of digits"));
        }
        let span = self.bump().span;
        // A number too large for 32 bits is too large for every type.
        Ok(self.text_of(span).parse().unwrap_or(u32::MAX))
    }

    fn type_kind(
        &mut self,
        name: &str,
        int4: bool,
        arguments: Option<(u32, u32)>,
        span: Span,
    ) -> Parsed<TypeKind> {
        let is_numeric =
            name.eq_ignore_ascii_case("numeric") || name.eq_ignore_ascii_case("decimal");
        if !is_numeric {
            let kind = if int4 { Ok(TypeKind::Int8) } else { TypeKind::from_name(name, [0, 0]) };
            let Ok(kind) = kind else {
                let name: String = name.chars().take(64).collect();
                let detail = format!("unknown type: {}", name.to_ascii_lowercase());
                return Err(self.fault(ErrorClass::ParseType, span, &detail));
            };
            if arguments.is_some() {
                let detail = format!("type {} takes no arguments", kind.name());
                return Err(self.fault(ErrorClass::ParseType, span, &detail));
            }
            return Ok(kind);
        }
        let (precision, scale) = match arguments {
            None | Some((0, _)) => {
                let detail = "type numeric requires metadata: numeric(precision, scale)";
                return Err(self.fault(ErrorClass::ParseType, span, detail));
            }
            Some(arguments) => arguments,
        };
        let limit = u32::from(MAX_PRECISION);
        if precision > limit || scale > limit {
            let what = if precision > limit { "precision" } else { "scale" };
            let detail = format!("{what} too large, at most {limit}");
            return Err(self.fault(ErrorClass::Syntax, span, &detail));
        }
        let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        TypeKind::numeric(small(precision), small(scale)).map_err(|_| {
            let detail = "scale must be less than or equal to precision";
            self.fault(ErrorClass::ParseType, span, detail)
        })
    }
}
