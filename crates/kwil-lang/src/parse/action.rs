//! `CREATE ACTION`: its head.

use super::cursor::{Parsed, Parser};
use crate::ErrorClass;
use crate::ast::{CreateAction, Ident, Parameter, ReturnField, Returns};
use crate::lex::{Kw, Sym, TokenKind};

impl Parser<'_> {
    /// Behind `CREATE`.
    pub(super) fn create_action(&mut self) -> Parsed<CreateAction> {
        let start = self.here();
        let or_replace = self.eat_kw(Kw::Or);
        if or_replace {
            self.expect_kw(Kw::Replace)?;
        }
        self.expect_kw(Kw::Action)?;
        let if_not_exists = self.if_not_exists();
        if or_replace && if_not_exists {
            let span = self.since(start);
            let detail = "OR REPLACE and IF NOT EXISTS exclude each other".to_owned();
            self.record(ErrorClass::Syntax, span, detail);
        }
        let name = self.ident("an action")?;
        let parameters = self.parameters()?;
        let modifiers = self.modifiers()?;
        let returns = if self.eat_kw(Kw::Returns) { Some(self.returns()?) } else { None };
        if !self.is_sym(Sym::LBrace) {
            return Err(self.unexpected("a modifier, RETURNS or \"{\""));
        }
        let body = self.block()?;
        Ok(CreateAction { or_replace, if_not_exists, name, parameters, modifiers, returns, body })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        self.expect_sym(Sym::LParen)?;
        let parameters =
            if self.is_sym(Sym::RParen) { Vec::new() } else { self.list(Self::parameter)? };
        self.close(Sym::RParen)?;
        let names = parameters.iter().map(|parameter| (&*parameter.name.name, parameter.name.span));
        self.check_once(ErrorClass::DuplicateParameter, names);
        Ok(parameters)
    }

    fn parameter(&mut self) -> Parsed<Parameter> {
        if self.peek() != TokenKind::Variable {
            return Err(self.unexpected("a parameter, such as $name"));
        }
        let name = self.variable()?;
        let data_type = self.data_type()?;
        let default = if self.eat_kw(Kw::Default) {
            match self.literal()? {
                Some(literal) => Some(literal),
                None => return Err(self.unexpected("a literal")),
            }
        } else {
            None
        };
        Ok(Parameter { name, data_type, default })
    }

    /// Words up to `{`, or up to `RETURNS` with its list.
    fn modifiers(&mut self) -> Parsed<Vec<Ident>> {
        let mut modifiers: Vec<Ident> = Vec::new();
        while self.is_ident() {
            let is_returns = self.is_kw(Kw::Returns)
                && (self.is_sym_at(1, Sym::LParen) || self.is_kw_at(1, Kw::Table));
            if is_returns {
                break;
            }
            let modifier = self.ident("a modifier")?;
            if modifiers.contains(&modifier) {
                let detail = format!("modifier {modifier} redeclared");
                self.record(ErrorClass::Syntax, modifier.span, detail);
            }
            modifiers.push(modifier);
        }
        Ok(modifiers)
    }

    fn returns(&mut self) -> Parsed<Returns> {
        let start = self.here();
        let table = self.eat_kw(Kw::Table);
        self.expect_sym(Sym::LParen)?;
        let is_named = self.is_ident() && self.is_ident_at(1);
        let fields = self.list(|parser| {
            let name = if is_named { Some(parser.ident("the name of a column")?) } else { None };
            Ok(ReturnField { name, data_type: parser.data_type()? })
        })?;
        self.close(Sym::RParen)?;
        if table && !is_named {
            let span = self.since(start);
            let detail = "the columns of RETURNS TABLE need names".to_owned();
            self.record(ErrorClass::Syntax, span, detail);
        }
        let names = fields.iter().filter_map(|field| field.name.as_ref());
        self.check_once(
            ErrorClass::DuplicateResultColumn,
            names.map(|name| (name.as_str(), name.span)),
        );
        Ok(Returns { table, fields })
    }
}
