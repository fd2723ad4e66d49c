//! Walking trees: which variables an expression uses, what an action does.

use super::{
    AssignTarget, Assignment, Block, Call, Expr, ExprKind, Ident, InSource, IsTest, LoopSource,
    Query, QueryBody, Step, StepKind, Variable,
};

impl Expr {
    /// Calls `visit` with every expression directly inside this one, from left to right. Subqueries are not entered.
    pub fn each_child<'e>(&'e self, visit: &mut dyn FnMut(&'e Self)) {
        match &self.kind {
            ExprKind::Literal(_)
            | ExprKind::Variable(_)
            | ExprKind::Column { .. }
            | ExprKind::Subquery(_)
            | ExprKind::Exists { .. } => {}
            ExprKind::Call(call) => each_argument(call, visit),
            ExprKind::Window(window) => {
                each_argument(&window.call, visit);
                window.filter.iter().for_each(&mut *visit);
                if let super::WindowRef::Inline(inline) = &window.over {
                    inline.partition_by.iter().for_each(&mut *visit);
                    inline.order_by.iter().for_each(|term| visit(&term.expr));
                }
            }
            ExprKind::Array(items) => items.iter().for_each(visit),
            ExprKind::Cast(inner, _)
            | ExprKind::Field(inner, _)
            | ExprKind::Unary(_, inner)
            | ExprKind::Collate(inner, _) => visit(inner),
            ExprKind::Index(array, index) => {
                visit(array);
                visit(index);
            }
            ExprKind::Slice(slice) => {
                visit(&slice.array);
                slice.from.iter().chain(&slice.to).for_each(visit);
            }
            ExprKind::Binary(_, operands) => {
                visit(&operands.0);
                visit(&operands.1);
            }
            ExprKind::In(list) => {
                visit(&list.value);
                if let InSource::List(items) = &list.source {
                    items.iter().for_each(visit);
                }
            }
            ExprKind::Like(like) => {
                visit(&like.value);
                visit(&like.pattern);
            }
            ExprKind::Between(between) => {
                visit(&between.value);
                visit(&between.low);
                visit(&between.high);
            }
            ExprKind::Is(is) => {
                visit(&is.value);
                if let IsTest::DistinctFrom(other) = &is.test {
                    visit(other);
                }
            }
            ExprKind::Case(case) => {
                let branches = case.branches.iter().flat_map(|(when, then)| [when, then]);
                case.operand.iter().chain(branches).chain(&case.otherwise).for_each(visit);
            }
        }
    }

    /// Every variable of the expression, `$` and `@`, in the order of the text, as often as it stands there.
    /// Subqueries are not entered; actions and `DEFAULT` have none.
    #[must_use]
    pub fn variables(&self) -> Vec<&Variable> {
        let mut found = Vec::new();
        collect_variables(self, &mut found);
        found
    }
}

fn each_argument<'e>(call: &'e Call, visit: &mut dyn FnMut(&'e Expr)) {
    call.args.iter().for_each(&mut *visit);
    call.order_by.iter().for_each(|term| visit(&term.expr));
}

fn collect_variables<'e>(expr: &'e Expr, found: &mut Vec<&'e Variable>) {
    if let ExprKind::Variable(variable) = &expr.kind {
        found.push(variable);
    }
    expr.each_child(&mut |child| collect_variables(child, found));
}

/// What the statements of an action ask of the database, as far as its text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodySummary {
    /// True when the rows of some statement of SQL are used: a loop over them, `RETURN SELECT`, a `SELECT` as a
    /// statement. An action without, whose calls have none either, can be sent without waiting for any answer.
    pub reads: bool,
    /// True when there is an `INSERT`, `UPDATE` or `DELETE`.
    pub writes: bool,
    /// Functions and actions called outside SQL, each once, with the namespace that is written in front.
    pub calls: Vec<(Option<Box<str>>, Box<str>)>,
}

impl BodySummary {
    /// Looks at all statements, inner blocks included.
    #[must_use]
    pub fn of(body: &Block) -> Self {
        let mut summary = Self::default();
        summary.block(body);
        summary
    }

