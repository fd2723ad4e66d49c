//! The functions of the language: one table for SQL and actions.

mod aggregate;
mod scalar;

use kwil_types::{DataType, TypeKind};

use super::{NULL, fits};

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Where it may stand.
    pub kind: FunctionKind,
    /// The type of its result, given those of its arguments.
    pub result: fn(&[DataType]) -> Result<DataType, Mismatch>,
    /// Arguments that PostgreSQL declares `integer`, counted from 0.
    pub int4: &'static [usize],
    /// How PostgreSQL computes it: `{}` are all arguments, `{1}` the first. Several forms differ in the number of
    /// arguments; `{internal}` is the schema of the node's own database objects.
    pub forms: &'static [(usize, &'static str)],
}

/// Where a function may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// In every expression.
    Scalar,
    /// Over the rows of a group, or with `OVER`; SQL only.
    Aggregate,
    /// With `OVER` only; SQL only.
    Window,
}

/// Why arguments do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Their number.
    Count(String),
    /// Their types.
    Type(String),
}

/// Number of arguments that stands for every other number in [`Function::forms`].
const ANY: usize = usize::MAX;

/// Finds a function by its name in lower case.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    scalar::TABLE.iter().chain(aggregate::TABLE).find(|function| function.name == name)
}

impl Function {
    /// The PostgreSQL expression for this many arguments; `None` means the function's own name.
    #[must_use]
    pub fn form(&self, arguments: usize) -> Option<&'static str> {
        let of = |wanted| self.forms.iter().find(|(count, _)| *count == wanted);
        of(arguments).or_else(|| of(ANY)).map(|(_, form)| *form)
    }

    /// True for aggregates whose result depends on the order of the rows.
    #[must_use]
    pub fn collects(&self) -> bool {
        matches!(self.name, "array_agg" | "string_agg")
    }

    /// True for window functions whose rows have no order of their own: `row_number`, `lag` and so on.
    #[must_use]
    pub fn is_pure_window(&self) -> bool {
        self.kind == FunctionKind::Window
    }
}

fn count(args: &[DataType], least: usize, most: usize) -> Result<(), Mismatch> {
    let got = args.len();
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(Mismatch::Count(if least == most {
        format!("invalid number of arguments: expected {least}, got {got}")
    } else if most == ANY {
        format!("invalid number of arguments: expected at least {least}, got {got}")
    } else {
        format!("invalid number of arguments: expected {least} to {most}, got {got}")
    }))
}

fn mismatch(position: usize, expected: impl std::fmt::Display, got: DataType) -> Mismatch {
    let number = position.saturating_add(1);
    Mismatch::Type(format!("argument {number}: expected {expected}, got {got}"))
}

/// Fails unless the arguments fit these types; missing trailing ones are not looked at.
fn signature(args: &[DataType], least: usize, types: &[DataType]) -> Result<(), Mismatch> {
    count(args, least, types.len())?;
    for (position, (got, wanted)) in args.iter().zip(types).enumerate() {
        if !fits(*got, *wanted) {
            return Err(mismatch(position, wanted, *got));
        }
    }
    Ok(())
}

fn is_number(data_type: DataType) -> bool {
    let is_number_kind = match data_type.kind() {
        TypeKind::Int8 | TypeKind::Numeric { .. } | TypeKind::Null => true,
        TypeKind::Text | TypeKind::Bool | TypeKind::Bytea | TypeKind::Uuid => false,
    };
    is_number_kind && !data_type.is_array()
}

fn first(args: &[DataType]) -> DataType {
    args.first().copied().unwrap_or(NULL)
}

fn first_typed(args: &[DataType]) -> DataType {
    args.iter().copied().find(|data_type| *data_type != NULL).unwrap_or(NULL)
}

/// Fails unless every argument fits the first one with a type.
fn alike(args: &[DataType]) -> Result<DataType, Mismatch> {
    let result = first_typed(args);
    for (position, got) in args.iter().enumerate() {
        if !fits(*got, result) {
            return Err(mismatch(position, result, *got));
        }
    }
    Ok(result)
}

/// One argument: a number.
fn number(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 1, 1)?;
    let got = first(args);
    if is_number(got) { Ok(got) } else { Err(mismatch(0, "int8 or numeric", got)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::{INT8, TEXT};

    #[test]
    fn names_are_unique_and_in_lower_case() {
        let all = || scalar::TABLE.iter().chain(aggregate::TABLE);
        for one in all() {
            assert_eq!(one.name, one.name.to_ascii_lowercase());
            assert_eq!(all().filter(|other| other.name == one.name).count(), 1, "{}", one.name);
        }
    }

    #[test]
    fn results_follow_the_arguments() {
        let result = |name: &str, args: &[DataType]| (function(name).unwrap().result)(args);
        let numeric = DataType::scalar(TypeKind::numeric(20, 4).unwrap());
        assert_eq!(result("abs", &[numeric]), Ok(numeric));
        assert_eq!(result("sum", &[INT8]).unwrap().to_string(), "numeric(1000,0)");
        assert_eq!(result("sum", &[numeric]).unwrap().to_string(), "numeric(1000,4)");
        assert_eq!(result("coalesce", &[NULL, INT8]), Ok(INT8));
        assert!(matches!(result("coalesce", &[INT8, TEXT]), Err(Mismatch::Type(_))));
        assert!(matches!(result("avg", &[INT8]), Err(Mismatch::Type(_))));
        assert!(matches!(result("length", &[]), Err(Mismatch::Count(_))));
        assert!(matches!(result("greatest", &[TEXT, TEXT]), Err(Mismatch::Type(_))));
        let array = DataType::array(TypeKind::Int8);
        assert_eq!(result("array_append", &[NULL, INT8]), Ok(array));
        assert_eq!(result("array_cat", &[array, DataType::array(TypeKind::Null)]), Ok(array));
    }
}
