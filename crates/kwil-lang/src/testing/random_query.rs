//! Random expressions and statements on rows.

use kwil_types::Decimal;

use super::Random;
use crate::Span;
use crate::ast::{
    Between, BinaryOp, Call, Case, Compound, Conflict, ConflictAction, Cte, Delete, Expr, ExprKind,
    FromClause, InList, InSource, Insert, InsertSource, Is, IsTest, Join, JoinKind, Like, Literal,
    NamedWindow, OrderTerm, Query, QueryBody, Relation, RelationKind, ResultItem, Select,
    SelectCore, SetClause, SetOp, Slice, UnaryOp, Update, Window, WindowCall, WindowRef, With,
};

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

impl Random {
    pub(super) fn literal(&mut self) -> Literal {
        match self.below(7) {
            0 => Literal::Null,
            1 => Literal::Bool(self.one_in(2)),
            2 => Literal::Int(*self.choose(&[0, 1, -1, 42, i64::MAX, i64::MIN])),
            3 => {
                let text = *self.choose(&["0.0", "1.50", "-0.05", "123456789012345678901.5"]);
                Decimal::parse_literal(text).map_or(Literal::Null, Literal::Decimal)
            }
            4 => Literal::Bytes(self.many(1, 3, |random| random.bits().to_le_bytes()[0]).into()),
            _ => {
                let values =
                    ["", "a", "it's", "\\'", "\\\\'", "é\n", "''", "-- no comment", "a;b}"];
                Literal::Text((*self.choose(&values)).into())
            }
        }
    }

    /// An expression of SQL (`sql`) or of an action, with at most `depth` levels below it.
    pub(super) fn expr(&mut self, sql: bool, depth: usize) -> Expr {
        let Some(depth) = depth.checked_sub(1) else {
            return expr(self.leaf(sql));
        };
        let kind = match self.below(if sql { 18 } else { 10 }) {
            0 | 1 => self.leaf(sql),
            2 | 3 => {
                let op = *self.choose(&BinaryOp::ALL);
                ExprKind::Binary(op, Box::new((self.expr(sql, depth), self.expr(sql, depth))))
            }
            4 => {
                let op = *self.choose(&[UnaryOp::Minus, UnaryOp::Plus, UnaryOp::Not]);
                self.unary(op, sql, depth)
            }
            5 => ExprKind::Cast(Box::new(self.expr(sql, depth)), self.type_ref()),
            6 => ExprKind::Call(Box::new(self.call(sql, depth))),
            7 => self.postfix(sql, depth),
            8 => ExprKind::Array(self.many(0, 3, |random| random.expr(sql, depth))),
            9 => self.is(sql, depth),
            _ => self.sql_only(depth),
        };
        expr(kind)
    }

    /// The parser makes a sign in front of a number part of the number.
    fn unary(&mut self, op: UnaryOp, sql: bool, depth: usize) -> ExprKind {
        ExprKind::Unary(op, Box::new(self.expr(sql, depth)))
    }

    fn leaf(&mut self, sql: bool) -> ExprKind {
        match self.below(3) {
            0 => ExprKind::Variable(self.variable()),
            1 if sql => ExprKind::Column { table: self.maybe(Self::ident), name: self.ident() },
            _ => ExprKind::Literal(self.literal()),
        }
    }

    fn postfix(&mut self, sql: bool, depth: usize) -> ExprKind {
        let base = self.expr(sql, depth);
        match self.below(3) {
            0 => ExprKind::Field(Box::new(base), self.ident()),
            1 => ExprKind::Index(Box::new(base), Box::new(self.expr(sql, depth))),
            _ => {
                let from = self.maybe(|random| random.expr(sql, depth));
                let to = self.maybe(|random| random.expr(sql, depth));
                ExprKind::Slice(Box::new(Slice { array: base, from, to }))
            }
        }
    }

    fn is(&mut self, sql: bool, depth: usize) -> ExprKind {
        let test = match self.below(4) {
            0 => IsTest::Null,
            1 => IsTest::True,
            2 => IsTest::False,
            _ => IsTest::DistinctFrom(self.expr(sql, depth)),
        };
        ExprKind::Is(Box::new(Is { value: self.expr(sql, depth), not: self.one_in(2), test }))
    }

