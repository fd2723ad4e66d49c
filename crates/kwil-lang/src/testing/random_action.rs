//! Random actions.

use super::Random;
use crate::Span;
use crate::ast::{
    ActionCall, AssignTarget, Assignment, Block, Branch, CreateAction, Expr, ExprKind, Ident,
    LoopSource, Parameter, Receiver, ReturnField, Returns, Step, StepKind, Variable,
};

impl Random {
    pub(super) fn action(&mut self) -> CreateAction {
        let parameters = self
            .distinct_idents(0, 3)
            .into_iter()
            .map(|name| Parameter {
                name: Variable { name: format!("${name}").into_boxed_str(), span: Span::default() },
                data_type: self.type_ref(),
                default: self.maybe(Self::literal),
            })
            .collect();
        let modifiers = ["public", "private", "view", "owner"];
        let modifier = *self.choose(&modifiers);
        let returns = self.maybe(|random| {
            let table = random.one_in(2);
            let is_named = table || random.one_in(2);
            let fields = random
                .distinct_idents(1, 3)
                .into_iter()
                .map(|name| ReturnField {
                    name: is_named.then_some(name),
                    data_type: random.type_ref(),
                })
                .collect();
            Returns { table, fields }
        });
        let guard = self.below(3);
        CreateAction {
            or_replace: guard == 1,
            if_not_exists: guard == 2,
            name: self.ident(),
            parameters,
            modifiers: vec![Ident::new(modifier)],
            returns,
            body: self.block(3),
        }
    }

    fn block(&mut self, depth: usize) -> Block {
        self.many(0, 4, |random| Step { kind: random.step(depth), span: Span::default() })
    }

    fn step(&mut self, depth: usize) -> StepKind {
        let inner = depth.saturating_sub(1);
        match self.below(if depth == 0 { 9 } else { 11 }) {
            0 => StepKind::Declare { name: self.user_variable(), data_type: self.type_ref() },
            1 | 2 => StepKind::Assign(Box::new(self.assignment())),
            3 => StepKind::Call(Box::new(self.call_step())),
            4 => StepKind::Query(Box::new(self.query())),
            5 => StepKind::Return(self.many(0, 2, |random| random.expr(false, 2))),
            6 => StepKind::ReturnNext(self.many(1, 2, |random| random.expr(false, 2))),
            7 => StepKind::ReturnQuery(Box::new(self.query())),
            8 => {
                if self.one_in(2) {
                    StepKind::Break
                } else {
                    StepKind::Continue
                }
            }
            9 => StepKind::For {
                variable: self.user_variable(),
                source: Box::new(self.loop_source()),
                body: self.block(inner),
            },
            _ => StepKind::If {
                branches: self.many(1, 3, |random| Branch {
                    condition: random.expr(false, 2),
                    body: random.block(inner),
                }),
                otherwise: self.maybe(|random| random.block(inner)),
            },
        }
    }

    fn assignment(&mut self) -> Assignment {
        let target = match self.below(4) {
            0 => AssignTarget::Element { array: self.user_variable(), index: self.expr(false, 1) },
            1 => AssignTarget::Slice {
                array: self.user_variable(),
                from: self.maybe(|random| random.expr(false, 1)),
                to: self.maybe(|random| random.expr(false, 1)),
            },
            _ => AssignTarget::Variable(self.variable()),
        };
        let data_type = match target {
            AssignTarget::Variable(_) => self.maybe(Self::type_ref),
            AssignTarget::Element { .. } | AssignTarget::Slice { .. } => None,
        };
        Assignment { target, data_type, value: self.expr(false, 3) }
    }

    fn call_step(&mut self) -> ActionCall {
        let receivers = self.many(0, 3, |random| {
            if random.one_in(3) {
                Receiver::Ignore
            } else {
                Receiver::Variable(random.user_variable())
            }
        });
        ActionCall { receivers, call: self.call(false, 2) }
    }

    fn loop_source(&mut self) -> LoopSource {
        match self.below(5) {
            0 => LoopSource::Range(self.expr(false, 2), self.expr(false, 2)),
            1 => LoopSource::Array(self.expr(false, 2)),
            2 => LoopSource::Query(Box::new(self.query())),
            3 => LoopSource::Call(self.call(false, 2)),
            _ => LoopSource::Other(self.other_expr()),
        }
    }

    fn other_expr(&mut self) -> Expr {
        let variable = self.variable();
        Expr { kind: ExprKind::Variable(variable), span: Span::default() }
    }
}
