//! The scalar functions of the language, called from actions.
//!
//! Counts and types of arguments are checked with the function table that SQL is checked with. NULL arguments follow
//! PostgreSQL's rule for each function; array functions differ from SQL in two points: `array_remove` of NULL changes
//! nothing, and an empty array has the length 0.

mod arrays;
mod choice;
mod digest;
mod encoding;
mod format;
mod keyword;
mod output;
mod text;

use bytes::Bytes;
use kwil_lang::ErrorClass;
use kwil_lang::analyze::{FunctionKind, Mismatch, function};
use kwil_types::{DataType, Scalar, Value};
use uuid::Uuid;

use super::Evaluated;
use crate::{Failure, Limits};

/// Namespace of the identifiers that `uuid_generate_kwil` makes.
const KWIL_NAMESPACE: Uuid = Uuid::from_u128(0xa247_cac1_d817_4949_bac7_dc4b_1dc4_1d09);

/// What a function gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Native {
    /// Its value.
    Value(Value),
    /// The name of the function: only the database can compute it, in the form of the function table, for these
    /// arguments.
    Database(&'static str),
}

impl From<Value> for Native {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Calls a scalar function by its name in lower case. `notice` returns nothing, so as a value it is a failure: who runs
/// an action handles it before.
///
/// # Errors
/// [`ErrorClass::Other`] for a wrong number of arguments and for results longer than the limit, [`ErrorClass::Type`] for
/// arguments of wrong types, [`ErrorClass::IllegalFunctionUsage`] for functions that exist only in SQL,
/// [`ErrorClass::UserError`] from `error`, what PostgreSQL answers to impossible arguments.
pub fn call(name: &str, args: &[Value], limits: &Limits) -> Result<Native, Failure> {
    let Some(found) = function(name) else {
        return Err(Failure::new(ErrorClass::UnknownAction, name));
    };
    if found.kind != FunctionKind::Scalar {
        let detail = format_args!("{name} exists only in SQL statements");
        return Err(Failure::new(ErrorClass::IllegalFunctionUsage, detail));
    }
    let types: Vec<DataType> = args.iter().map(Value::data_type).collect();
    let result = (found.result)(&types).map_err(|mismatch| match mismatch {
        Mismatch::Count(detail) => {
            Failure::new(ErrorClass::Other, format_args!("function {name}: {detail}"))
        }
        Mismatch::Type(detail) => {
            Failure::new(ErrorClass::Type, format_args!("function {name}: {detail}"))
        }
    })?;
    let call = Call { name: found.name, args, result, limits };
    match found.name {
        "error" => Err(Failure::new(ErrorClass::UserError, call.text(0).unwrap_or_default())),
        "notice" => Err(Failure::new(ErrorClass::ReturnShape, "function notice returns nothing")),
        "format" => format::format(&call),
        "coalesce" | "greatest" | "least" | "nullif" => choice::call(&call),
        "array_append" | "array_prepend" | "array_cat" | "array_length" | "array_remove" => {
            arrays::call(&call)
        }
        _ if args.iter().any(Value::is_null) => call.null_of(found.int4),
        "lower" | "upper" if !call.text(0).is_some_and(str::is_ascii) => {
            return Ok(Native::Database(found.name));
        }
        "parse_unix_timestamp" | "format_unix_timestamp" => {
            return Ok(Native::Database(found.name));
        }
        "abs" => absolute(&call),
        "uuid_generate_v5" | "uuid_generate_kwil" => name_uuid(&call),
        "encode" => encoding::encode(&call),
        "decode" => encoding::decode(&call),
        "digest" => digest::digest(&call),
        _ => text::call(&call),
    }
    .map(Native::Value)
}

/// One call whose arguments fit.
struct Call<'c> {
    name: &'static str,
    args: &'c [Value],
    result: DataType,
    limits: &'c Limits,
}

impl Call<'_> {
    /// The argument counted from 0; NULL where it is missing.
    fn arg(&self, position: usize) -> &Value {
        self.args.get(position).unwrap_or(&Value::NULL)
    }

    fn text(&self, position: usize) -> Option<&str> {
        match self.args.get(position) {
            Some(Value::Scalar(Scalar::Text(text))) => Some(text),
            _ => None,
        }
    }

    fn bytes(&self, position: usize) -> Option<&[u8]> {
        match self.args.get(position) {
            Some(Value::Scalar(Scalar::Bytea(bytes))) => Some(bytes),
            Some(Value::Scalar(Scalar::Text(text))) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// An argument that PostgreSQL declares `integer`; `None` where it is missing.
    fn int4(&self, position: usize) -> Evaluated<Option<i32>> {
        match self.args.get(position) {
            Some(Value::Scalar(Scalar::Int8(number))) => match i32::try_from(*number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(out_of_range()),
            },
            _ => Ok(None),
        }
    }

    /// The answer to a NULL argument; PostgreSQL narrows the others before it looks at them.
    fn null_of(&self, narrowed: &[usize]) -> Evaluated {
        for position in narrowed {
            self.int4(*position)?;
        }
        Ok(self.null())
    }

    fn null(&self) -> Value {
        Value::Null(self.result)
    }

    /// No function reaches it: the table has refused the arguments before.
    fn unexpected(&self) -> Failure {
        let name = self.name;
        Failure::new(ErrorClass::Type, format_args!("function {name}: arguments do not fit"))
    }
}

/// A number that PostgreSQL's `integer` does not have.
fn out_of_range() -> Failure {
    Failure::sql("22003", "integer out of range")
}

fn text_value(text: impl Into<String>) -> Evaluated {
    Ok(Value::Scalar(Scalar::Text(text.into())))
}

fn bytes_value(bytes: impl Into<Bytes>) -> Evaluated {
    Ok(Value::Scalar(Scalar::Bytea(bytes.into())))
}

/// A length or a position.
fn count_value(count: usize) -> Evaluated {
    Ok(Value::from(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn absolute(call: &Call<'_>) -> Evaluated {
    match call.arg(0) {
        Value::Scalar(Scalar::Numeric(number)) => Ok(Value::Scalar(Scalar::Numeric(number.abs()))),
        Value::Scalar(Scalar::Int8(number)) => match number.checked_abs() {
            Some(number) => Ok(Value::from(number)),
            None => Err(Failure::sql("22003", "bigint out of range")),
        },
        _ => Err(call.unexpected()),
    }
}

fn name_uuid(call: &Call<'_>) -> Evaluated {
    let (namespace, name) = match call.arg(0) {
        Value::Scalar(Scalar::Uuid(namespace)) => (namespace, call.text(1)),
        _ => (&KWIL_NAMESPACE, call.text(0)),
    };
    let name = name.ok_or_else(|| call.unexpected())?;
    Ok(Value::Scalar(Scalar::Uuid(Uuid::new_v5(namespace, name.as_bytes()))))
}
