//! Roles, `GRANT`, `REVOKE`, `TRANSFER OWNERSHIP`.

use super::cursor::{Failed, Parsed, Parser};
use crate::ast::{CreateRole, Expr, Grant, GrantBody, Ident, Privilege, StatementKind, UserRef};
use crate::lex::{Kw, Sym, TokenKind};
use crate::{ErrorClass, Span};

/// What is given or taken.
enum What {
    Privileges(Vec<Privilege>),
    Role(Ident),
}

/// Who gets or loses it.
enum Target {
    Role(Ident),
    User(UserRef),
}

impl Parser<'_> {
    pub(super) fn create_role(&mut self) -> Parsed<StatementKind> {
        self.bump();
        let if_not_exists = self.if_not_exists();
        let name = self.ident("a role")?;
        Ok(StatementKind::CreateRole(CreateRole { if_not_exists, name }))
    }

    pub(super) fn grant(&mut self) -> Parsed<Grant> {
        self.bump();
        let guarded = self.eat_kws(&[Kw::If, Kw::Not, Kw::Granted]);
        Ok(Grant { guarded, body: self.grant_body(Kw::To)? })
    }

    pub(super) fn revoke(&mut self) -> Parsed<Grant> {
        self.bump();
        let guarded = self.eat_kws(&[Kw::If, Kw::Granted]);
        Ok(Grant { guarded, body: self.grant_body(Kw::From)? })
    }

    pub(super) fn transfer(&mut self) -> Parsed<StatementKind> {
        self.bump();
        self.expect_kw(Kw::Ownership)?;
        self.expect_kw(Kw::To)?;
        self.user().map(StatementKind::TransferOwnership)
    }

    fn grant_body(&mut self, direction: Kw) -> Parsed<GrantBody> {
        let start = self.here();
        let what = self.grant_what()?;
        let namespace = if self.eat_kw(Kw::On) { Some(self.ident("a namespace")?) } else { None };
        self.expect_kw(direction)?;
        let target = self.grant_target()?;
        let span = self.since(start);
        match (what, target) {
            (What::Privileges(privileges), Target::Role(role)) => {
                Ok(GrantBody::Privileges { privileges, namespace, role })
            }
            (What::Role(role), Target::User(user)) => match namespace {
                None => Ok(GrantBody::Role { role, user }),
                Some(_) => Err(self.senseless(span, "a role cannot be limited to a namespace")),
            },
            (What::Privileges(_), Target::User(_)) => {
                let detail = "privileges belong to roles, not to users; grant the user a role";
                Err(self.senseless(span, detail))
            }
            (What::Role(_), Target::Role(_)) => {
                Err(self.senseless(span, "roles belong to users, not to roles"))
            }
        }
    }

    fn senseless(&mut self, span: Span, detail: &str) -> Failed {
        self.fault(ErrorClass::GrantOrRevoke, span, detail)
    }

    fn grant_what(&mut self) -> Parsed<What> {
        if self.next_privilege().is_none() {
            return self.ident("a privilege or a role").map(What::Role);
        }
        let privileges = self.list(|parser| {
            let Some(privilege) = parser.next_privilege() else {
                return Err(parser.unexpected("a privilege"));
            };
            parser.bump();
            Ok(privilege)
        })?;
        Ok(What::Privileges(privileges))
    }

    fn next_privilege(&self) -> Option<Privilege> {
        match self.peek() {
            TokenKind::Word | TokenKind::Quoted | TokenKind::Keyword(_) => {
                Privilege::from_name(self.text_of(self.here()))
            }
            _ => None,
        }
    }

    fn grant_target(&mut self) -> Parsed<Target> {
        let is_call = self.is_sym_at(1, Sym::LParen) || self.is_sym_at(1, Sym::Dot);
        if self.is_ident() && !is_call {
            return self.ident("a role").map(Target::Role);
        }
        self.user().map(Target::User)
    }

    fn user(&mut self) -> Parsed<UserRef> {
        let ends = matches!(self.peek_at(1), TokenKind::End | TokenKind::Symbol(Sym::Semicolon));
        if self.peek() == TokenKind::Text && ends {
            let name = self.text_value();
            self.bump();
            return Ok(UserRef::Name(name));
        }
        let user: Expr = self.action_expr()?;
        Ok(UserRef::Expr(user))
    }
}
