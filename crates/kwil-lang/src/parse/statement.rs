//! Scripts and top-level statements.

use super::cursor::{Failed, Parsed, Parser};
use crate::ast::{
    CreateIndex, CreateNamespace, DropIndex, DropNamespace, DropTable, Ident, Statement,
    StatementKind, UnuseExtension, UseExtension,
};
use crate::lex::{Kw, Sym, TokenKind};
use crate::{ErrorClass, Span};

impl Parser<'_> {
    /// `statement {";" statement} [";"]`. Faults are recorded; the statements are worth something only without any.
    pub(super) fn script(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            match self.statement() {
                Ok(statement) => statements.push(statement),
                Err(Failed) => self.skip_statement(),
            }
            let is_read = self.eat_sym(Sym::Semicolon);
            if self.peek() == TokenKind::End || self.has_too_many_errors() {
                return Ok(statements);
            }
            if !is_read {
                let Failed = self.unexpected("\";\" or the end of the text");
                self.skip_statement();
                self.eat_sym(Sym::Semicolon);
                if self.peek() == TokenKind::End {
                    return Ok(statements);
                }
            }
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let start = self.here();
        let namespace = if self.eat_sym(Sym::LBrace) {
            let namespace = self.ident("a namespace")?;
            self.expect_sym(Sym::RBrace)?;
            Some(namespace)
        } else {
            None
        };
        let kind = self.statement_kind()?;
        let span = self.since(start);
        if let (Some(namespace), Some(what)) = (&namespace, global_statement(&kind)) {
            let detail = format!("{what} statements cannot have a namespace");
            self.record(ErrorClass::Syntax, namespace.span, detail);
        }
        Ok(Statement { namespace, kind, span })
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        if self.is_query() {
            return Ok(StatementKind::Query(Box::new(self.query()?)));
        }
        match self.peek() {
            TokenKind::Keyword(Kw::Create) => self.create(),
            TokenKind::Keyword(Kw::Drop) => self.drop(),
            TokenKind::Keyword(Kw::Alter) => {
                self.bump();
                Ok(StatementKind::AlterTable(Box::new(self.alter_table()?)))
            }
            TokenKind::Keyword(Kw::Grant) => self.grant().map(StatementKind::Grant),
            TokenKind::Keyword(Kw::Revoke) => self.revoke().map(StatementKind::Revoke),
            TokenKind::Keyword(Kw::Transfer) => self.transfer(),
            TokenKind::Keyword(Kw::Use) => self.use_extension(),
            TokenKind::Keyword(Kw::Unuse) => self.unuse_extension(),
            TokenKind::Keyword(Kw::Set) => {
                self.bump();
                self.expect_kw(Kw::Current)?;
                self.expect_kw(Kw::Namespace)?;
                self.expect_kw(Kw::To)?;
                Ok(StatementKind::SetNamespace(self.ident("a namespace")?))
            }
            _ => Err(self.unexpected("a statement")),
        }
    }

    fn create(&mut self) -> Parsed<StatementKind> {
        self.bump();
        match self.peek() {
            TokenKind::Keyword(Kw::Table) => {
                self.bump();
                Ok(StatementKind::CreateTable(Box::new(self.create_table()?)))
            }
            TokenKind::Keyword(Kw::Unique | Kw::Index) => {
                self.create_index().map(StatementKind::CreateIndex)
            }
            TokenKind::Keyword(Kw::Action | Kw::Or) => {
                Ok(StatementKind::CreateAction(Box::new(self.create_action()?)))
            }
            TokenKind::Keyword(Kw::Role) => self.create_role(),
            TokenKind::Keyword(Kw::Namespace) => {
                self.bump();
                let if_not_exists = self.if_not_exists();
                let name = self.object_name("a namespace")?;
                Ok(StatementKind::CreateNamespace(CreateNamespace { if_not_exists, name }))
            }
            _ => Err(self.unexpected("TABLE, INDEX, UNIQUE INDEX, ACTION, ROLE or NAMESPACE")),
        }
    }

    fn drop(&mut self) -> Parsed<StatementKind> {
        self.bump();
        let what = self.peek();
        match what {
            TokenKind::Keyword(Kw::Table | Kw::Index | Kw::Action | Kw::Role | Kw::Namespace) => {
                self.bump()
            }
            _ => return Err(self.unexpected("TABLE, INDEX, ACTION, ROLE or NAMESPACE")),
        };
        let if_exists = self.if_exists();
        if what == TokenKind::Keyword(Kw::Table) {
            let tables = self.list(|parser| parser.ident("a table"))?;
            let cascade = self.eat_kw(Kw::Cascade);
            if !cascade {
                self.eat_kw(Kw::Restrict);
            }
            return Ok(StatementKind::DropTable(DropTable { if_exists, tables, cascade }));
        }
        let name = self.ident("a name")?;
        Ok(match what {
            TokenKind::Keyword(Kw::Index) => {
                StatementKind::DropIndex(DropIndex { if_exists, name })
            }
            TokenKind::Keyword(Kw::Action) => StatementKind::DropAction { if_exists, name },
            TokenKind::Keyword(Kw::Role) => {
                StatementKind::DropRole(crate::ast::DropRole { if_exists, name })
            }
            _ => StatementKind::DropNamespace(DropNamespace { if_exists, name }),
        })
    }

    /// `IF NOT EXISTS`, when all three words are there; otherwise `if` is a name.
    pub(super) fn if_not_exists(&mut self) -> bool {
        self.eat_kws(&[Kw::If, Kw::Not, Kw::Exists])
    }

    /// `IF EXISTS`, when both words are there.
    pub(super) fn if_exists(&mut self) -> bool {
        self.eat_kws(&[Kw::If, Kw::Exists])
    }

    fn create_index(&mut self) -> Parsed<CreateIndex> {
        let unique = self.eat_kw(Kw::Unique);
        self.expect_kw(Kw::Index)?;
        let if_not_exists = self.if_not_exists();
        let name = if self.is_kw(Kw::On) { None } else { Some(self.object_name("an index")?) };
        if if_not_exists && name.is_none() {
            let here = self.here();
            let detail = "IF NOT EXISTS needs the name of the index";
            self.record(ErrorClass::Syntax, here, detail.to_owned());
        }
        self.expect_kw(Kw::On)?;
        let table = self.ident("a table")?;
        let columns = self.idents_in_parens("a column")?;
        Ok(CreateIndex { unique, if_not_exists, name, table, columns })
    }

    fn use_extension(&mut self) -> Parsed<StatementKind> {
        self.bump();
        let if_not_exists = self.if_not_exists();
        let extension = self.ident("an extension")?;
        let mut options = Vec::new();
        if self.eat_sym(Sym::LBrace) {
            if !self.is_sym(Sym::RBrace) {
                options = self.list(Self::extension_option)?;
            }
            self.close(Sym::RBrace)?;
        }
        self.expect_kw(Kw::As)?;
        let namespace = self.object_name("a namespace")?;
        Ok(StatementKind::Use(UseExtension { if_not_exists, extension, options, namespace }))
    }

    fn extension_option(&mut self) -> Parsed<(Ident, crate::ast::Expr)> {
        let name = self.ident("an option")?;
        self.expect_sym(Sym::Colon)?;
        Ok((name, self.action_expr()?))
    }

    fn unuse_extension(&mut self) -> Parsed<StatementKind> {
        self.bump();
        let namespace = self.ident("a namespace")?;
        let if_exists = self.if_exists();
        Ok(StatementKind::Unuse(UnuseExtension { namespace, if_exists }))
    }

    /// Records a fault unless the class of names is used once only: `what` says which names.
    pub(super) fn check_once<'n>(
        &mut self,
        class: ErrorClass,
        names: impl Iterator<Item = (&'n str, Span)>,
    ) {
        let mut seen = std::collections::BTreeSet::new();
        for (name, span) in names {
            if !seen.insert(name) {
                self.record(class, span, name.to_owned());
            }
        }
    }
}

/// What a statement is called that belongs to no namespace.
fn global_statement(kind: &StatementKind) -> Option<&'static str> {
    match kind {
        StatementKind::CreateRole(_) | StatementKind::DropRole(_) => Some("role"),
        StatementKind::Grant(_) => Some("grant"),
        StatementKind::Revoke(_) => Some("revoke"),
        StatementKind::TransferOwnership(_) => Some("ownership"),
        StatementKind::Use(_) | StatementKind::Unuse(_) => Some("extension"),
        StatementKind::CreateNamespace(_)
        | StatementKind::DropNamespace(_)
        | StatementKind::SetNamespace(_) => Some("namespace"),
        StatementKind::Query(_)
        | StatementKind::CreateTable(_)
        | StatementKind::AlterTable(_)
        | StatementKind::DropTable(_)
        | StatementKind::CreateIndex(_)
        | StatementKind::DropIndex(_)
        | StatementKind::CreateAction(_)
        | StatementKind::DropAction { .. } => None,
    }
}
