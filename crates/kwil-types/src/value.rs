//! Values of the SQL and action language as clients send them.
//!
//! An [`EncodedValue`] keeps the bytes that were signed and the checked type; its elements are decoded on demand with
//! [`EncodedValue::to_value`], so that a decoded transaction never needs much more memory than its bytes.

mod data_type;
mod encoded;

pub use data_type::{DataType, TypeError, TypeKind};
pub use encoded::{EncodedValue, ValueError};

use bytes::Bytes;
use uuid::Uuid;

use crate::Decimal;

/// One value, ready to compute with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// NULL of a known type; [`TypeKind::Null`] when the type is not known.
    Null(DataType),
    /// A single value.
    Scalar(Scalar),
    /// A one-dimensional array.
    Array(Array),
}

/// A single value that is not NULL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// UTF-8 text without NUL characters.
    Text(String),
    /// A 64-bit integer.
    Int8(i64),
    /// A truth value.
    Bool(bool),
    /// Raw bytes; empty is a value, not NULL.
    Bytea(Bytes),
    /// A UUID.
    Uuid(Uuid),
    /// A decimal number with its declared type.
    Numeric(Decimal),
}

/// A one-dimensional array whose elements share one type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    element: TypeKind,
    items: Vec<Option<Scalar>>,
}

impl Value {
    /// NULL without a type.
    pub const NULL: Self = Self::Null(DataType::scalar(TypeKind::Null));

    /// The type of the value.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Null(data_type) => *data_type,
            Self::Scalar(scalar) => DataType::scalar(scalar.kind()),
            Self::Array(array) => DataType::array(array.element),
        }
    }

    /// True for NULL of any type.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null(_) => true,
            Self::Scalar(_) | Self::Array(_) => false,
        }
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Scalar(Scalar::Int8(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Scalar(Scalar::Text(text.to_owned()))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Scalar(Scalar::Bool(truth))
    }
}

impl Scalar {
    /// The type of the value.
    #[must_use]
    pub fn kind(&self) -> TypeKind {
        match self {
            Self::Text(_) => TypeKind::Text,
            Self::Int8(_) => TypeKind::Int8,
            Self::Bool(_) => TypeKind::Bool,
            Self::Bytea(_) => TypeKind::Bytea,
            Self::Uuid(_) => TypeKind::Uuid,
            Self::Numeric(number) => {
                TypeKind::Numeric { precision: number.precision(), scale: number.scale() }
            }
        }
    }
}

impl Array {
    /// Checks that every element has the type `element`.
    ///
    /// Numbers of different declared types are brought to the widest of both parts first: pass a numeric `element`
    /// that is wide enough, or use [`Array::widest`].
    ///
    /// # Errors
    /// [`ValueError::ElementType`] names the first element of another type; an array of type null has only NULLs.
    pub fn new(element: TypeKind, items: Vec<Option<Scalar>>) -> Result<Self, ValueError> {
        let other = items.iter().flatten().map(Scalar::kind).find(|kind| *kind != element);
        match other {
            Some(got) => Err(ValueError::ElementType { want: element, got }),
            None => Ok(Self { element, items }),
        }
    }

    /// An array of numbers in the smallest type that holds each of them exactly.
    ///
    /// # Errors
    /// No type of at most 1000 digits is wide enough.
    pub fn widest(numbers: Vec<Option<Decimal>>) -> Result<Self, ValueError> {
        let scale = numbers.iter().flatten().map(Decimal::scale).max().unwrap_or(0);
        let whole = numbers
            .iter()
            .flatten()
            .map(|n| n.precision().saturating_sub(n.scale()))
            .max()
            .unwrap_or(1);
        let precision = whole.saturating_add(scale).max(1);
        let items = numbers.into_iter().map(|number| match number {
            Some(number) => Ok(Some(Scalar::Numeric(number.rescale(precision, scale)?))),
            None => Ok(None),
        });
        let items = items.collect::<Result<_, ValueError>>()?;
        Ok(Self { element: TypeKind::Numeric { precision, scale }, items })
    }

    /// Replaces the element at `position`, counted from 0. Behind the end the array grows, with NULL in between: bound
    /// `position` first.
    ///
    /// # Errors
    /// [`ValueError::ElementType`]: the array is then unchanged.
    pub fn set(&mut self, position: usize, item: Option<Scalar>) -> Result<(), ValueError> {
        match item.as_ref().map(Scalar::kind) {
            Some(got) if got != self.element => {
                return Err(ValueError::ElementType { want: self.element, got });
            }
            Some(_) | None => {}
        }
        if position >= self.items.len() {
            self.items.resize(position.saturating_add(1), None);
        }
        if let Some(place) = self.items.get_mut(position) {
            *place = item;
        }
        Ok(())
    }

    /// The type that the elements share.
    #[must_use]
    pub fn element(&self) -> TypeKind {
        self.element
    }

    /// The elements in order; `None` is NULL.
    #[must_use]
    pub fn items(&self) -> &[Option<Scalar>] {
        &self.items
    }

    /// Gives the elements away.
    #[must_use]
    pub fn into_items(self) -> Vec<Option<Scalar>> {
        self.items
    }
}
