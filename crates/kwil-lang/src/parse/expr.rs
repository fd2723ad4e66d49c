//! Operators: precedence without recursion.
//!
//! Operands and operators wait on two stacks until a looser operator or the end makes them a tree, so the length of a
//! chain costs no call stack; its height is counted against [`MAX_DEPTH`]. Long chains of `AND`, of `OR` and of `||`
//! become balanced trees: their operands may be grouped in any way, so thousands of them are no depth. Levels count
//! from tight to loose, as in the table of the language.

use super::MAX_DEPTH;
use super::cursor::{Parsed, Parser};
use crate::ErrorClass;
use crate::ast::{Between, BinaryOp, Expr, ExprKind, InList, InSource, Is, IsTest, Like, UnaryOp};
use crate::lex::{Kw, Sym, TokenKind};

/// Whose expressions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// A statement of SQL.
    Sql,
    /// The body of an action, and wherever the interpreter computes.
    Action,
}

/// How loosely an operator binds.
type Level = u8;

const SIGN: Level = 3;
const COLLATE: Level = 4;
const IN: Level = 9;
const LIKE: Level = 10;
const BETWEEN: Level = 11;
const COMPARISON: Level = 12;
const IS: Level = 13;
const NOT: Level = 14;
const LOOSEST: Level = 16;

/// Operators of a chain that is grouped from the left, like one of other operators; a longer one is balanced. No
/// balanced tree has as many levels, so that it reads the same when it is printed with brackets.
const PLAIN_CHAIN: usize = 32;

/// What may stand behind an operand, and how many tokens announce it.
#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    Like { not: bool, any_case: bool },
    Between { not: bool },
    In { not: bool },
    Is,
    Collate,
}

/// An operator that waits for its right operand.
enum Waiting {
    Prefix(UnaryOp, Level, u32),
    Binary(BinaryOp, Level),
    Like { not: bool, any_case: bool },
    DistinctFrom { not: bool },
}

impl Waiting {
    fn level(&self) -> Level {
        match self {
            Self::Prefix(_, level, _) | Self::Binary(_, level) => *level,
            Self::Like { .. } => LIKE,
            Self::DistinctFrom { .. } => IS,
        }
    }
}

/// The two stacks; operands carry the height of their tree.
struct Yard {
    operands: Vec<(Expr, u32)>,
    operators: Vec<Waiting>,
}

