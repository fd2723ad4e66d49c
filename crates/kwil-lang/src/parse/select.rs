//! `SELECT`: cores, compounds, relations, joins.

use super::cursor::{Parsed, Parser};
use crate::ErrorClass;
use crate::ast::{
    Compound, Expr, FromClause, Join, JoinKind, NamedWindow, Relation, RelationKind, ResultItem,
    Select, SelectCore, SetOp,
};
use crate::lex::{Kw, Sym};

impl Parser<'_> {
    /// A select with its compounds, order and bounds.
    pub(super) fn select(&mut self) -> Parsed<Box<Select>> {
        let start = self.here();
        let mut select = Box::new(Select {
            first: self.select_core()?,
            compounds: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            span: start,
        });
        self.select_tail(&mut select)?;
        select.span = self.since(start);
        Ok(select)
    }

    /// Everything behind the first core. Apart from it, so that the frames of nested selects stay small.
    fn select_tail(&mut self, select: &mut Select) -> Parsed<()> {
        while let Some(op) = self.set_op() {
            select.compounds.push(Compound { op, core: self.select_core()? });
        }
        select.order_by = self.order_by()?;
        if self.eat_kw(Kw::Limit) {
            select.limit = Some(self.sql_expr()?);
        }
        if self.eat_kw(Kw::Offset) {
            select.offset = Some(self.sql_expr()?);
            if self.is_kw(Kw::Limit) {
                let detail = "unexpected LIMIT: it stands before OFFSET";
                return Err(self.fault(ErrorClass::Syntax, self.here(), detail));
            }
        }
        Ok(())
    }

    fn set_op(&mut self) -> Option<SetOp> {
        if self.eat_kw(Kw::Union) {
            return Some(if self.eat_kw(Kw::All) { SetOp::UnionAll } else { SetOp::Union });
        }
        if self.eat_kw(Kw::Intersect) {
            return Some(SetOp::Intersect);
        }
        self.eat_kw(Kw::Except).then_some(SetOp::Except)
    }

    fn select_core(&mut self) -> Parsed<SelectCore> {
        let start = self.here();
        self.expect_kw(Kw::Select)?;
        let mut core = SelectCore {
            distinct: self.eat_kw(Kw::Distinct),
            results: self.list(Self::result_item)?,
            from: None,
            filter: None,
            group_by: Vec::new(),
            having: None,
            windows: Vec::new(),
            span: start,
        };
        if self.eat_kw(Kw::From) {
            core.from = Some(self.relations()?);
        }
        core.filter = self.filter()?;
        if self.eat_kw(Kw::Group) {
            self.expect_kw(Kw::By)?;
            core.group_by = self.list(Self::sql_expr)?;
            if self.eat_kw(Kw::Having) {
                core.having = Some(self.sql_expr()?);
            }
        }
        if self.eat_kw(Kw::Window) {
            core.windows = self.list(Self::named_window)?;
        }
        core.span = self.since(start);
        Ok(core)
    }

    fn named_window(&mut self) -> Parsed<NamedWindow> {
        let name = self.ident("a window name")?;
        self.expect_kw(Kw::As)?;
        let (window, height) = self.nested(Self::window)?;
        self.highest = self.highest.max(height);
        Ok(NamedWindow { name, window })
    }

    /// `[WHERE expr]`.
    pub(super) fn filter(&mut self) -> Parsed<Option<Expr>> {
        if self.eat_kw(Kw::Where) { self.sql_expr().map(Some) } else { Ok(None) }
    }

    fn result_item(&mut self) -> Parsed<ResultItem> {
        let start = self.here();
        if self.eat_sym(Sym::Star) {
            return Ok(ResultItem::Star { table: None, span: start });
        }
        if self.is_ident() && self.is_sym_at(1, Sym::Dot) && self.is_sym_at(2, Sym::Star) {
            let table = self.ident("a table")?;
            self.bump();
            self.bump();
            return Ok(ResultItem::Star { table: Some(table), span: self.since(start) });
        }
        let expr = self.sql_expr()?;
        Ok(ResultItem::Expr { expr, alias: self.alias()? })
    }

    /// `[[AS] ident]`.
    pub(super) fn alias(&mut self) -> Parsed<Option<crate::ast::Ident>> {
        if self.eat_kw(Kw::As) || self.is_ident() {
            return self.ident("an alias").map(Some);
        }
        Ok(None)
    }

    /// `relation {join}`.
    pub(super) fn relations(&mut self) -> Parsed<FromClause> {
        let relation = self.relation()?;
        let mut joins = Vec::new();
        while let Some(kind) = self.join_kind()? {
            let relation = self.relation()?;
            self.expect_kw(Kw::On)?;
            joins.push(Join { kind, relation, on: self.sql_expr()? });
        }
        Ok(FromClause { relation, joins })
    }

    fn join_kind(&mut self) -> Parsed<Option<JoinKind>> {
        let kind = if self.eat_kw(Kw::Join) {
            return Ok(Some(JoinKind::Inner));
        } else if self.eat_kw(Kw::Inner) {
            JoinKind::Inner
        } else if self.eat_kw(Kw::Left) {
            JoinKind::Left
        } else if self.eat_kw(Kw::Right) {
            JoinKind::Right
        } else if self.eat_kw(Kw::Full) {
            JoinKind::Full
        } else {
            return Ok(None);
        };
        self.expect_kw(Kw::Join)?;
        Ok(Some(kind))
    }

    fn relation(&mut self) -> Parsed<Relation> {
        let start = self.here();
        let kind = if self.eat_sym(Sym::LParen) {
            let (select, height) = self.nested(Self::select)?;
            self.expect_sym(Sym::RParen)?;
            self.highest = self.highest.max(height);
            RelationKind::Select(select)
        } else if self.is_ident() && self.is_sym_at(1, Sym::LParen) {
            return self.table_function();
        } else {
            let first = self.ident("a table, a subquery or a table function")?;
            if self.eat_sym(Sym::Dot) {
                RelationKind::Table { namespace: Some(first), name: self.ident("a table")? }
            } else {
                RelationKind::Table { namespace: None, name: first }
            }
        };
        let alias = self.alias()?;
        Ok(Relation { kind, alias, span: self.since(start) })
    }

    fn table_function(&mut self) -> Parsed<Relation> {
        let start = self.here();
        let name = self.ident("a table function")?;
        self.expect_sym(Sym::LParen)?;
        let (args, height) = self.nested(|parser| parser.list(Self::sql_expr))?;
        self.highest = self.highest.max(height);
        self.close(Sym::RParen)?;
        let ordinality = self.eat_kws(&[Kw::With, Kw::Ordinality]);
        let alias = self.alias()?;
        let has_columns = alias.is_some() && self.is_sym(Sym::LParen);
        let columns =
            if has_columns { self.idents_in_parens("a column name")? } else { Vec::new() };
        let kind = RelationKind::Function { name, args, ordinality, columns };
        Ok(Relation { kind, alias, span: self.since(start) })
    }
}
