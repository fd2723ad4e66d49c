//! The encoded form of a value: checked once when it is decoded, its bytes never rewritten.

use bytes::Bytes;
use uuid::Uuid;

use super::data_type::{DataType, TypeError, TypeKind, encode_parts};
use super::{Array, Scalar, Value};
use crate::wire::{LengthOverflow, Reader, WireError, Writer};
use crate::{Decimal, DecimalError};

const VERSION: u16 = 0;
const NULL: u8 = 0;
const PRESENT: u8 = 1;
/// The bytes every element has at least: its length.
const ELEMENT_MIN: usize = 4;

/// A value in its signed bytes, known to decode.
///
/// Two encoded values are equal when their bytes are: aliases of type names and the metadata that kwil-js puts into
/// integer types are part of what was signed and stay as they came.
///
/// ```
/// use kwil_types::{EncodedValue, Value};
///
/// let encoded = EncodedValue::from_value(&Value::from(5)).unwrap();
/// assert_eq!(encoded.to_value().unwrap(), Value::from(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncodedValue {
    raw: Bytes,
    data_type: DataType,
}

/// Why bytes are not a value, or a value has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The version of the encoding.
    #[error("unsupported value version {0}")]
    Version(u16),
    /// The type inside the value.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// The bytes are cut, too long, or hold an impossible marker.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// An element or the type is longer than its length field can say.
    #[error(transparent)]
    Length32(#[from] LengthOverflow),
    /// A scalar has exactly one element.
    #[error("expected 1 element, got {0}")]
    ElementCount(usize),
    /// Arrays have at most 65,535 elements.
    #[error("{0} elements are too many")]
    TooManyElements(usize),
    /// An element without even a presence byte.
    #[error("empty element in a value of type {0}")]
    EmptyElement(DataType),
    /// A presence byte other than 0 and 1.
    #[error("invalid presence byte {0}")]
    Presence(u8),
    /// The NULL marker is followed by data.
    #[error("null element with data")]
    NullWithData,
    /// kwil-js types `[null, "x"]` by its first element; the others would be lost.
    #[error("non-null element in an array of type null")]
    DataInNullArray,
    /// A NULL of type null carries data.
    #[error("null type with data")]
    DataInNull,
    /// The element has another length than its type.
    #[error("{kind} of {got} bytes")]
    Length {
        /// Type of the element.
        kind: TypeKind,
        /// Its bytes.
        got: usize,
    },
    /// A truth value is a byte 0 or 1.
    #[error("invalid bool byte {0}")]
    Bool(u8),
    /// Text must be UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// PostgreSQL stores no NUL characters.
    #[error("text contains NUL")]
    Nul,
    /// The number does not fit its type or is none.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// Elements of one array share a type.
    #[error("element of type {got} in an array of {want}")]
    ElementType {
        /// Type of the array's elements.
        want: TypeKind,
        /// Type of the odd one.
        got: TypeKind,
    },
}

impl EncodedValue {
    /// Checks the encoding completely: type, element count, every element, no trailing byte.
    ///
    /// Layout: `u16` version 0, type with `u32` length, `u16` count, each element with `u32` length. An element is
    /// `00` for NULL or `01` and the value's bytes.
    ///
    /// # Errors
    /// The first thing that is wrong, from left to right.
    pub fn decode(raw: Bytes) -> Result<Self, ValueError> {
        let mut reader = Reader::new(&raw);
        let version = reader.u16_le()?;
        if version != VERSION {
            return Err(ValueError::Version(version));
        }
        let data_type = DataType::decode(reader.bytes32()?.unwrap_or_default())?;
        let count = reader.u16_le()?;
        reader.count(u64::from(count), ELEMENT_MIN)?;
        check_shape(data_type, usize::from(count))?;
        for _ in 0..count {
            read_element(&mut reader, data_type)?;
        }
        reader.finish()?;
        Ok(Self { raw, data_type })
    }