    pub(super) fn call(&mut self, sql: bool, depth: usize) -> Call {
        let mut call = Call {
            namespace: None,
            name: self.ident(),
            distinct: false,
            star: sql && self.one_in(6),
            args: Vec::new(),
            order_by: Vec::new(),
        };
        if !sql {
            call.namespace = self.maybe(Self::ident);
        }
        if !call.star {
            call.args = self.many(0, 3, |random| random.expr(sql, depth));
            call.distinct = sql && !call.args.is_empty() && self.one_in(4);
        }
        if sql && self.one_in(4) {
            call.order_by = self.order_by(depth);
        }
        call
    }

    fn order_by(&mut self, depth: usize) -> Vec<OrderTerm> {
        self.many(1, 2, |random| OrderTerm {
            expr: random.expr(true, depth),
            descending: random.one_in(2),
            nulls_first: random.maybe(|random| random.one_in(2)),
        })
    }

    fn window(&mut self, depth: usize) -> Window {
        let partition_by = self.many(0, 2, |random| random.expr(true, depth));
        let order_by = if self.one_in(2) { self.order_by(depth) } else { Vec::new() };
        Window { partition_by, order_by }
    }

    fn sql_only(&mut self, depth: usize) -> ExprKind {
        let not = self.one_in(2);
        match self.below(8) {
            0 => ExprKind::Collate(Box::new(self.expr(true, depth)), self.ident()),
            1 => {
                let source = if self.one_in(2) {
                    InSource::Select(Box::new(self.select(depth)))
                } else {
                    InSource::List(self.many(1, 3, |random| random.expr(true, depth)))
                };
                ExprKind::In(Box::new(InList { value: self.expr(true, depth), not, source }))
            }
            2 => {
                let (value, pattern) = (self.expr(true, depth), self.expr(true, depth));
                let any_case = self.one_in(2);
                ExprKind::Like(Box::new(Like { value, not, any_case, pattern }))
            }
            3 => {
                let (value, low) = (self.expr(true, depth), self.expr(true, depth));
                let high = self.expr(true, depth);
                ExprKind::Between(Box::new(Between { value, not, low, high }))
            }
            4 => {
                let operand = self.maybe(|random| random.expr(true, depth));
                let branches =
                    self.many(1, 2, |random| (random.expr(true, depth), random.expr(true, depth)));
                let otherwise = self.maybe(|random| random.expr(true, depth));
                ExprKind::Case(Box::new(Case { operand, branches, otherwise }))
            }
            5 => ExprKind::Subquery(Box::new(self.select(depth))),
            6 => ExprKind::Exists { not, select: Box::new(self.select(depth)) },
            _ => {
                let over = if self.one_in(3) {
                    WindowRef::Named(self.ident())
                } else {
                    WindowRef::Inline(self.window(depth))
                };
                let filter = self.maybe(|random| random.expr(true, depth));
                let call = self.call(true, depth);
                ExprKind::Window(Box::new(WindowCall { call, filter, over }))
            }
        }
    }

    pub(super) fn select(&mut self, depth: usize) -> Select {
        let ops = [SetOp::Union, SetOp::UnionAll, SetOp::Intersect, SetOp::Except];
        let first = self.core(depth);
        let compounds = if self.one_in(4) {
            self.many(1, 2, |random| Compound {
                op: *random.choose(&ops),
                core: random.core(depth.saturating_sub(1)),
            })
        } else {
            Vec::new()
        };
        let order_by = if self.one_in(3) { self.order_by(depth) } else { Vec::new() };
        let limit = self.maybe(|random| random.expr(true, depth.min(1)));
        let offset = self.maybe(|random| random.expr(true, depth.min(1)));
        Select { first, compounds, order_by, limit, offset, span: Span::default() }
    }

