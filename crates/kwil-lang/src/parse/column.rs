//! What stands behind the type of a column.

use super::cursor::{Parsed, Parser};
use crate::ErrorClass;
use crate::ast::{ColumnRule, Expr, ForeignKey, KeyAction};
use crate::lex::{Kw, Sym, TokenKind};

impl Parser<'_> {
    pub(super) fn column_rule(&mut self) -> Parsed<Option<ColumnRule>> {
        let TokenKind::Keyword(keyword) = self.peek() else { return Ok(None) };
        let rule = match keyword {
            Kw::Primary => {
                self.bump();
                self.expect_kw(Kw::Key)?;
                ColumnRule::PrimaryKey
            }
            Kw::Unique => {
                self.bump();
                ColumnRule::Unique
            }
            Kw::Not => {
                self.bump();
                self.expect_kw(Kw::Null)?;
                ColumnRule::NotNull
            }
            Kw::Default => {
                self.bump();
                ColumnRule::Default(self.action_expr()?)
            }
            Kw::Check => {
                self.bump();
                ColumnRule::Check(self.check_expr()?)
            }
            Kw::References => ColumnRule::References(self.references()?),
            _ => return Ok(None),
        };
        Ok(Some(rule))
    }

    /// `(expr)` of a `CHECK`.
    pub(super) fn check_expr(&mut self) -> Parsed<Expr> {
        self.expect_sym(Sym::LParen)?;
        let (expr, _) = self.nested(Self::sql_expr)?;
        self.expect_sym(Sym::RParen)?;
        Ok(expr)
    }

    /// `REFERENCES [namespace.]table (columns) [actions]`.
    pub(super) fn references(&mut self) -> Parsed<ForeignKey> {
        self.expect_kw(Kw::References)?;
        let first = self.ident("a table")?;
        let (namespace, table) = if self.eat_sym(Sym::Dot) {
            (Some(first), self.ident("a table")?)
        } else {
            (None, first)
        };
        let columns = self.idents_in_parens("a column")?;
        let mut key = ForeignKey { namespace, table, columns, on_update: None, on_delete: None };
        while self.is_kw(Kw::On) {
            let start = self.here();
            self.bump();
            let slot = if self.eat_kw(Kw::Update) {
                &mut key.on_update
            } else if self.eat_kw(Kw::Delete) {
                &mut key.on_delete
            } else {
                return Err(self.unexpected("UPDATE or DELETE"));
            };
            if slot.is_some() {
                let span = self.since(start);
                return Err(self.fault(
                    ErrorClass::Syntax,
                    span,
                    "this event has an action already",
                ));
            }
            *slot = Some(self.key_action()?);
        }
        Ok(key)
    }

    fn key_action(&mut self) -> Parsed<KeyAction> {
        for (words, action) in [
            (&[Kw::Set, Kw::Null][..], KeyAction::SetNull),
            (&[Kw::Set, Kw::Default][..], KeyAction::SetDefault),
            (&[Kw::Restrict][..], KeyAction::Restrict),
            (&[Kw::No, Kw::Action][..], KeyAction::NoAction),
            (&[Kw::Cascade][..], KeyAction::Cascade),
        ] {
            if self.eat_kws(words) {
                return Ok(action);
            }
        }
        Err(self.unexpected("SET NULL, SET DEFAULT, RESTRICT, NO ACTION or CASCADE"))
    }
}
