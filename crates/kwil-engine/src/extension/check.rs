//! What goes into a method and what comes out of it is checked against what it declares.

use kwil_types::Value;

use super::{MethodReturns, MethodSpec, implementation};
use crate::{Failure, Row};

impl MethodSpec {
    /// Arguments as the method gets them: as many as declared, of the declared types, NULL where that is allowed.
    pub(crate) fn check_arguments(&self, arguments: Vec<Value>) -> Result<Vec<Value>, Failure> {
        let (name, wanted, got) = (&self.name, self.parameters.len(), arguments.len());
        if wanted != got {
            let detail = format!("method \"{name}\" expects {wanted} arguments, got {got}");
            return Err(implementation(detail));
        }
        let mut checked = Vec::with_capacity(got);
        for (number, (value, parameter)) in (1..).zip(arguments.into_iter().zip(&self.parameters)) {
            if value.is_null() && !parameter.nullable {
                let detail = format!("argument {number} of method \"{name}\" cannot be null");
                return Err(implementation(detail));
            }
            let fitting =
                crate::eval::assignable(value, parameter.data_type).map_err(|failure| {
                    implementation(format!("argument {number} of method \"{name}\": {failure}"))
                })?;
            checked.push(fitting);
        }
        Ok(checked)
    }

    /// Rows as callers get them: as many as declared, with the declared columns, values cast to their types.
    pub(crate) fn check_rows(&self, rows: Vec<Row>) -> Result<Vec<Row>, Failure> {
        let name = &self.name;
        let Some(returns) = &self.returns else {
            if rows.is_empty() {
                return Ok(rows);
            }
            return Err(implementation(format!(
                "method \"{name}\" returned rows, none are declared"
            )));
        };
        if !returns.table && rows.len() != 1 {
            let detail = format!("method \"{name}\" returned {} rows, not one", rows.len());
            return Err(implementation(detail));
        }
        rows.into_iter().map(|row| self.check_row(row, returns)).collect()
    }

    fn check_row(&self, row: Row, returns: &MethodReturns) -> Result<Row, Failure> {
        let (name, wanted, got) = (&self.name, returns.columns.len(), row.len());
        if wanted != got {
            let detail = format!("method \"{name}\" returned {got} values, {wanted} are declared");
            return Err(implementation(detail));
        }
        let values = row.into_iter().zip(&returns.columns).map(|(value, (_, data_type))| {
            if value.data_type() == *data_type {
                return Ok(value);
            }
            if value.is_null() {
                return Ok(Value::Null(*data_type));
            }
            crate::eval::cast(&value, *data_type).map_err(|failure| {
                implementation(format!("result of method \"{name}\": {failure}"))
            })
        });
        values.collect()
    }
}
