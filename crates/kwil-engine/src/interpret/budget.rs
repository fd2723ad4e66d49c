//! How much a payload may do: counted, never measured, so that every node stops at the same place.

use kwil_lang::ErrorClass;
use kwil_types::{Scalar, Value};

use crate::context::Limits;
use crate::error::Failure;

/// Steps between two looks at whether anybody still waits.
const PAUSE: u64 = 1024;

/// Bytes that a value counts beside its text or digits.
const VALUE: u64 = 32;

/// Bytes that an element of an array counts beside its text or digits.
const ELEMENT: u64 = 16;

/// What is left.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    steps: u64,
    pause_at: u64,
    held: u64,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let pause_at = limits.steps.saturating_sub(PAUSE);
        Self { limits: *limits, steps: limits.steps, pause_at, held: 0 }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Steps that are left.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    #[inline]
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), Failure> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(exhausted()),
        }
    }

    /// True once after every so many steps.
    #[inline]
    pub(crate) fn is_pause_due(&mut self) -> bool {
        if self.steps > self.pause_at || self.pause_at == 0 {
            return false;
        }
        self.pause_at = self.steps.saturating_sub(PAUSE);
        true
    }

    #[inline]
    pub(crate) fn hold(&mut self, bytes: u64) -> Result<(), Failure> {
        self.held = self.held.saturating_add(bytes);
        if self.held > self.limits.held_bytes {
            let detail = "execution memory limit exceeded";
            return Err(Failure::new(ErrorClass::Other, detail));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn release(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Rows that may still be read: each is a step, and each of its values is held.
    pub(crate) fn row_room(&self, columns: usize) -> u64 {
        let columns = u64::try_from(columns).unwrap_or(u64::MAX);
        let row = VALUE.saturating_mul(columns.saturating_add(1));
        let left = self.limits.held_bytes.saturating_sub(self.held);
        left.checked_div(row).unwrap_or(0).min(self.steps)
    }

    /// Checks a value that was built, and counts its KiB. Returns its bytes.
    #[inline]
    pub(crate) fn built(&mut self, value: &Value) -> Result<u64, Failure> {
        let bytes = size(value);
        let longest = match value {
            Value::Scalar(Scalar::Text(text)) => text.len(),
            Value::Scalar(Scalar::Bytea(bytes)) => bytes.len(),
            Value::Array(array) if array.items().len() > self.limits.array_elements => {
                return Err(Failure::new(ErrorClass::IndexOutOfBounds, "array too large"));
            }
            Value::Null(_) | Value::Scalar(_) | Value::Array(_) => 0,
        };
        if longest > self.limits.value_bytes {
            return Err(Failure::new(ErrorClass::Other, "value too large"));
        }
        self.spend(bytes >> 10)?;
        Ok(bytes)
    }
}

pub(crate) fn exhausted() -> Failure {
    Failure::new(ErrorClass::Other, "execution step limit exceeded")
}

/// Bytes of a value as limits count them: the same on every platform.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::Null(_) => VALUE,
        Value::Scalar(scalar) => VALUE.saturating_add(payload(scalar)),
        Value::Array(array) => {
            let items = array.items().iter();
            let items = items.map(|item| ELEMENT.saturating_add(item.as_ref().map_or(0, payload)));
            items.fold(VALUE, u64::saturating_add)
        }
    }
}

/// Bytes of an array that a change of the element at `index` can change: what its length counts, and the element.
pub(crate) fn element_size(array: &Value, index: &Value) -> u64 {
    let Value::Array(array) = array else { return 0 };
    let length = u64::try_from(array.items().len()).unwrap_or(u64::MAX);
    let place = match index {
        Value::Scalar(Scalar::Int8(index)) => index.checked_sub(1),
        Value::Null(_) | Value::Scalar(_) | Value::Array(_) => None,
    };
    let place = place.and_then(|place| usize::try_from(place).ok());
    let item = place.and_then(|place| array.items().get(place)).and_then(Option::as_ref);
    length.saturating_mul(ELEMENT).saturating_add(item.map_or(0, payload))
}

/// Bytes of all values of a row.
pub(crate) fn row_size(row: &[Value]) -> u64 {
    row.iter().map(size).fold(VALUE, u64::saturating_add)
}

fn payload(scalar: &Scalar) -> u64 {
    match scalar {
        Scalar::Text(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        Scalar::Bytea(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        Scalar::Int8(_) | Scalar::Bool(_) => 0,
        Scalar::Uuid(_) => 16,
        Scalar::Numeric(number) => u64::from(number.precision()) >> 1,
    }
}
