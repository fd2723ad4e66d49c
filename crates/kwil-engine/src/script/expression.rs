//! Values of expressions outside of actions: defaults of columns, options of extensions, users.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use kwil_lang::ErrorClass;
use kwil_lang::analyze::{ActionKind, FunctionKind, Schema, function};
use kwil_lang::ast::{Call, Expr, ExprKind, Is, IsTest, Slice};
use kwil_types::Value;

use super::Script;
use super::rows::OneValue;
use crate::eval::{self, Test};
use crate::{EngineError, Failure, Session};

type Ran<T, S> = Result<T, EngineError<<S as Session>::Fault>>;

/// The value of an expression, later: expressions nest, and calls wait for the database.
type Later<'a, T, S> = Pin<Box<dyn Future<Output = Ran<T, S>> + Send + 'a>>;

/// Parameters by name.
pub(super) type Variables = BTreeMap<Box<str>, Value>;

impl<S: Session> Script<'_, '_, S> {
    /// Computes an action expression. Every operand is computed once, from left to right.
    pub(super) fn value<'a>(
        &'a mut self,
        expr: &'a Expr,
        variables: &'a Variables,
    ) -> Later<'a, Value, S> {
        Box::pin(async move {
            match &expr.kind {
                ExprKind::Literal(literal) => Ok(eval::literal(literal)),
                ExprKind::Variable(variable) => Ok(self.lookup(&variable.name, variables)?),
                ExprKind::Cast(inner, target) => {
                    if let ExprKind::Array(items) = &inner.kind {
                        let items = self.values(items, variables).await?;
                        return Ok(eval::array_literal(
                            items,
                            Some(target.data_type),
                            self.run.limits(),
                        )?);
                    }
                    let value = self.value(inner, variables).await?;
                    Ok(eval::cast(&value, target.data_type)?)
                }
                ExprKind::Array(items) => {
                    let items = self.values(items, variables).await?;
                    Ok(eval::array_literal(items, None, self.run.limits())?)
                }
                ExprKind::Unary(op, operand) => {
                    let operand = self.value(operand, variables).await?;
                    Ok(eval::unary(*op, &operand)?)
                }
                ExprKind::Binary(op, operands) => {
                    let left = self.value(&operands.0, variables).await?;
                    let right = self.value(&operands.1, variables).await?;
                    Ok(eval::binary(*op, &left, &right, self.run.limits())?)
                }
                ExprKind::Is(is) => self.is(is, variables).await,
                ExprKind::Index(array, index) => {
                    let array = self.value(array, variables).await?;
                    let index = self.value(index, variables).await?;
                    Ok(eval::index(&array, &index)?)
                }
                ExprKind::Slice(slice) => self.slice(slice, variables).await,
                ExprKind::Call(call) => self.call(call, variables).await,
                ExprKind::Column { .. }
                | ExprKind::Window(_)
                | ExprKind::Field(..)
                | ExprKind::Collate(..)
                | ExprKind::In(_)
                | ExprKind::Like(_)
                | ExprKind::Between(_)
                | ExprKind::Case(_)
                | ExprKind::Subquery(_)
                | ExprKind::Exists { .. } => {
                    let detail = "the expression needs rows, and there are none here";
                    Err(EngineError::failed(ErrorClass::Other, detail))
                }
            }
        })
    }

    async fn values(&mut self, exprs: &[Expr], variables: &Variables) -> Ran<Vec<Value>, S> {
        let mut values = Vec::with_capacity(exprs.len());
        for expr in exprs {
            values.push(self.value(expr, variables).await?);
        }
        Ok(values)
    }

    async fn is(&mut self, is: &Is, variables: &Variables) -> Ran<Value, S> {
        let value = self.value(&is.value, variables).await?;
        let holds = match &is.test {
            IsTest::Null => eval::is(Test::Null, &value)?,
            IsTest::True => eval::is(Test::True, &value)?,
            IsTest::False => eval::is(Test::False, &value)?,
            IsTest::DistinctFrom(other) => {
                let other = self.value(other, variables).await?;
                eval::is(Test::DistinctFrom(&other), &value)?
            }
        };
        Ok(Value::from(holds != is.not))
    }

    async fn slice(&mut self, slice: &Slice, variables: &Variables) -> Ran<Value, S> {
        let array = self.value(&slice.array, variables).await?;
        let mut bounds = [None, None];
        for (bound, expr) in bounds.iter_mut().zip([&slice.from, &slice.to]) {
            if let Some(expr) = expr {
                *bound = Some(self.value(expr, variables).await?);
            }
        }
        let [from, to] = bounds;
        Ok(eval::slice(&array, from.as_ref(), to.as_ref())?)
    }

    /// A function, or an action with exactly one value.
    async fn call(&mut self, call: &Call, variables: &Variables) -> Ran<Value, S> {
        let arguments = self.values(&call.args, variables).await?;
        let name = call.name.as_str();
        let namespace = self.namespace.clone();
        let is_action = |action: Option<ActionKind>| action.is_some();
        let is_function = call.namespace.is_none()
            && !is_action(self.catalog().action(&namespace, name))
            && function(name).is_some_and(|function| function.kind == FunctionKind::Scalar);
        if is_function {
            return self.run.call_function(name, &arguments).await;
        }
        let target = call.namespace.as_ref().map_or(&namespace, |target| &target.name).clone();
        // Called by a user, as far as rights are concerned: a script is no action.
        let mut value = OneValue::of(name);
        crate::interpret::call_action(self.run, (&target, name), arguments, &mut value).await?;
        Ok(value.finish()?)
    }

    /// A parameter, or what the transaction says.
    pub(super) fn lookup(&self, name: &str, variables: &Variables) -> Result<Value, Failure> {
        if name.starts_with('@') {
            return crate::interpret::contextual(self.run.invocation, name);
        }
        variables.get(name).cloned().ok_or_else(|| Failure::new(ErrorClass::UnknownVariable, name))
    }
}
