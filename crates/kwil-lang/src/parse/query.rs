//! Statements on rows: `WITH`, `INSERT`, `UPDATE`, `DELETE`.

use super::cursor::{Parsed, Parser};
use crate::ast::{
    Conflict, ConflictAction, Cte, Delete, Insert, InsertSource, Query, QueryBody, SetClause,
    Update, With,
};
use crate::lex::{Kw, Sym, TokenKind};

impl Parser<'_> {
    /// True when a statement on rows is next.
    pub(super) fn is_query(&self) -> bool {
        matches!(
            self.peek(),
            TokenKind::Keyword(Kw::Select | Kw::Insert | Kw::Update | Kw::Delete | Kw::With)
        )
    }

    /// `[WITH …] (select | insert | update | delete)`.
    pub(super) fn query(&mut self) -> Parsed<Query> {
        let start = self.here();
        let with = if self.eat_kw(Kw::With) { Some(self.with()?) } else { None };
        let body = match self.peek() {
            TokenKind::Keyword(Kw::Select) => QueryBody::Select(self.select()?),
            TokenKind::Keyword(Kw::Insert) => QueryBody::Insert(self.insert()?),
            TokenKind::Keyword(Kw::Update) => QueryBody::Update(self.update()?),
            TokenKind::Keyword(Kw::Delete) => QueryBody::Delete(self.delete()?),
            _ => return Err(self.unexpected("SELECT, INSERT, UPDATE or DELETE")),
        };
        Ok(Query { with, body, span: self.since(start) })
    }

    fn with(&mut self) -> Parsed<With> {
        let recursive = self.eat_kw(Kw::Recursive);
        let ctes = self.list(|parser| {
            let name = parser.ident("a name for the query")?;
            let columns = match parser.eat_sym(Sym::LParen) {
                false => Vec::new(),
                true if parser.eat_sym(Sym::RParen) => Vec::new(),
                true => {
                    let columns = parser.list(|parser| parser.ident("a column name"))?;
                    parser.close(Sym::RParen)?;
                    columns
                }
            };
            parser.expect_kw(Kw::As)?;
            parser.expect_sym(Sym::LParen)?;
            let (select, height) = parser.nested(Self::select)?;
            parser.highest = parser.highest.max(height);
            parser.expect_sym(Sym::RParen)?;
            Ok(Cte { name, columns, select: *select })
        })?;
        Ok(With { recursive, ctes })
    }

    fn insert(&mut self) -> Parsed<Insert> {
        self.expect_kw(Kw::Insert)?;
        self.expect_kw(Kw::Into)?;
        let table = self.ident("a table")?;
        let alias = self.alias()?;
        let columns =
            if self.is_sym(Sym::LParen) { self.idents_in_parens("a column")? } else { Vec::new() };
        let source = if self.eat_kw(Kw::Values) {
            InsertSource::Values(self.list(|parser| {
                parser.expect_sym(Sym::LParen)?;
                let (row, _) = parser.nested(|parser| parser.list(Self::sql_expr))?;
                parser.close(Sym::RParen)?;
                Ok(row)
            })?)
        } else if self.is_kw(Kw::Select) {
            InsertSource::Select(self.select()?)
        } else {
            return Err(self.unexpected("VALUES or SELECT"));
        };
        let conflict = if self.eat_kw(Kw::On) { Some(self.conflict()?) } else { None };
        Ok(Insert { table, alias, columns, source, conflict })
    }

    fn conflict(&mut self) -> Parsed<Conflict> {
        self.expect_kw(Kw::Conflict)?;
        let (mut columns, mut filter) = (Vec::new(), None);
        if self.is_sym(Sym::LParen) {
            columns = self.idents_in_parens("a column")?;
            filter = self.filter()?;
        }
        self.expect_kw(Kw::Do)?;
        let action = if self.eat_kw(Kw::Nothing) {
            ConflictAction::Nothing
        } else if self.eat_kw(Kw::Update) {
            self.expect_kw(Kw::Set)?;
            let set = self.list(Self::set_clause)?;
            ConflictAction::Update { set, filter: self.filter()? }
        } else {
            return Err(self.unexpected("NOTHING or UPDATE"));
        };
        Ok(Conflict { columns, filter, action })
    }

    fn set_clause(&mut self) -> Parsed<SetClause> {
        let column = self.ident("a column")?;
        self.expect_sym(Sym::Equal)?;
        Ok(SetClause { column, value: self.sql_expr()? })
    }

    fn update(&mut self) -> Parsed<Update> {
        self.expect_kw(Kw::Update)?;
        let table = self.ident("a table")?;
        let alias = self.alias()?;
        self.expect_kw(Kw::Set)?;
        let set = self.list(Self::set_clause)?;
        let from = if self.eat_kw(Kw::From) { Some(self.relations()?) } else { None };
        Ok(Update { table, alias, set, from, filter: self.filter()? })
    }

    fn delete(&mut self) -> Parsed<Delete> {
        self.expect_kw(Kw::Delete)?;
        self.expect_kw(Kw::From)?;
        let table = self.ident("a table")?;
        let alias = self.alias()?;
        Ok(Delete { table, alias, filter: self.filter()? })
    }
}
