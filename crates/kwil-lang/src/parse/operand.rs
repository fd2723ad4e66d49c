//! Operands: what stands between operators, with its cast, fields and indexes.

use super::MAX_DEPTH;
use super::cursor::{Parsed, Parser};
use super::expr::Flavour;
use crate::ast::{
    Call, Case, Expr, ExprKind, Ident, OrderTerm, Slice, Variable, Window, WindowCall, WindowRef,
};
use crate::lex::{Kw, Sym, TokenKind};
use crate::{ErrorClass, Span};

/// A tree and its height.
type Operand = (Expr, u32);

impl Parser<'_> {
    /// An operand with everything that belongs to it.
    pub(super) fn operand(&mut self, flavour: Flavour) -> Parsed<Operand> {
        let start = self.here();
        let mut operand = self.primary(flavour)?;
        loop {
            let (expr, height) = operand;
            if self.is_sym(Sym::Dot) {
                self.bump();
                let field = self.ident("a field")?;
                let kind = ExprKind::Field(Box::new(expr), field);
                operand = self.with_cast(kind, start, height)?;
            } else if self.eat_sym(Sym::LBracket) {
                let ((from, to, is_slice), inside) =
                    self.nested(|parser| parser.subscript(flavour))?;
                self.expect_sym(Sym::RBracket)?;
                let kind = match (from, is_slice) {
                    (Some(index), false) => ExprKind::Index(Box::new(expr), Box::new(index)),
                    (from, _) => ExprKind::Slice(Box::new(Slice { array: expr, from, to })),
                };
                operand = self.with_cast(kind, start, height.max(inside))?;
            } else {
                return Ok((expr, height));
            }
            if operand.1 > MAX_DEPTH {
                let span = self.since(start);
                return Err(self.fault(ErrorClass::Syntax, span, "expression nested too deeply"));
            }
        }
    }

    /// Between `[` and `]`: an index, or the bounds of a slice.
    pub(super) fn subscript(
        &mut self,
        flavour: Flavour,
    ) -> Parsed<(Option<Expr>, Option<Expr>, bool)> {
        let from = if self.is_sym(Sym::Colon) { None } else { Some(self.expr_of(flavour)?) };
        if !self.eat_sym(Sym::Colon) {
            return Ok((from, None, false));
        }
        let to = if self.is_sym(Sym::RBracket) { None } else { Some(self.expr_of(flavour)?) };
        Ok((from, to, true))
    }

    /// Makes the node; `height` is that of its highest child. Takes the cast behind it.
    fn with_cast(&mut self, kind: ExprKind, start: Span, height: u32) -> Parsed<Operand> {
        let expr = Expr { kind, span: self.since(start) };
        let height = height.saturating_add(1);
        if !self.eat_sym(Sym::DoubleColon) {
            return Ok((expr, height));
        }
        let data_type = self.data_type()?;
        if self.is_sym(Sym::DoubleColon) {
            let here = self.here();
            let detail = "unexpected \"::\": one cast per operand; use parentheses";
            return Err(self.fault(ErrorClass::Syntax, here, detail));
        }
        let kind = ExprKind::Cast(Box::new(expr), data_type);
        Ok((Expr { kind, span: self.since(start) }, height.saturating_add(1)))
    }

    fn primary(&mut self, flavour: Flavour) -> Parsed<Operand> {
        let start = self.here();
        if let Some(literal) = self.literal()? {
            return self.with_cast(ExprKind::Literal(literal), start, 0);
        }
        match self.peek() {
            TokenKind::Symbol(Sym::LParen) => self.parenthesised(flavour),
            TokenKind::Variable | TokenKind::Context => {
                let variable = self.variable()?;
                self.with_cast(ExprKind::Variable(variable), start, 0)
            }
            TokenKind::Keyword(Kw::Array) => {
                self.bump();
                self.array(flavour, start)
            }
            TokenKind::Symbol(Sym::LBracket) if flavour == Flavour::Action => {
                self.array(flavour, start)
            }
            TokenKind::Keyword(Kw::Case) if flavour == Flavour::Sql => self.case(),
            TokenKind::Keyword(Kw::Exists | Kw::Not) if flavour == Flavour::Sql => self.exists(),
            _ if self.is_ident() => match flavour {
                Flavour::Sql => self.column_or_call(),
                Flavour::Action => self.action_call_operand(),
            },
            _ => Err(self.unexpected("an expression")),
        }
    }

    /// Takes `$name` or `@name`.
    pub(super) fn variable(&mut self) -> Parsed<Variable> {
        match self.peek() {
            TokenKind::Variable | TokenKind::Context => {}
            _ => return Err(self.unexpected("a variable")),
        }
        let span = self.bump().span;
        let name = self.text_of(span).to_ascii_lowercase().into_boxed_str();
        self.check_length(&name, span, super::MAX_IDENTIFIER);
        Ok(Variable { name, span })
    }

    fn parenthesised(&mut self, flavour: Flavour) -> Parsed<Operand> {
        let start = self.here();
        self.bump();
        if flavour == Flavour::Sql && self.is_kw(Kw::Select) {
            let (select, height) = self.nested(Self::select)?;
            self.expect_sym(Sym::RParen)?;
            return self.with_cast(ExprKind::Subquery(select), start, height);
        }
        let (expr, height) = self.nested(|parser| parser.expr_of(flavour))?;
        self.expect_sym(Sym::RParen)?;
        // Parentheses are no node: the tree inside keeps its own height.
        let (cast, _) = self.with_cast(expr.kind, start, 0)?;
        let added = u32::from(matches!(cast.kind, ExprKind::Cast(..)));
        Ok((cast, height.saturating_sub(1).saturating_add(added)))
    }

    fn array(&mut self, flavour: Flavour, start: Span) -> Parsed<Operand> {
        self.expect_sym(Sym::LBracket)?;
        let (items, height) = self.nested(|parser| {
            if parser.is_sym(Sym::RBracket) {
                return Ok(Vec::new());
            }
            parser.list(|parser| parser.expr_of(flavour))
        })?;
        self.close(Sym::RBracket)?;
        self.with_cast(ExprKind::Array(items), start, height)
    }

    fn case(&mut self) -> Parsed<Operand> {
        let start = self.here();
        self.bump();
        let (case, height) = self.nested(|parser| {
            let operand = if parser.is_kw(Kw::When) { None } else { Some(parser.sql_expr()?) };
            let mut branches = Vec::new();
            loop {
                parser.expect_kw(Kw::When)?;
                let when = parser.sql_expr()?;
                parser.expect_kw(Kw::Then)?;
                branches.push((when, parser.sql_expr()?));
                if !parser.is_kw(Kw::When) {
                    break;
                }
            }
            let otherwise = if parser.eat_kw(Kw::Else) { Some(parser.sql_expr()?) } else { None };
            if !parser.eat_kw(Kw::End) {
                return Err(parser.unexpected("WHEN, ELSE or END"));
            }
            Ok(Case { operand, branches, otherwise })
        })?;
        let expr = Expr { kind: ExprKind::Case(Box::new(case)), span: self.since(start) };
        Ok((expr, height.saturating_add(1)))
    }

    fn exists(&mut self) -> Parsed<Operand> {
        let start = self.here();
        let not = self.eat_kw(Kw::Not);
        self.expect_kw(Kw::Exists)?;
        self.expect_sym(Sym::LParen)?;
        let (select, height) = self.nested(Self::select)?;
        self.expect_sym(Sym::RParen)?;
        self.with_cast(ExprKind::Exists { not, select }, start, height)
    }

    fn column_or_call(&mut self) -> Parsed<Operand> {
        let start = self.here();
        if self.is_sym_at(1, Sym::LParen) {
            return self.sql_call(start);
        }
        let first = self.ident("a column")?;
        let is_qualified = self.is_sym(Sym::Dot) && self.is_ident_at(1);
        let kind = if is_qualified {
            self.bump();
            let name = self.ident("a column")?;
            ExprKind::Column { table: Some(first), name }
        } else {
            ExprKind::Column { table: None, name: first }
        };
        self.with_cast(kind, start, 0)
    }

    fn sql_call(&mut self, start: Span) -> Parsed<Operand> {
        let name = self.ident("a function")?;
        self.expect_sym(Sym::LParen)?;
        let (call, height) = self.nested(|parser| parser.call_arguments(name))?;
        self.expect_sym(Sym::RParen)?;
        if self.is_kw(Kw::Filter) || self.is_kw(Kw::Over) {
            return self.window_call(call, start, height);
        }
        self.with_cast(ExprKind::Call(Box::new(call)), start, height)
    }

    fn call_arguments(&mut self, name: Ident) -> Parsed<Call> {
        let mut call = Call {
            namespace: None,
            name,
            distinct: false,
            star: false,
            args: Vec::new(),
            order_by: Vec::new(),
        };
        if self.eat_sym(Sym::Star) {
            call.star = true;
        } else {
            call.distinct = self.eat_kw(Kw::Distinct);
            let is_empty = self.is_sym(Sym::RParen) || self.is_kw(Kw::Order);
            if call.distinct || !is_empty {
                call.args = self.list(Self::sql_expr)?;
            }
        }
        call.order_by = self.order_by()?;
        Ok(call)
    }

    fn window_call(&mut self, call: Call, start: Span, arguments: u32) -> Parsed<Operand> {
        let (filter, filter_height) = if self.eat_kw(Kw::Filter) {
            self.expect_sym(Sym::LParen)?;
            self.expect_kw(Kw::Where)?;
            let (filter, height) = self.nested(Self::sql_expr)?;
            self.expect_sym(Sym::RParen)?;
            (Some(filter), height)
        } else {
            (None, 0)
        };
        self.expect_kw(Kw::Over)?;
        let (over, over_height) = if self.is_sym(Sym::LParen) {
            let (window, height) = self.nested(Self::window)?;
            (WindowRef::Inline(window), height)
        } else {
            (WindowRef::Named(self.ident("a window")?), 0)
        };
        let kind = ExprKind::Window(Box::new(WindowCall { call, filter, over }));
        let expr = Expr { kind, span: self.since(start) };
        Ok((expr, arguments.max(filter_height).max(over_height).saturating_add(1)))
    }

    /// `([PARTITION BY …] [ORDER BY …])`.
    pub(super) fn window(&mut self) -> Parsed<Window> {
        self.expect_sym(Sym::LParen)?;
        let partition_by = if self.eat_kws(&[Kw::Partition, Kw::By]) {
            self.list(Self::sql_expr)?
        } else {
            Vec::new()
        };
        let order_by = self.order_by()?;
        self.expect_sym(Sym::RParen)?;
        Ok(Window { partition_by, order_by })
    }

    /// `[ORDER BY …]`.
    pub(super) fn order_by(&mut self) -> Parsed<Vec<OrderTerm>> {
        if !self.eat_kw(Kw::Order) {
            return Ok(Vec::new());
        }
        self.expect_kw(Kw::By)?;
        self.list(|parser| {
            let expr = parser.sql_expr()?;
            let descending = !parser.eat_kw(Kw::Asc) && parser.eat_kw(Kw::Desc);
            let nulls_first = match parser.eat_kw(Kw::Nulls) {
                false => None,
                true if parser.eat_kw(Kw::First) => Some(true),
                true if parser.eat_kw(Kw::Last) => Some(false),
                true => return Err(parser.unexpected("FIRST or LAST")),
            };
            Ok(OrderTerm { expr, descending, nulls_first })
        })
    }

    fn action_call_operand(&mut self) -> Parsed<Operand> {
        let start = self.here();
        let (call, height) = self.action_call()?;
        self.with_cast(ExprKind::Call(Box::new(call)), start, height)
    }

    /// `[namespace.]name(…)` of an action, with the height of the arguments.
    pub(super) fn action_call(&mut self) -> Parsed<(Call, u32)> {
        let first = self.ident("an expression")?;
        let (namespace, name) = if self.eat_sym(Sym::Dot) {
            (Some(first), self.ident("an action")?)
        } else {
            (None, first)
        };
        self.expect_sym(Sym::LParen)?;
        let (args, height) = self.nested(|parser| {
            if parser.is_sym(Sym::RParen) {
                return Ok(Vec::new());
            }
            parser.list(Self::action_expr)
        })?;
        self.close(Sym::RParen)?;
        let (distinct, star, order_by) = (false, false, Vec::new());
        Ok((Call { namespace, name, distinct, star, args, order_by }, height))
    }
}
