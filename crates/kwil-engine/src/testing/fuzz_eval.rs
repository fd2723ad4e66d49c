//! Random operands for operators, casts, arrays and functions.

#![expect(clippy::panic, reason = "a broken promise ends the run")]

use kwil_lang::ast::{BinaryOp, UnaryOp};
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value};
use uuid::Uuid;

use crate::eval::{self, Test, functions};
use crate::{Failure, Limits};

const LIMITS: Limits = Limits { value_bytes: 1 << 12, array_elements: 64, ..Limits::NETWORK };

const FUNCTIONS: [&str; 34] = [
    "abs",
    "error",
    "notice",
    "parse_unix_timestamp",
    "format_unix_timestamp",
    "uuid_generate_v5",
    "uuid_generate_kwil",
    "encode",
    "decode",
    "digest",
    "array_append",
    "array_prepend",
    "array_cat",
    "array_length",
    "array_remove",
    "bit_length",
    "octet_length",
    "char_length",
    "character_length",
    "length",
    "lower",
    "upper",
    "lpad",
    "rpad",
    "ltrim",
    "rtrim",
    "trim",
    "overlay",
    "position",
    "substring",
    "format",
    "coalesce",
    "greatest",
    "nullif",
];

const TEXTS: [&str; 12] = [
    "", "hex", "base64", "escape", "sha256", "%s", "%2$*1$L", "%-9I", "é漢", "1.5e3", "\\001",
    "YQ==",
];

/// Expressions of actions: any operands give a value within the limits or a failure with a text, the same each time.
///
/// # Panics
/// A promise of the evaluator is broken.
pub fn fuzz_eval(data: &[u8]) {
    let mut bytes = Bytes { rest: data };
    while !bytes.rest.is_empty() {
        let operands: Vec<Value> = (0..4).map(|_| bytes.value()).collect();
        let choice = bytes.next();
        let [first, second, third, fourth] = operands.as_slice() else { return };
        check(|| eval::binary(pick(&BinaryOp::ALL, choice), first, second, &LIMITS));
        check(|| eval::unary(pick(&[UnaryOp::Minus, UnaryOp::Plus, UnaryOp::Not], choice), first));
        check(|| eval::is(Test::DistinctFrom(second), first).map(Value::from));
        check(|| eval::cast(first, second.data_type()));
        check(|| eval::index(first, second));
        check(|| eval::slice(first, Some(second), Some(third)));
        check(|| eval::array_literal(operands.clone(), None, &LIMITS));
        check(|| eval::assignable(first.clone(), second.data_type()));
        check_sets(first, [second, third, fourth]);
        let count = usize::from(bytes.next()) % 5;
        let arguments = operands.get(..count).unwrap_or_default();
        check(|| match functions::call(pick(&FUNCTIONS, choice), arguments, &LIMITS)? {
            functions::Native::Value(value) => Ok(value),
            functions::Native::Database(name) => Ok(Value::from(name)),
        });
    }
}

fn check_sets(array: &Value, [first, second, third]: [&Value; 3]) {
    let mut changed = array.clone();
    let set = eval::set_element(&mut changed, first, second.clone(), &LIMITS);
    assert!(set.is_ok() || changed == *array);
    check(|| set.clone().map(|()| changed.clone()));
    let mut changed = array.clone();
    let set = eval::set_slice(&mut changed, Some(first), Some(second), third, &LIMITS);
    assert!(set.is_ok() || changed == *array);
    check(|| set.clone().map(|()| changed.clone()));
}

fn check(evaluate: impl Fn() -> Result<Value, Failure>) {
    let result = evaluate();
    assert_eq!(result, evaluate());
    match result {
        Ok(Value::Array(array)) => assert!(array.items().len() <= LIMITS.array_elements),
        Ok(Value::Scalar(Scalar::Text(text))) => {
            assert!(text.len() <= LIMITS.value_bytes, "{} bytes", text.len());
        }
        Ok(_) => {}
        Err(failure) => assert!(failure.message.len() < 4 * LIMITS.value_bytes),
    }
}

fn pick<T: Copy>(list: &[T], choice: u8) -> T {
    let position = usize::from(choice).checked_rem(list.len()).unwrap_or_default();
    *list.get(position).unwrap_or_else(|| panic!("a list is empty"))
}

struct Bytes<'d> {
    rest: &'d [u8],
}

impl Bytes<'_> {
    /// Zeros follow the end.
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    fn int8(&mut self) -> i64 {
        match self.next() % 8 {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => i64::from(i32::MAX),
            _ => i64::from(self.next().cast_signed()),
        }
    }

    fn decimal(&mut self) -> Option<Decimal> {
        let (precision, scale) = (u16::from(self.next()) * 4, u16::from(self.next()));
        Decimal::parse(&format!("{}.{}", self.int8(), self.next()), precision, scale).ok()
    }

    fn scalar(&mut self, kind: u8) -> Option<Scalar> {
        match kind % 6 {
            0 => Some(Scalar::Int8(self.int8())),
            1 => Some(Scalar::Text(pick(&TEXTS, self.next()).into())),
            2 => Some(Scalar::Bool(self.next() < 128)),
            3 => Some(Scalar::Bytea(vec![self.next(); usize::from(self.next() % 80)].into())),
            4 => Some(Scalar::Uuid(Uuid::from_bytes([self.next(); 16]))),
            _ => self.decimal().map(Scalar::Numeric),
        }
    }

    fn value(&mut self) -> Value {
        let (shape, kind) = (self.next(), self.next());
        let scalar = self.scalar(kind);
        let element = scalar.as_ref().map_or(TypeKind::Null, Scalar::kind);
        match (shape % 8, scalar) {
            (0, _) => Value::Null(DataType::scalar(element)),
            (1, _) => Value::Null(DataType::array(element)),
            (2 | 3, scalar) => {
                let items = vec![scalar, None];
                Array::new(element, items).map_or(Value::NULL, Value::Array)
            }
            (_, Some(scalar)) => Value::Scalar(scalar),
            (_, None) => Value::NULL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_operands_give_values_within_the_limits() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut data = [0_u8; 64];
        for _ in 0..4_000 {
            for byte in &mut data {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *byte = state.to_be_bytes()[0];
            }
            fuzz_eval(&data);
        }
    }
}
