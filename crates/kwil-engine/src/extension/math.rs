//! `math`: exact integer arithmetic, and an example of an extension with a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::Access;
use kwil_types::{Scalar, Value};

use super::method::INT8;
use super::{
    Extension, ExtensionContext, ExtensionError, ExtensionFuture, ExtensionInstance, MethodSpec,
};
use crate::Row;

/// The extension `math`. Option `modulus` (an integer above 0): results are reduced to `0 … modulus - 1`.
///
/// Methods: `add(a, b)`, `multiply(a, b)`, `divide(a, b)`, `power(a, b)`; `factors(a)` returns a row for each prime factor;
/// `remember(key, a)` stores a number and `recall(key)` gives it back, or NULL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Math;

/// A use of [`Math`].
#[derive(Clone, Copy, Debug)]
struct Ring {
    modulus: Option<i64>,
}

impl Extension for Math {
    fn name(&self) -> &'static str {
        "math"
    }

    fn instantiate(
        &self,
        _: &str,
        options: &BTreeMap<Box<str>, Value>,
    ) -> Result<Arc<dyn ExtensionInstance>, String> {
        let mut modulus = None;
        for (name, value) in options {
            match (&**name, value) {
                ("modulus", Value::Scalar(Scalar::Int8(given))) if *given > 0 => {
                    modulus = Some(*given);
                }
                ("modulus", _) => return Err("the modulus must be an integer above 0".to_owned()),
                (other, _) => return Err(format!("unknown option \"{other}\"")),
            }
        }
        Ok(Arc::new(Ring { modulus }))
    }
}

impl ExtensionInstance for Ring {
    fn methods(&self) -> Vec<MethodSpec> {
        let two = |name| {
            MethodSpec::new(name, Access::Public)
                .view()
                .parameter(INT8)
                .parameter(INT8)
                .returns(&[("result", INT8)])
        };
        let factors = MethodSpec::new("factors", Access::Public)
            .view()
            .parameter(INT8)
            .returns_table(&[("factor", INT8), ("power", INT8)]);
        let remember =
            MethodSpec::new("remember", Access::System).parameter(INT8).nullable_parameter(INT8);
        let recall = MethodSpec::new("recall", Access::Public)
            .view()
            .parameter(INT8)
            .returns(&[("result", INT8)]);
        vec![two("add"), two("multiply"), two("divide"), two("power"), factors, remember, recall]
    }

    fn on_use<'a>(&'a self, context: &'a mut ExtensionContext<'_>) -> ExtensionFuture<'a, ()> {
        Box::pin(async move {
            let table = "CREATE TABLE remembered (key INT PRIMARY KEY, value INT)";
            context.execute(table, BTreeMap::new()).await?;
            Ok(())
        })
    }

    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: Vec<Value>,
        context: &'a mut ExtensionContext<'_>,
    ) -> ExtensionFuture<'a, Vec<Row>> {
        Box::pin(async move {
            match (method, arguments.as_slice()) {
                ("remember", [key, value]) => {
                    let statement = "INSERT INTO remembered VALUES ($key, $value) \
                                     ON CONFLICT (key) DO UPDATE SET value = $value";
                    let parameters =
                        [("key".to_owned(), key.clone()), ("value".to_owned(), value.clone())];
                    context.execute(statement, parameters.into()).await?;
                    Ok(Vec::new())
                }
                ("recall", [key]) => {
                    let statement = "SELECT value FROM remembered WHERE key = $key";
                    let parameters = [("key".to_owned(), key.clone())];
                    let found = context.execute(statement, parameters.into()).await?;
                    let nothing = vec![Value::Null(INT8)];
                    Ok(vec![found.rows.into_iter().next().unwrap_or(nothing)])
                }
                (method, arguments) => {
                    let numbers: Option<Vec<i64>> = arguments.iter().map(integer).collect();
                    let result = self.compute(method, &numbers.unwrap_or_default());
                    result.map_err(|text| ExtensionError::Failed(text.to_owned()))
                }
            }
        })
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Scalar(Scalar::Int8(number)) => Some(*number),
        Value::Scalar(_) | Value::Null(_) | Value::Array(_) => None,
    }
}