    /// Encodes with canonical type names; an untyped NULL has one NULL element, as kwil-js writes it.
    ///
    /// # Errors
    /// An array with more than 65,535 elements, or text with a NUL character.
    pub fn from_value(value: &Value) -> Result<Self, ValueError> {
        let data_type = value.data_type();
        let mut elements = Vec::new();
        match value {
            Value::Null(data_type) if data_type.is_array() => {}
            Value::Null(_) => elements.push(vec![NULL]),
            Value::Scalar(scalar) => elements.push(element_bytes(Some(scalar))?),
            Value::Array(array) => {
                for item in array.items() {
                    elements.push(element_bytes(item.as_ref())?);
                }
            }
        }
        let raw =
            assemble(&data_type.encode(), elements.iter().map(|element| Some(element.as_slice())))?;
        Ok(Self { raw, data_type })
    }

    /// Builds the bytes from the parts that JSON carries, and checks them like [`EncodedValue::decode`]. The type keeps
    /// the spelling and metadata of the client, because a signature may cover them.
    ///
    /// # Errors
    /// As [`EncodedValue::decode`], and more than 65,535 elements.
    pub fn from_parts(
        type_name: &str,
        is_array: bool,
        metadata: [u16; 2],
        elements: &[Option<Vec<u8>>],
    ) -> Result<Self, ValueError> {
        let encoded_type = encode_parts(type_name, is_array, metadata);
        Self::decode(assemble(&encoded_type, elements.iter().map(Option::as_deref))?)
    }

    /// The bytes as they were signed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The type, with aliases resolved and ignored metadata dropped.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The value, with numbers rounded to their declared scale.
    ///
    /// # Errors
    /// None for a value that was decoded: the bytes were checked then.
    pub fn to_value(&self) -> Result<Value, ValueError> {
        let mut items = Vec::new();
        self.for_each(|element| {
            items.push(match element {
                Some(element) => Some(scalar(self.data_type.kind(), element)?.into_owned()),
                None => None,
            });
            Ok(())
        })?;
        if self.data_type.is_array() {
            return Array::new(self.data_type.kind(), items).map(Value::Array);
        }
        Ok(match items.pop().flatten() {
            Some(scalar) => Value::Scalar(scalar),
            None => Value::Null(self.data_type),
        })
    }

    /// The elements with their presence byte, as JSON carries them; `None` is an absent element of an untyped NULL.
    ///
    /// # Errors
    /// None for a value that was decoded.
    pub fn to_parts(&self) -> Result<Vec<Option<Vec<u8>>>, ValueError> {
        let mut reader = self.elements()?;
        let count = reader.u16_le()?;
        let mut parts = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            parts.push(reader.bytes32()?.map(<[u8]>::to_vec));
        }
        Ok(parts)
    }

    fn for_each(
        &self,
        mut visit: impl FnMut(Option<&[u8]>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let mut reader = self.elements()?;
        let count = reader.u16_le()?;
        for _ in 0..count {
            visit(element(reader.bytes32()?, self.data_type)?)?;
        }
        Ok(())
    }

    /// A reader that stands at the element count.
    fn elements(&self) -> Result<Reader<'_>, ValueError> {
        let mut reader = Reader::new(&self.raw);
        reader.u16_le()?;
        reader.bytes32()?;
        Ok(reader)
    }
}

fn assemble<'e>(
    encoded_type: &[u8],
    elements: impl ExactSizeIterator<Item = Option<&'e [u8]>>,
) -> Result<Bytes, ValueError> {
    let count =
        u16::try_from(elements.len()).map_err(|_| ValueError::TooManyElements(elements.len()))?;
    let mut writer = Writer::new();
    writer.u16_le(VERSION).bytes32(Some(encoded_type)).u16_le(count);
    for element in elements {
        writer.bytes32(element);
    }
    Ok(writer.finish()?.into())
}

/// A scalar has one element; an untyped NULL may have none, an array any number.
fn check_shape(data_type: DataType, count: usize) -> Result<(), ValueError> {
    let fits =
        data_type.is_array() || count == 1 || (count == 0 && data_type.kind() == TypeKind::Null);
    if fits { Ok(()) } else { Err(ValueError::ElementCount(count)) }
}

fn read_element(reader: &mut Reader<'_>, data_type: DataType) -> Result<(), ValueError> {
    if let Some(present) = element(reader.bytes32()?, data_type)? {
        scalar(data_type.kind(), present)?;
    }
    Ok(())
}

