//! Calls: how PostgreSQL computes each function.

use kwil_types::TypeKind;

use super::key::NULL;
use super::nature::{is_inexact, is_nocase, is_small, is_text};
use super::{MAX_BUILT_BYTES, Writer};
use crate::analyze::{FunctionKind, Typed, TypedCall, TypedKind, TypedWindow};
use crate::ast::Literal;

/// Names that are syntax, not functions of a schema.
const SYNTAX: &[&str] = &["coalesce", "greatest", "least", "nullif"];

/// Functions through which a number passes; what asks for its digits comes later.
const PASSING: &[&str] = &[
    "abs",
    "coalesce",
    "greatest",
    "least",
    "sum",
    "avg",
    "min",
    "max",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
    "count",
];

impl<'p> Writer<'p> {
    #[inline(never)]
    pub(super) fn call(&mut self, call: &'p TypedCall) {
        match call.function.name {
            "array_agg" | "string_agg" => {
                self.internal("bounded");
                self.push("(");
                self.named_call(call);
                self.push(")");
            }
            "format" => self.format(call),
            name => match call.function.form(call.args.len()) {
                Some(form) => self.formed_call(form, call),
                None if SYNTAX.contains(&name) => {
                    self.push(name);
                    self.bracketed(call);
                }
                None => self.named_call(call),
            },
        }
    }

    fn named_call(&mut self, call: &'p TypedCall) {
        self.push("pg_catalog.");
        self.push(call.function.name);
        self.bracketed(call);
    }

    fn bracketed(&mut self, call: &'p TypedCall) {
        self.push("(");
        self.arguments(call);
        self.push(")");
    }

    /// `{}`, `{1}`, `{internal}` between pieces of text.
    fn formed_call(&mut self, form: &'static str, call: &'p TypedCall) {
        let mut rest = form;
        while let Some((text, behind)) = rest.split_once('{') {
            let (hole, behind) = behind.split_once('}').unwrap_or((behind, ""));
            self.push(text);
            match hole {
                "" => self.arguments(call),
                "internal" => self.ident(self.internal),
                number => {
                    let position = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                    if let Some(arg) = position.and_then(|position| call.args.get(position)) {
                        self.argument(call, arg);
                    }
                }
            }
            rest = behind;
        }
        self.push(rest);
    }

    fn arguments(&mut self, call: &'p TypedCall) {
        self.push(if call.distinct { "DISTINCT " } else { "" });
        self.push(if call.star { "*" } else { "" });
        self.list(&call.args, |writer, arg| writer.argument(call, arg));
        self.order_by(" ORDER BY ", &call.order_by);
    }

    fn argument(&mut self, call: &'p TypedCall, arg: &'p Typed) {
        let name = call.function.name;
        if arg.data_type == NULL {
            // PostgreSQL must know which of its functions is meant.
            self.expr(arg);
            return self.push(match name {
                "sum" | "abs" => "::INT8",
                "avg" => "::NUMERIC",
                _ if call.function.kind == FunctionKind::Scalar => "",
                _ => "::TEXT",
            });
        }
        match &arg.kind {
            TypedKind::Literal(Literal::Text(_)) if call.function.kind != FunctionKind::Scalar => {
                self.wrap("", arg, "::TEXT");
            }
            TypedKind::Int4(length) if matches!(name, "lpad" | "rpad") && !is_small(length) => {
                self.internal("pad_length");
                self.wrap("(", length, ")");
            }
            _ if call.distinct || (matches!(name, "min" | "max") && is_text(arg.data_type)) => {
                self.order_key(arg);
            }
            _ if name == "nullif" && is_nocase(arg) => self.folded(arg),
            _ if is_inexact(arg) && !PASSING.contains(&name) => self.value(arg),
            _ => self.expr(arg),
        }
    }

    /// Widths in the text decide how long the result is.
    #[inline(never)]
    fn format(&mut self, call: &'p TypedCall) {
        let is_plain = match call.args.first().map(|text| &text.kind) {
            Some(TypedKind::Literal(Literal::Text(text))) => has_small_widths(text),
            _ => false,
        };
        let Some((text, values)) = call.args.split_first() else { return };
        if is_plain {
            self.push("pg_catalog.format(");
        } else {
            self.internal("format");
            self.push("(");
        }
        self.expr(text);
        self.push(if is_plain { "" } else { ", ARRAY[" });
        for (number, value) in values.iter().enumerate() {
            self.push(if is_plain || number > 0 { ", " } else { "" });
            self.printed(value, is_plain);
        }
        self.push(if is_plain { ")" } else { "]::TEXT[])" });
    }

    /// A value as `format` prints it: PostgreSQL's own text of it.
    fn printed(&mut self, value: &'p Typed, is_plain: bool) {
        if is_plain && value.data_type != NULL {
            return self.value(value);
        }
        let is_bool = value.data_type.kind() == TypeKind::Bool && !value.data_type.is_array();
        self.push(if is_bool { "pg_catalog.left((" } else { "(" });
        self.value(value);
        self.push(if is_bool { ")::TEXT, 1)" } else { ")::TEXT" });
    }

    #[inline(never)]
    pub(super) fn window(&mut self, window: &'p TypedWindow) {
        let collects = matches!(window.call.function.name, "array_agg" | "string_agg");
        if collects {
            self.internal("bounded");
            self.push("(");
            self.named_call(&window.call);
        } else {
            self.call(&window.call);
        }
        if let Some(filter) = &window.filter {
            self.wrap(" FILTER (WHERE ", filter, ")");
        }
        self.push(" OVER (");
        if !window.partition_by.is_empty() {
            self.push("PARTITION BY ");
            self.list(&window.partition_by, Self::group_key);
        }
        self.order_by(" ORDER BY ", &window.order_by);
        let tiebreak = self.tiebreaks.last().copied().unwrap_or_default();
        if window.pure && !tiebreak.is_empty() {
            self.push(if window.order_by.is_empty() { " ORDER BY " } else { ", " });
            self.list(tiebreak, Self::order_key);
            if window.call.function.kind == FunctionKind::Aggregate {
                // Without an order of its own, the whole partition counts.
                self.push(" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING");
            }
        }
        self.push(if collects { "))" } else { ")" });
    }
}

/// True when no width of the format is taken from an argument, and all together are small.
fn has_small_widths(format: &str) -> bool {
    let mut sum = 0_u64;
    for piece in format.split('%').skip(1) {
        let directive = piece.split(|letter: char| letter.is_ascii_alphabetic()).next();
        for number in directive.unwrap_or_default().split(|letter: char| !letter.is_ascii_digit()) {
            if number.is_empty() {
                continue;
            }
            let Ok(number) = number.parse::<u32>() else { return false };
            sum = sum.saturating_add(u64::from(number));
        }
        if directive.is_some_and(|directive| directive.contains('*')) {
            return false;
        }
    }
    sum <= u64::from(MAX_BUILT_BYTES)
}
