//! The rows that a script or a call answers with.

use kwil_lang::ErrorClass;
use kwil_lang::analyze::OutputColumn;
use kwil_types::{Array, Scalar, Value};

use crate::interpret::RowSink;
use crate::{Failure, FailureClass, QueryResult, ReadLimits, Results, Row};

/// Takes rows, up to the bounds of a read.
#[derive(Debug)]
pub(crate) struct Collector {
    results: Results,
    collected: QueryResult,
    bytes: u64,
    has_columns: bool,
}

impl Collector {
    pub(crate) fn new(results: Results) -> Self {
        let collected = QueryResult::default();
        Self { results, collected, bytes: 0, has_columns: false }
    }

    /// Whether rows are wanted at all.
    pub(crate) fn is_wanted(&self) -> bool {
        match self.results {
            Results::Discard => false,
            Results::Collect(_) => true,
        }
    }

    pub(crate) fn finish(self) -> QueryResult {
        self.collected
    }
}

impl RowSink for Collector {
    fn room(&self) -> Option<u64> {
        let taken = u64::try_from(self.collected.rows.len()).unwrap_or(u64::MAX);
        match self.results {
            Results::Discard => None,
            Results::Collect(limits) => Some(limits.rows.saturating_sub(taken)),
        }
    }

    /// The first rows decide what the whole result says.
    fn columns(&mut self, columns: &[OutputColumn]) {
        if !self.has_columns {
            self.collected.columns = columns.to_vec();
        }
    }

    fn row(&mut self, row: Row) -> Result<(), Failure> {
        self.has_columns = true;
        let Results::Collect(limits) = self.results else { return Ok(()) };
        self.bytes = row.iter().fold(self.bytes, |sum, value| sum.saturating_add(size(value)));
        let rows = u64::try_from(self.collected.rows.len()).unwrap_or(u64::MAX);
        if rows >= limits.rows || self.bytes > limits.bytes {
            return Err(too_large(limits));
        }
        self.collected.rows.push(row);
        Ok(())
    }
}

/// Takes exactly one value.
#[derive(Debug)]
pub(super) struct OneValue<'n> {
    /// Who gives it.
    name: &'n str,
    value: Option<Value>,
}

impl<'n> OneValue<'n> {
    pub(super) fn of(name: &'n str) -> Self {
        Self { name, value: None }
    }

    pub(super) fn finish(self) -> Result<Value, Failure> {
        let name = self.name;
        self.value.ok_or_else(|| not_one_value(name))
    }
}

impl RowSink for OneValue<'_> {
    fn columns(&mut self, _: &[OutputColumn]) {}

    fn row(&mut self, row: Row) -> Result<(), Failure> {
        let mut values = row.into_iter();
        match (values.next(), values.next(), &self.value) {
            (Some(value), None, None) => {
                self.value = Some(value);
                Ok(())
            }
            _ => Err(not_one_value(self.name)),
        }
    }

    fn room(&self) -> Option<u64> {
        Some(if self.value.is_some() { 0 } else { 1 })
    }
}

fn not_one_value(name: &str) -> Failure {
    let detail = format!("\"{name}\" must return exactly one value here");
    Failure::new(ErrorClass::ReturnShape, detail)
}

fn too_large(limits: ReadLimits) -> Failure {
    let ReadLimits { rows, bytes } = limits;
    let message = format!("result too large: more than {rows} rows or {bytes} bytes");
    Failure::with_message(FailureClass::ResultTooLarge { rows, bytes }, message)
}

/// Bytes of a value, as the bounds of reads count them.
fn size(value: &Value) -> u64 {
    let bytes = match value {
        Value::Null(_) => 1,
        Value::Scalar(scalar) => scalar_size(scalar),
        Value::Array(array) => array_size(array),
    };
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn array_size(array: &Array) -> usize {
    let items = array.items().iter().map(|item| item.as_ref().map_or(1, scalar_size));
    items.fold(8, usize::saturating_add)
}

fn scalar_size(scalar: &Scalar) -> usize {
    match scalar {
        Scalar::Text(text) => text.len(),
        Scalar::Int8(_) => 8,
        Scalar::Bool(_) => 1,
        Scalar::Bytea(bytes) => bytes.len(),
        Scalar::Uuid(_) => 16,
        Scalar::Numeric(number) => usize::from(number.precision()),
    }
}

/// The failure of a statement that changes something on a session that only reads.
pub(super) fn read_only(detail: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::CannotMutateState, detail)
}

#[cfg(test)]
mod tests {
    use kwil_types::{DataType, TypeKind};

    use super::*;

    fn column(name: &str) -> Vec<OutputColumn> {
        vec![OutputColumn { name: name.into(), data_type: DataType::scalar(TypeKind::Int8) }]
    }

    #[test]
    fn the_first_row_decides_the_columns_and_all_rows_are_kept() {
        let mut rows = Collector::new(Results::Collect(ReadLimits { rows: 10, bytes: 1000 }));
        rows.columns(&column("nothing"));
        rows.columns(&column("a"));
        rows.row(vec![Value::from(1)]).unwrap();
        rows.columns(&column("b"));
        rows.row(vec![Value::from(2)]).unwrap();
        let result = rows.finish();
        assert_eq!(result.columns, column("a"));
        assert_eq!(result.rows.len(), 2);
    }

    #[test]
    fn rows_and_bytes_are_bounded() {
        let limits = ReadLimits { rows: 2, bytes: 20 };
        let mut rows = Collector::new(Results::Collect(limits));
        assert_eq!(rows.room(), Some(2));
        for _ in 0..2 {
            rows.row(vec![Value::from(1)]).unwrap();
        }
        assert_eq!(rows.room(), Some(0));
        let class = FailureClass::ResultTooLarge { rows: 2, bytes: 20 };
        assert_eq!(rows.row(vec![Value::from(1)]).unwrap_err().class, class);
        let mut rows = Collector::new(Results::Collect(limits));
        assert_eq!(rows.row(vec![Value::from("x".repeat(21).as_str())]).unwrap_err().class, class);
    }
}