impl Ring {
    fn compute(&self, method: &str, numbers: &[i64]) -> Result<Vec<Row>, &'static str> {
        const OVERFLOW: &str = "the result is no 64-bit integer";
        let result = match (method, numbers) {
            ("add", [a, b]) => i128::from(*a).checked_add(i128::from(*b)),
            ("multiply", [a, b]) => i128::from(*a).checked_mul(i128::from(*b)),
            ("divide", [_, 0]) => return Err("division by zero"),
            ("divide", [a, b]) => i128::from(*a).checked_div(i128::from(*b)),
            ("power", [a, b]) => return self.power(*a, *b).map(one_row).ok_or(OVERFLOW),
            ("factors", [a]) => return factors(*a),
            _ => return Err("no such method"),
        };
        result.and_then(|result| self.reduce(result)).map(one_row).ok_or(OVERFLOW)
    }

    fn reduce(&self, number: i128) -> Option<i64> {
        let reduced = match self.modulus {
            Some(modulus) => number.checked_rem_euclid(i128::from(modulus))?,
            None => number,
        };
        i64::try_from(reduced).ok()
    }

    /// By squaring, reduced after every step.
    fn power(&self, base: i64, exponent: i64) -> Option<i64> {
        let mut rest = u64::try_from(exponent).ok()?;
        let (mut square, mut result) = (self.reduce(i128::from(base))?, self.reduce(1)?);
        while rest > 0 {
            if rest & 1 == 1 {
                result = self.reduce(i128::from(result).checked_mul(i128::from(square))?)?;
            }
            rest >>= 1;
            if rest > 0 {
                square = self.reduce(i128::from(square).checked_mul(i128::from(square))?)?;
            }
        }
        Some(result)
    }
}

fn one_row(number: i64) -> Vec<Row> {
    vec![vec![Value::from(number)]]
}

/// Prime factors by trial division; numbers up to a billion, so that a call stays cheap.
fn factors(number: i64) -> Result<Vec<Row>, &'static str> {
    if !(2..=1_000_000_000).contains(&number) {
        return Err("factors are found of numbers from 2 to 10^9");
    }
    let (mut rest, mut divisor, mut rows) = (number, 2_i64, Vec::new());
    while rest > 1 {
        if divisor.saturating_mul(divisor) > rest {
            divisor = rest;
        }
        let mut power = 0_i64;
        while rest.checked_rem(divisor) == Some(0) {
            rest = rest.checked_div(divisor).unwrap_or(1);
            power = power.saturating_add(1);
        }
        if power > 0 {
            rows.push(vec![Value::from(divisor), Value::from(power)]);
        }
        divisor = divisor.saturating_add(1);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Ring = Ring { modulus: None };

    #[test]
    fn results_are_exact_or_an_error() {
        assert_eq!(PLAIN.compute("add", &[i64::MAX, 1]), Err("the result is no 64-bit integer"));
        assert_eq!(PLAIN.compute("divide", &[1, 0]), Err("division by zero"));
        assert_eq!(PLAIN.compute("power", &[-3, 3]), Ok(one_row(-27)));
        assert_eq!(PLAIN.compute("power", &[10, 18]), Ok(one_row(1_000_000_000_000_000_000)));
        assert!(PLAIN.compute("power", &[10, 19]).is_err());
        assert!(PLAIN.compute("power", &[2, -1]).is_err());
    }

    #[test]
    fn a_modulus_keeps_results_small() {
        let ring = Ring { modulus: Some(7) };
        assert_eq!(ring.compute("multiply", &[i64::MAX, i64::MAX]), Ok(one_row(0)));
        assert_eq!(ring.compute("power", &[3, 1_000_000_007]), Ok(one_row(5)));
        assert_eq!(ring.compute("add", &[-10, 1]), Ok(one_row(5)));
    }

    #[test]
    fn factors_are_prime() {
        let row = |factor: i64, power: i64| vec![Value::from(factor), Value::from(power)];
        assert_eq!(factors(360), Ok(vec![row(2, 3), row(3, 2), row(5, 1)]));
        assert_eq!(factors(999_999_937), Ok(vec![row(999_999_937, 1)]));
        assert!(factors(1).is_err());
    }
}
