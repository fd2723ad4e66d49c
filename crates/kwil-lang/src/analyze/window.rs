//! Calls with `OVER`.

use super::function::FunctionKind;
use super::plan::{Typed, TypedKind, TypedWindow};
use super::{Analyzed, Analyzer, BOOL};
use crate::ast::{Ident, NamedWindow, Window, WindowCall, WindowRef};
use crate::{ErrorClass, Span};

impl Analyzer<'_> {
    /// Declares the windows of a `WINDOW` clause; names are used once.
    pub(super) fn declare_windows(&mut self, windows: &[NamedWindow]) -> Analyzed<()> {
        for (number, named) in windows.iter().enumerate() {
            let mut earlier = windows.iter().take(number);
            if earlier.any(|other| other.name == named.name) {
                let detail = format!("\"{}\"", named.name);
                return Err(self.error(ErrorClass::WindowDefined, named.name.span, detail));
            }
        }
        if let Some(scope) = self.scope() {
            scope.windows = windows.to_vec();
        }
        // Also windows that nothing uses must make sense.
        for named in windows {
            self.window(&named.window)?;
        }
        Ok(())
    }

    fn named_window(&self, name: &Ident) -> Analyzed<Window> {
        let windows = self.scopes.last().map(|scope| scope.windows.as_slice()).unwrap_or_default();
        windows
            .iter()
            .find(|named| named.name == *name)
            .map(|named| named.window.clone())
            .ok_or_else(|| {
                self.error(ErrorClass::WindowNotDefined, name.span, format!("\"{name}\""))
            })
    }

    #[inline(never)]
    pub(super) fn window_call(&mut self, window: &WindowCall, span: Span) -> Analyzed<Typed> {
        let function = self.function(&window.call.name)?;
        let is_aggregate = function.kind == FunctionKind::Aggregate;
        if function.kind == FunctionKind::Scalar {
            let detail = format!("{} is not a window function", function.name);
            return Err(self.error(ErrorClass::InvalidWindow, span, detail));
        }
        if !self.may_window {
            let detail = format!("{} cannot stand here", function.name);
            return Err(self.error(ErrorClass::IllegalWindow, span, detail));
        }
        if window.call.distinct || !window.call.order_by.is_empty() {
            let detail = "DISTINCT and ORDER BY inside the call do not go with OVER";
            return Err(self.error(ErrorClass::InvalidWindow, span, detail));
        }
        self.may_window = false;
        let (mut call, data_type) = self.call(function, &window.call, span)?;
        // Over a window, the order of the window counts.
        call.order_by.clear();
        let filter = match &window.filter {
            Some(filter) if is_aggregate => Some(self.expr_of(filter, BOOL, "FILTER")?),
            Some(filter) => {
                let detail = "FILTER is for aggregates";
                return Err(self.error(ErrorClass::InvalidWindow, filter.span, detail));
            }
            None => None,
        };
        let (partition_by, order_by) = match &window.over {
            WindowRef::Inline(window) => self.window(window)?,
            WindowRef::Named(name) => {
                let window = self.named_window(name)?;
                self.window(&window)?
            }
        };
        self.may_window = true;
        if function.collects() && !order_by.is_empty() && self.context.deterministic {
            let detail = format!(
                "{} over an ordered window would depend on the order of equal rows",
                function.name
            );
            return Err(self.error(ErrorClass::InvalidWindow, span, detail));
        }
        let pure = function.is_pure_window() || function.collects();
        self.pure_windows = self.pure_windows.saturating_add(u32::from(pure));
        let window = TypedWindow { call, filter, partition_by, order_by, pure };
        Ok(Typed { kind: TypedKind::Window(Box::new(window)), data_type })
    }

    fn window(
        &mut self,
        window: &Window,
    ) -> Analyzed<(Vec<Typed>, Vec<super::plan::PlannedOrder>)> {
        let mut partition_by = Vec::with_capacity(window.partition_by.len());
        for expr in &window.partition_by {
            partition_by.push(self.expr(expr)?);
        }
        Ok((partition_by, self.inner_order(&window.order_by)?))
    }
}