impl Parser<'_> {
    /// An expression that PostgreSQL computes.
    pub(super) fn sql_expr(&mut self) -> Parsed<Expr> {
        self.expression(Flavour::Sql, LOOSEST)
    }

    /// An expression that the interpreter computes.
    pub(super) fn action_expr(&mut self) -> Parsed<Expr> {
        self.expression(Flavour::Action, LOOSEST)
    }

    pub(super) fn expr_of(&mut self, flavour: Flavour) -> Parsed<Expr> {
        self.expression(flavour, LOOSEST)
    }

    fn expression(&mut self, flavour: Flavour, limit: Level) -> Parsed<Expr> {
        let mut yard = Yard { operands: Vec::new(), operators: Vec::new() };
        loop {
            while let Some(prefix) = self.prefix(flavour) {
                yard.operators.push(prefix);
            }
            let operand = self.operand(flavour)?;
            let is_lone = yard.operators.is_empty() && self.infix(flavour).is_none();
            if is_lone {
                return self.complete(operand);
            }
            yard.operands.push(operand);
            if !self.behind_operand(&mut yard, flavour, limit)? {
                self.reduce(&mut yard, None)?;
                return match yard.operands.pop() {
                    Some(whole) => self.complete(whole),
                    None => Err(self.unexpected("an expression")),
                };
            }
        }
    }

    fn complete(&mut self, (expr, height): (Expr, u32)) -> Parsed<Expr> {
        if height > MAX_DEPTH {
            return Err(self.fault(ErrorClass::Syntax, expr.span, "expression nested too deeply"));
        }
        self.highest = self.highest.max(height);
        Ok(expr)
    }

    fn prefix(&mut self, flavour: Flavour) -> Option<Waiting> {
        let (op, level) = match self.peek() {
            TokenKind::Symbol(Sym::Minus) if !self.is_number() => (UnaryOp::Minus, SIGN),
            TokenKind::Symbol(Sym::Plus) if !self.is_number() => (UnaryOp::Plus, SIGN),
            TokenKind::Symbol(Sym::Bang) if flavour == Flavour::Action => (UnaryOp::Not, SIGN),
            TokenKind::Keyword(Kw::Not)
                if flavour == Flavour::Action || !self.is_kw_at(1, Kw::Exists) =>
            {
                (UnaryOp::Not, NOT)
            }
            _ => return None,
        };
        let start = self.bump().span.start;
        Some(Waiting::Prefix(op, level, start))
    }

    /// What the next tokens mean behind an operand: the operator, its level, its length in tokens.
    fn infix(&self, flavour: Flavour) -> Option<(Infix, Level, usize)> {
        let binary = |op, level| Some((Infix::Binary(op), level, 1));
        match self.peek() {
            TokenKind::Symbol(symbol) => {
                let (op, level) = binary_symbol(symbol)?;
                binary(op, level)
            }
            TokenKind::Keyword(Kw::And) => binary(BinaryOp::And, 15),
            TokenKind::Keyword(Kw::Or) => binary(BinaryOp::Or, 16),
            TokenKind::Keyword(Kw::Is) => Some((Infix::Is, IS, 1)),
            TokenKind::Keyword(_) if flavour == Flavour::Action => None,
            TokenKind::Keyword(Kw::Collate) => Some((Infix::Collate, COLLATE, 1)),
            TokenKind::Keyword(Kw::Not) => negatable(self.peek_at(1), true, 2),
            kind @ TokenKind::Keyword(_) => negatable(kind, false, 1),
            _ => None,
        }
    }

    /// Handles all operators that follow an operand; true when another operand must follow.
    fn behind_operand(&mut self, yard: &mut Yard, flavour: Flavour, limit: Level) -> Parsed<bool> {
        while let Some((infix, level, tokens)) = self.infix(flavour) {
            self.reduce(yard, Some((level, infix)))?;
            if yard.operators.is_empty() && level > limit {
                return Ok(false);
            }
            for _ in 0..tokens {
                self.bump();
            }
            let waiting = match infix {
                Infix::Binary(op) => Waiting::Binary(op, level),
                Infix::Like { not, any_case } => Waiting::Like { not, any_case },
                Infix::Is => match self.is_test(yard)? {
                    Some(waiting) => waiting,
                    None => continue,
                },
                Infix::Between { not } => {
                    self.between(yard, not)?;
                    continue;
                }
                Infix::In { not } => {
                    self.in_list(yard, not)?;
                    continue;
                }
                Infix::Collate => {
                    let name = self.ident("a collation")?;
                    let span = name.span;
                    self.wrap(yard, 1, |value| ExprKind::Collate(Box::new(value), name), span)?;
                    continue;
                }
            };
            yard.operators.push(waiting);
            return Ok(true);
        }
        Ok(false)
    }

    /// Builds trees of the waiting operators that bind at least as tightly as the next one; of all when there is none.
    /// An operator of a chain that goes on keeps waiting.
    fn reduce(&mut self, yard: &mut Yard, next: Option<(Level, Infix)>) -> Parsed<()> {
        while let Some(waiting) = yard.operators.last() {
            match (next, waiting) {
                (Some((level, _)), waiting) if waiting.level() > level => break,
                (Some((_, Infix::Binary(op))), Waiting::Binary(own, _))
                    if op == *own && is_associative(op) =>
                {
                    break;
                }
                (_, Waiting::Binary(op, _)) if is_associative(*op) => {
                    let op = *op;
                    self.chain(yard, op)?;
                }
                _ => self.reduce_one(yard)?,
            }
        }
        Ok(())
    }

    fn reduce_one(&mut self, yard: &mut Yard) -> Parsed<()> {
        let (Some(waiting), Some((right, right_height))) =
            (yard.operators.pop(), yard.operands.pop())
        else {
            return Ok(());
        };
        if let Waiting::Prefix(op, _, start) = waiting {
            let mut span = right.span;
            span.start = start;
            let kind = ExprKind::Unary(op, Box::new(right));
            return self.push(yard, Expr { kind, span }, right_height);
        }
        let Some((left, left_height)) = yard.operands.pop() else { return Ok(()) };
        let span = left.span.to(right.span);
        let kind = infix_kind(waiting, left, right);
        self.push(yard, Expr { kind, span }, left_height.max(right_height))
    }

    /// Builds the tree of all operands that wait for this operator.
    fn chain(&mut self, yard: &mut Yard, op: BinaryOp) -> Parsed<()> {
        let is_own = |waiting: &&Waiting| matches!(waiting, Waiting::Binary(own, _) if *own == op);
        let operators = yard.operators.iter().rev().take_while(is_own).count();
        yard.operators.truncate(yard.operators.len().saturating_sub(operators));
        let first = yard.operands.len().saturating_sub(operators.saturating_add(1));
        if operators <= PLAIN_CHAIN {
            let mut operands = yard.operands.drain(first..);
            let Some(mut whole) = operands.next() else { return Ok(()) };
            for operand in operands {
                whole = joined(op, whole, operand);
            }
            return self.push_whole(yard, whole);
        }
        let mut level = yard.operands.split_off(first);
        while level.len() > 1 {
            let mut pairs = Vec::with_capacity(level.len().div_ceil(2));
            let mut operands = level.into_iter();
            while let Some(left) = operands.next() {
                pairs.push(match operands.next() {
                    Some(right) => joined(op, left, right),
                    None => left,
                });
            }
            level = pairs;
        }
        level.pop().map_or(Ok(()), |whole| self.push_whole(yard, whole))
    }

    /// Puts a tree of this height on the stack.
    fn push_whole(&mut self, yard: &mut Yard, (expr, height): (Expr, u32)) -> Parsed<()> {
        self.push(yard, expr, height.saturating_sub(1))
    }

    /// Puts a tree on the stack whose highest child has `height`.
    fn push(&mut self, yard: &mut Yard, expr: Expr, height: u32) -> Parsed<()> {
        let height = height.saturating_add(1);
        if height > MAX_DEPTH {
            return Err(self.fault(ErrorClass::Syntax, expr.span, "expression nested too deeply"));
        }
        yard.operands.push((expr, height));
        Ok(())
    }

    /// Replaces the top operand by a tree around it; `height` is that of its other children.
    fn wrap(
        &mut self,
        yard: &mut Yard,
        height: u32,
        kind: impl FnOnce(Expr) -> ExprKind,
        end: crate::Span,
    ) -> Parsed<()> {
        let Some((value, own)) = yard.operands.pop() else { return Ok(()) };
        let span = value.span.to(end);
        self.push(yard, Expr { kind: kind(value), span }, own.max(height))
    }

    /// Behind `IS`: wraps the top operand, or gives the operator that waits for what `DISTINCT FROM` compares with.
    fn is_test(&mut self, yard: &mut Yard) -> Parsed<Option<Waiting>> {
        let not = self.eat_kw(Kw::Not);
        let test = match self.peek() {
            TokenKind::Keyword(Kw::Null) => IsTest::Null,
            TokenKind::Keyword(Kw::True) => IsTest::True,
            TokenKind::Keyword(Kw::False) => IsTest::False,
            TokenKind::Keyword(Kw::Distinct) => {
                self.bump();
                self.expect_kw(Kw::From)?;
                return Ok(Some(Waiting::DistinctFrom { not }));
            }
            _ => return Err(self.unexpected("NULL, TRUE, FALSE or DISTINCT FROM")),
        };
        let end = self.bump().span;
        self.wrap(yard, 0, |value| ExprKind::Is(Box::new(Is { value, not, test })), end)?;
        Ok(None)
    }

    fn between(&mut self, yard: &mut Yard, not: bool) -> Parsed<()> {
        let ((low, high), height) = self.nested(|parser| {
            let low = parser.expression(Flavour::Sql, LIKE)?;
            parser.expect_kw(Kw::And)?;
            Ok((low, parser.expression(Flavour::Sql, LIKE)?))
        })?;
        let end = high.span;
        let kind = |value| ExprKind::Between(Box::new(Between { value, not, low, high }));
        self.wrap(yard, height.saturating_sub(1), kind, end)
    }

    fn in_list(&mut self, yard: &mut Yard, not: bool) -> Parsed<()> {
        self.expect_sym(Sym::LParen)?;
        let (source, height) = self.nested(|parser| {
            if parser.is_kw(Kw::Select) {
                return Ok(InSource::Select(parser.select()?));
            }
            Ok(InSource::List(parser.list(Self::sql_expr)?))
        })?;
        let end = self.here();
        self.close(Sym::RParen)?;
        let kind = |value| ExprKind::In(Box::new(InList { value, not, source }));
        self.wrap(yard, height, kind, end)
    }
}