    fn block(&mut self, body: &Block) {
        for step in body {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Declare { .. } | StepKind::Break | StepKind::Continue => {}
            StepKind::Assign(assignment) => self.assignment(assignment),
            StepKind::Call(call) => self.call(&call.call),
            StepKind::Query(query) => self.query(query, false),
            StepKind::ReturnQuery(query) => self.query(query, true),
            StepKind::Return(values) | StepKind::ReturnNext(values) => self.exprs(values),
            StepKind::For { source, body, .. } => {
                match &**source {
                    LoopSource::Range(from, to) => {
                        self.expr(from);
                        self.expr(to);
                    }
                    LoopSource::Array(value) | LoopSource::Other(value) => self.expr(value),
                    LoopSource::Query(query) => self.query(query, true),
                    LoopSource::Call(call) => self.call(call),
                }
                self.block(body);
            }
            StepKind::If { branches, otherwise } => {
                for branch in branches {
                    self.expr(&branch.condition);
                    self.block(&branch.body);
                }
                otherwise.iter().for_each(|body| self.block(body));
            }
        }
    }

    fn assignment(&mut self, assignment: &Assignment) {
        match &assignment.target {
            AssignTarget::Variable(_) => {}
            AssignTarget::Element { index, .. } => self.expr(index),
            AssignTarget::Slice { from, to, .. } => {
                from.iter().chain(to).for_each(|bound| self.expr(bound));
            }
        }
        self.expr(&assignment.value);
    }

    fn query(&mut self, query: &Query, is_used: bool) {
        match &query.body {
            // Also a SELECT whose rows are dropped may fail, which must be known before the next step.
            QueryBody::Select(_) => self.reads = true,
            QueryBody::Insert(_) | QueryBody::Update(_) | QueryBody::Delete(_) => {
                self.writes = true;
                self.reads |= is_used;
            }
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        if let ExprKind::Call(call) = &expr.kind {
            self.name(call.namespace.as_ref(), &call.name);
        }
        expr.each_child(&mut |child| self.expr(child));
    }

    fn call(&mut self, call: &Call) {
        self.name(call.namespace.as_ref(), &call.name);
        self.exprs(&call.args);
    }

    fn name(&mut self, namespace: Option<&Ident>, name: &Ident) {
        let called = (namespace.map(|namespace| namespace.name.clone()), name.name.clone());
        if !self.calls.contains(&called) {
            self.calls.push(called);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_action;

    fn summary(body: &str) -> BodySummary {
        BodySummary::of(
            &parse_action(&format!("CREATE ACTION a() PUBLIC {{ {body} }}")).unwrap().body,
        )
    }

    #[test]
    fn actions_without_queries_do_not_read() {
        let plain = summary(
            "$x := 1 + abs($y); IF $x > 2 { INSERT INTO t VALUES ($x); } FOR $i IN 1..f(3) { DELETE FROM t; } \
             NOTICE('x'); RETURN ext.g($x)[1];",
        );
        assert!(!plain.reads && plain.writes);
        let names: Vec<_> = plain.calls.iter().map(|(_, name)| &**name).collect();
        assert_eq!(names, ["abs", "f", "notice", "g"]);
        assert_eq!(plain.calls.last().unwrap().0.as_deref(), Some("ext"));
        for body in [
            "SELECT 1;",
            "IF true { FOR $r IN SELECT 1 AS a { } }",
            "FOR $i IN 1..2 { RETURN SELECT 1; }",
        ] {
            assert!(summary(body).reads, "{body}");
            assert!(!summary(body).writes, "{body}");
        }
    }

    #[test]
    fn variables_are_found_everywhere() {
        let action = parse_action(
            "CREATE ACTION a() PUBLIC { $x := ($a + f($b, @caller))[$c:$d].e IS DISTINCT FROM [$f, -$g]; }",
        );
        let body = action.unwrap().body;
        let StepKind::Assign(assignment) = &body[0].kind else { panic!("{body:?}") };
        let names: Vec<_> =
            assignment.value.variables().iter().map(|variable| &*variable.name).collect();
        assert_eq!(names, ["$a", "$b", "@caller", "$c", "$d", "$f", "$g"]);
    }
}