    fn core(&mut self, depth: usize) -> SelectCore {
        let results = self.many(1, 3, |random| {
            if random.one_in(6) {
                let table = random.maybe(Self::ident);
                return ResultItem::Star { table, span: Span::default() };
            }
            let expr = random.expr(true, depth);
            ResultItem::Expr { expr, alias: random.maybe(Self::ident) }
        });
        let group_by = if self.one_in(4) {
            self.many(1, 2, |random| random.expr(true, depth))
        } else {
            Vec::new()
        };
        let having =
            if group_by.is_empty() { None } else { self.maybe(|random| random.expr(true, depth)) };
        let windows = if self.one_in(8) {
            self.many(1, 2, |random| NamedWindow {
                name: random.ident(),
                window: random.window(depth),
            })
        } else {
            Vec::new()
        };
        SelectCore {
            distinct: self.one_in(4),
            results,
            from: self.maybe(|random| random.relations(depth)),
            filter: self.maybe(|random| random.expr(true, depth)),
            group_by,
            having,
            windows,
            span: Span::default(),
        }
    }

    fn relations(&mut self, depth: usize) -> FromClause {
        let kinds = [JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full];
        let relation = self.relation(depth);
        let joins = self.many(0, 2, |random| Join {
            kind: *random.choose(&kinds),
            relation: random.relation(depth),
            on: random.expr(true, depth),
        });
        FromClause { relation, joins }
    }

    fn relation(&mut self, depth: usize) -> Relation {
        let mut alias = self.maybe(Self::ident);
        let kind = match (self.below(4), depth.checked_sub(1)) {
            (0, Some(depth)) => RelationKind::Select(Box::new(self.select(depth))),
            (1, Some(depth)) => {
                let columns = self.many(0, 2, Self::ident);
                if !columns.is_empty() && alias.is_none() {
                    alias = Some(self.ident());
                }
                RelationKind::Function {
                    name: self.ident(),
                    args: self.many(1, 2, |random| random.expr(true, depth)),
                    ordinality: self.one_in(2),
                    columns,
                }
            }
            _ => RelationKind::Table { namespace: self.maybe(Self::ident), name: self.ident() },
        };
        Relation { kind, alias, span: Span::default() }
    }

    fn set(&mut self, depth: usize) -> Vec<SetClause> {
        self.many(1, 2, |random| SetClause {
            column: random.ident(),
            value: random.expr(true, depth),
        })
    }

    pub(super) fn query(&mut self) -> Query {
        let depth = self.below(4);
        let with = if self.one_in(4) {
            let ctes = self.many(1, 2, |random| Cte {
                name: random.ident(),
                columns: random.many(0, 2, Self::ident),
                select: random.select(depth),
            });
            Some(With { recursive: self.one_in(2), ctes })
        } else {
            None
        };
        let body = match self.below(6) {
            0 => QueryBody::Insert(self.insert(depth)),
            1 => QueryBody::Update(Update {
                table: self.ident(),
                alias: self.maybe(Self::ident),
                set: self.set(depth),
                from: self.maybe(|random| random.relations(depth)),
                filter: self.maybe(|random| random.expr(true, depth)),
            }),
            2 => QueryBody::Delete(Delete {
                table: self.ident(),
                alias: self.maybe(Self::ident),
                filter: self.maybe(|random| random.expr(true, depth)),
            }),
            _ => QueryBody::Select(Box::new(self.select(depth))),
        };
        Query { with, body, span: Span::default() }
    }

    fn insert(&mut self, depth: usize) -> Insert {
        let source = if self.one_in(2) {
            InsertSource::Select(Box::new(self.select(depth)))
        } else {
            InsertSource::Values(
                self.many(1, 2, |random| random.many(1, 3, |random| random.expr(true, depth))),
            )
        };
        let conflict = self.maybe(|random| {
            let columns = random.many(0, 2, Self::ident);
            let filter = if columns.is_empty() {
                None
            } else {
                random.maybe(|random| random.expr(true, depth))
            };
            let action = if random.one_in(2) {
                ConflictAction::Nothing
            } else {
                let set = random.set(depth);
                let filter = random.maybe(|random| random.expr(true, depth));
                ConflictAction::Update { set, filter }
            };
            Conflict { columns, filter, action }
        });
        Insert {
            table: self.ident(),
            alias: self.maybe(Self::ident),
            columns: self.many(0, 3, Self::ident),
            source,
            conflict,
        }
    }
}