fn is_associative(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Concat)
}

/// Two operands, each with the height of its tree, as one.
fn joined(op: BinaryOp, (left, left_height): (Expr, u32), right: (Expr, u32)) -> (Expr, u32) {
    let (right, right_height) = right;
    let span = left.span.to(right.span);
    let kind = ExprKind::Binary(op, Box::new((left, right)));
    (Expr { kind, span }, left_height.max(right_height).saturating_add(1))
}

fn infix_kind(waiting: Waiting, left: Expr, right: Expr) -> ExprKind {
    match waiting {
        Waiting::Binary(op, _) => ExprKind::Binary(op, Box::new((left, right))),
        Waiting::Like { not, any_case } => {
            ExprKind::Like(Box::new(Like { value: left, not, any_case, pattern: right }))
        }
        Waiting::DistinctFrom { not } => {
            ExprKind::Is(Box::new(Is { value: left, not, test: IsTest::DistinctFrom(right) }))
        }
        Waiting::Prefix(op, ..) => ExprKind::Unary(op, Box::new(right)),
    }
}

fn binary_symbol(symbol: Sym) -> Option<(BinaryOp, Level)> {
    Some(match symbol {
        Sym::Caret => (BinaryOp::Power, 5),
        Sym::Star => (BinaryOp::Multiply, 6),
        Sym::Slash => (BinaryOp::Divide, 6),
        Sym::Percent => (BinaryOp::Modulo, 6),
        Sym::Plus => (BinaryOp::Add, 7),
        Sym::Minus => (BinaryOp::Subtract, 7),
        Sym::Concat => (BinaryOp::Concat, 8),
        Sym::Equal => (BinaryOp::Equal, COMPARISON),
        Sym::NotEqual => (BinaryOp::NotEqual, COMPARISON),
        Sym::Less => (BinaryOp::Less, COMPARISON),
        Sym::LessEqual => (BinaryOp::LessEqual, COMPARISON),
        Sym::Greater => (BinaryOp::Greater, COMPARISON),
        Sym::GreaterEqual => (BinaryOp::GreaterEqual, COMPARISON),
        _ => return None,
    })
}

/// Operators that may have `NOT` in front.
fn negatable(kind: TokenKind, not: bool, tokens: usize) -> Option<(Infix, Level, usize)> {
    Some(match kind {
        TokenKind::Keyword(Kw::In) => (Infix::In { not }, IN, tokens),
        TokenKind::Keyword(Kw::Like) => (Infix::Like { not, any_case: false }, LIKE, tokens),
        TokenKind::Keyword(Kw::Ilike) => (Infix::Like { not, any_case: true }, LIKE, tokens),
        TokenKind::Keyword(Kw::Between) => (Infix::Between { not }, BETWEEN, tokens),
        _ => return None,
    })
}
