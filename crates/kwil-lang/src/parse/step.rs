//! The statements of an action.

use super::cursor::{Failed, Parsed, Parser};
use super::expr::Flavour;
use crate::ErrorClass;
use crate::ast::{
    ActionCall, AssignTarget, Assignment, Block, Branch, Expr, ExprKind, LoopSource, Receiver,
    Step, StepKind, Variable,
};
use crate::lex::{Kw, Sym, TokenKind};

impl Parser<'_> {
    /// `{ statements }`. A faulty statement is skipped and the block goes on behind it.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        self.expect_sym(Sym::LBrace)?;
        let steps = self.nest(|parser| {
            let mut steps = Vec::new();
            while !parser.is_sym(Sym::RBrace) && parser.peek() != TokenKind::End {
                match parser.step() {
                    Ok(step) => steps.push(step),
                    Err(failed) if parser.has_too_many_errors() => return Err(failed),
                    Err(Failed) => parser.skip_step(),
                }
            }
            Ok(steps)
        })?;
        if !self.eat_sym(Sym::RBrace) {
            return Err(self.unexpected("a statement or \"}\""));
        }
        Ok(steps)
    }

    fn step(&mut self) -> Parsed<Step> {
        let start = self.here();
        let kind = self.step_kind()?;
        Ok(Step { kind, span: self.since(start) })
    }

    fn step_kind(&mut self) -> Parsed<StepKind> {
        if self.is_query() {
            let query = self.query()?;
            self.end_step()?;
            return Ok(StepKind::Query(Box::new(query)));
        }
        match self.peek() {
            TokenKind::Variable | TokenKind::Context => self.variable_step(),
            TokenKind::Symbol(Sym::Underscore) => self.receivers_step(Vec::new()),
            TokenKind::Keyword(Kw::Return) => self.return_step(),
            TokenKind::Keyword(Kw::If) if !self.is_plain_call() => self.if_step(),
            TokenKind::Keyword(Kw::For) if !self.is_call_head() => self.for_step(),
            TokenKind::Keyword(Kw::Break) if !self.is_call_head() => {
                self.bump();
                self.end_step()?;
                Ok(StepKind::Break)
            }
            TokenKind::Keyword(Kw::Continue) if !self.is_call_head() => {
                self.bump();
                self.end_step()?;
                Ok(StepKind::Continue)
            }
            _ if self.is_ident() && self.is_call_head() => self.call_step(Vec::new()),
            _ => Err(self.unexpected("a statement of an action")),
        }
    }

    fn end_step(&mut self) -> Parsed<()> {
        self.expect_sym(Sym::Semicolon)
    }

    /// True when the word that is next is called, or is the namespace of something called.
    fn is_call_head(&self) -> bool {
        self.is_sym_at(1, Sym::LParen) || self.is_sym_at(1, Sym::Dot)
    }

    /// True for `name(…);` and `name.…`: tells the call of an action named `if` from the statement.
    fn is_plain_call(&self) -> bool {
        if self.is_sym_at(1, Sym::Dot) {
            return true;
        }
        self.is_sym_at(1, Sym::LParen)
            && self
                .closing_paren(1)
                .is_some_and(|closing| self.is_sym_at(closing.saturating_add(1), Sym::Semicolon))
    }

    fn call_step(&mut self, receivers: Vec<Receiver>) -> Parsed<StepKind> {
        let (call, _) = self.action_call()?;
        self.end_step()?;
        Ok(StepKind::Call(Box::new(ActionCall { receivers, call })))
    }

    /// Behind the receivers read so far, none or those in front of a comma.
    fn receivers_step(&mut self, mut receivers: Vec<Receiver>) -> Parsed<StepKind> {
        let more = self.list(|parser| {
            if parser.eat_sym(Sym::Underscore) {
                return Ok(Receiver::Ignore);
            }
            match parser.peek() {
                TokenKind::Variable => parser.variable().map(Receiver::Variable),
                _ => Err(parser.unexpected("a variable or _")),
            }
        })?;
        receivers.extend(more);
        self.expect_assign()?;
        self.call_step(receivers)
    }

    fn expect_assign(&mut self) -> Parsed<()> {
        if self.eat_sym(Sym::Assign) || self.eat_sym(Sym::Equal) {
            return Ok(());
        }
        Err(self.unexpected("\":=\""))
    }

    /// A statement that starts with a variable: declaration, assignment, or a call with receivers.
    fn variable_step(&mut self) -> Parsed<StepKind> {
        if self.peek() == TokenKind::Variable && self.is_sym_at(1, Sym::Comma) {
            return self.receivers_step(Vec::new());
        }
        let start = self.here();
        let name = self.variable()?;
        let target = self.assign_target(name)?;
        let data_type = if self.is_ident() { Some(self.data_type()?) } else { None };
        match (&target, data_type) {
            (AssignTarget::Variable(name), Some(data_type))
                if self.is_sym(Sym::Semicolon) && !name.is_contextual() =>
            {
                let name = name.clone();
                self.end_step()?;
                return Ok(StepKind::Declare { name, data_type });
            }
            (AssignTarget::Variable(_), _) | (_, None) => {}
            (_, Some(data_type)) => {
                let detail = "an element of an array takes its type from the array".to_owned();
                self.record(ErrorClass::Syntax, data_type.span, detail);
            }
        }
        if !self.is_sym(Sym::Assign) && !self.is_sym(Sym::Equal) {
            return Err(self.not_assignable(start, data_type.is_some()));
        }
        self.bump();
        let in_parens = self.is_sym(Sym::LParen);
        let value = self.action_expr()?;
        self.end_step()?;
        match (target, data_type, value) {
            // Takes the values of a row; every other right side is an expression.
            (AssignTarget::Variable(name), None, Expr { kind: ExprKind::Call(call), .. })
                if !in_parens && !name.is_contextual() =>
            {
                let receivers = vec![Receiver::Variable(name)];
                Ok(StepKind::Call(Box::new(ActionCall { receivers, call: *call })))
            }
            (target, data_type, value) => {
                Ok(StepKind::Assign(Box::new(Assignment { target, data_type, value })))
            }
        }
    }

    fn not_assignable(&mut self, start: crate::Span, has_type: bool) -> Failed {
        if self.is_sym(Sym::Dot) {
            let span = self.since(start);
            let detail = "only a variable or an element of an array can be assigned to";
            return self.fault(ErrorClass::Syntax, span, detail);
        }
        self.unexpected(if has_type { "\":=\" or \";\"" } else { "\":=\", a type or \",\"" })
    }

    fn assign_target(&mut self, name: Variable) -> Parsed<AssignTarget> {
        if !self.eat_sym(Sym::LBracket) {
            return Ok(AssignTarget::Variable(name));
        }
        let ((from, to, is_slice), _) = self.nested(|parser| parser.subscript(Flavour::Action))?;
        self.expect_sym(Sym::RBracket)?;
        if self.is_sym(Sym::LBracket) {
            let here = self.here();
            let detail = "arrays have one dimension: nothing of an element can be assigned to";
            return Err(self.fault(ErrorClass::Syntax, here, detail));
        }
        Ok(match (from, is_slice) {
            (Some(index), false) => AssignTarget::Element { array: name, index },
            (from, _) => AssignTarget::Slice { array: name, from, to },
        })
    }

    fn return_step(&mut self) -> Parsed<StepKind> {
        self.bump();
        let kind = if self.is_query() {
            StepKind::ReturnQuery(Box::new(self.query()?))
        } else if self.eat_kw(Kw::Next) {
            StepKind::ReturnNext(self.list(Self::action_expr)?)
        } else if self.is_sym(Sym::Semicolon) {
            StepKind::Return(Vec::new())
        } else {
            StepKind::Return(self.list(Self::action_expr)?)
        };
        self.end_step()?;
        Ok(kind)
    }

    fn if_step(&mut self) -> Parsed<StepKind> {
        self.bump();
        let mut branches = vec![self.branch()?];
        let mut otherwise = None;
        loop {
            let is_else_if = self.eat_kw(Kw::Elseif) || self.eat_kws(&[Kw::Else, Kw::If]);
            if is_else_if {
                branches.push(self.branch()?);
                continue;
            }
            if self.eat_kw(Kw::Else) {
                otherwise = Some(self.block()?);
            }
            break;
        }
        self.eat_sym(Sym::Semicolon);
        Ok(StepKind::If { branches, otherwise })
    }

    fn branch(&mut self) -> Parsed<Branch> {
        let condition = self.action_expr()?;
        if !self.is_sym(Sym::LBrace) {
            return Err(self.unexpected("\"{\""));
        }
        Ok(Branch { condition, body: self.block()? })
    }

    fn for_step(&mut self) -> Parsed<StepKind> {
        self.bump();
        if self.peek() != TokenKind::Variable {
            return Err(self.unexpected("a loop variable, such as $row"));
        }
        let variable = self.variable()?;
        self.expect_kw(Kw::In)?;
        let source = Box::new(self.loop_source()?);
        if !self.is_sym(Sym::LBrace) {
            return Err(self.unexpected("\"{\""));
        }
        let body = self.block()?;
        self.eat_sym(Sym::Semicolon);
        Ok(StepKind::For { variable, source, body })
    }

    fn loop_source(&mut self) -> Parsed<LoopSource> {
        if self.is_query() {
            return Ok(LoopSource::Query(Box::new(self.query()?)));
        }
        if self.eat_kw(Kw::Array) {
            return self.action_expr().map(LoopSource::Array);
        }
        let in_parens = self.is_sym(Sym::LParen);
        let first = self.action_expr()?;
        if self.eat_sym(Sym::Range) {
            return Ok(LoopSource::Range(first, self.action_expr()?));
        }
        Ok(match first.kind {
            ExprKind::Call(call) if !in_parens => LoopSource::Call(*call),
            kind => LoopSource::Other(Expr { kind, span: first.span }),
        })
    }
}