/// The value's bytes behind the presence byte, `None` for NULL.
fn element(bytes: Option<&[u8]>, data_type: DataType) -> Result<Option<&[u8]>, ValueError> {
    let untyped_scalar = data_type == DataType::scalar(TypeKind::Null);
    let Some((marker, rest)) = bytes.unwrap_or_default().split_first() else {
        // The Go client may send an absent element for an untyped NULL.
        return if untyped_scalar { Ok(None) } else { Err(ValueError::EmptyElement(data_type)) };
    };
    match (*marker, rest) {
        (NULL, []) => Ok(None),
        (NULL, _) => Err(ValueError::NullWithData),
        (PRESENT, _) if untyped_scalar => Err(ValueError::DataInNull),
        (PRESENT, _) if data_type.kind() == TypeKind::Null => Err(ValueError::DataInNullArray),
        (PRESENT, rest) => Ok(Some(rest)),
        (other, _) => Err(ValueError::Presence(other)),
    }
}

/// A checked scalar that still borrows its text and bytes.
enum Borrowed<'b> {
    Text(&'b str),
    Int8(i64),
    Bool(bool),
    Bytea(&'b [u8]),
    Uuid(Uuid),
    Numeric(Decimal),
}

impl Borrowed<'_> {
    fn into_owned(self) -> Scalar {
        match self {
            Self::Text(text) => Scalar::Text(text.to_owned()),
            Self::Int8(number) => Scalar::Int8(number),
            Self::Bool(truth) => Scalar::Bool(truth),
            Self::Bytea(bytes) => Scalar::Bytea(Bytes::copy_from_slice(bytes)),
            Self::Uuid(uuid) => Scalar::Uuid(uuid),
            Self::Numeric(number) => Scalar::Numeric(number),
        }
    }
}

fn scalar(kind: TypeKind, bytes: &[u8]) -> Result<Borrowed<'_>, ValueError> {
    let wrong_length = || ValueError::Length { kind, got: bytes.len() };
    Ok(match kind {
        TypeKind::Null => return Err(ValueError::DataInNull),
        TypeKind::Text => Borrowed::Text(text(bytes)?),
        TypeKind::Int8 => {
            Borrowed::Int8(i64::from_be_bytes(bytes.try_into().map_err(|_| wrong_length())?))
        }
        TypeKind::Bool => match bytes {
            [0] => Borrowed::Bool(false),
            [1] => Borrowed::Bool(true),
            [other] => return Err(ValueError::Bool(*other)),
            _ => return Err(wrong_length()),
        },
        TypeKind::Bytea => Borrowed::Bytea(bytes),
        TypeKind::Uuid => {
            Borrowed::Uuid(Uuid::from_bytes(bytes.try_into().map_err(|_| wrong_length())?))
        }
        TypeKind::Numeric { precision, scale } => {
            Borrowed::Numeric(Decimal::parse(text(bytes)?, precision, scale)?)
        }
    })
}

fn text(bytes: &[u8]) -> Result<&str, ValueError> {
    if bytes.contains(&0) {
        return Err(ValueError::Nul);
    }
    std::str::from_utf8(bytes).map_err(|_| ValueError::Utf8)
}

fn element_bytes(item: Option<&Scalar>) -> Result<Vec<u8>, ValueError> {
    let Some(scalar) = item else { return Ok(vec![NULL]) };
    let mut bytes = vec![PRESENT];
    match scalar {
        Scalar::Text(text) if text.contains('\0') => return Err(ValueError::Nul),
        Scalar::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        Scalar::Int8(number) => bytes.extend_from_slice(&number.to_be_bytes()),
        Scalar::Bool(truth) => bytes.push(u8::from(*truth)),
        Scalar::Bytea(raw) => bytes.extend_from_slice(raw),
        Scalar::Uuid(uuid) => bytes.extend_from_slice(uuid.as_bytes()),
        Scalar::Numeric(number) => bytes.extend_from_slice(number.to_string().as_bytes()),
    }
    Ok(bytes)
}
