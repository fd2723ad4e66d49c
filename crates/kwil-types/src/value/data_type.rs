//! Types of values: names, aliases, and the odd big-endian binary form.

use std::fmt;

use crate::decimal::check_type;
use crate::wire::{Reader, WireError, Writer};

/// A scalar type of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeKind {
    /// The type of a NULL nobody typed; fits every parameter.
    Null,
    /// UTF-8 text.
    Text,
    /// 64-bit integer.
    Int8,
    /// Truth value.
    Bool,
    /// Bytes.
    Bytea,
    /// UUID.
    Uuid,
    /// Decimal number; construct with [`TypeKind::numeric`].
    Numeric {
        /// Digits in all, 1 to 1000.
        precision: u16,
        /// Digits behind the point, at most `precision`.
        scale: u16,
    },
}

/// A scalar type or an array of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataType {
    kind: TypeKind,
    is_array: bool,
}

/// Why bytes or a name are not a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// No type has this name.
    #[error("unknown data type {0:?}")]
    UnknownName(String),
    /// Precision or scale of a numeric type.
    #[error(transparent)]
    Numeric(#[from] crate::DecimalError),
    /// The version of the binary form.
    #[error("unsupported data type version {0}")]
    Version(u16),
    /// The bytes are cut, too long, or hold an impossible marker.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl TypeKind {
    /// The numeric type with this precision and scale.
    ///
    /// # Errors
    /// Unless 1 ≤ precision ≤ 1000 and scale ≤ precision.
    pub fn numeric(precision: u16, scale: u16) -> Result<Self, TypeError> {
        check_type(precision, scale)?;
        Ok(Self::Numeric { precision, scale })
    }

    /// Finds a type by name or alias, in any case. `metadata` matters to numeric types only: kwil-js fills it for
    /// integers too.
    ///
    /// # Errors
    /// No type has this name, or the numeric type is impossible.
    pub fn from_name(name: &str, metadata: [u16; 2]) -> Result<Self, TypeError> {
        match name.to_ascii_lowercase().as_str() {
            "null" => Ok(Self::Null),
            "text" | "string" => Ok(Self::Text),
            "int8" | "int" | "integer" | "bigint" => Ok(Self::Int8),
            "bool" | "boolean" => Ok(Self::Bool),
            "bytea" | "blob" => Ok(Self::Bytea),
            "uuid" => Ok(Self::Uuid),
            "numeric" | "decimal" => {
                let [precision, scale] = metadata;
                Self::numeric(precision, scale)
            }
            _ => Err(TypeError::UnknownName(name.chars().take(40).collect())),
        }
    }

    /// The canonical name, without precision and scale.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text => "text",
            Self::Int8 => "int8",
            Self::Bool => "bool",
            Self::Bytea => "bytea",
            Self::Uuid => "uuid",
            Self::Numeric { .. } => "numeric",
        }
    }

    /// Precision and scale of a numeric type, zeros otherwise.
    #[must_use]
    pub fn metadata(self) -> [u16; 2] {
        match self {
            Self::Numeric { precision, scale } => [precision, scale],
            Self::Null | Self::Text | Self::Int8 | Self::Bool | Self::Bytea | Self::Uuid => [0, 0],
        }
    }
}

impl fmt::Display for TypeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Numeric { precision, scale } = self {
            write!(f, "({precision},{scale})")?;
        }
        Ok(())
    }
}

impl DataType {
    /// A scalar type.
    #[must_use]
    pub const fn scalar(kind: TypeKind) -> Self {
        Self { kind, is_array: false }
    }

    /// An array of `kind`.
    #[must_use]
    pub const fn array(kind: TypeKind) -> Self {
        Self { kind, is_array: true }
    }

    /// The scalar type, or that of the elements.
    #[must_use]
    pub const fn kind(self) -> TypeKind {
        self.kind
    }

    /// True for arrays.
    #[must_use]
    pub const fn is_array(self) -> bool {
        self.is_array
    }

    /// Decodes the binary form: version `u16`, name, array marker, two metadata numbers, all big-endian although
    /// everything around it is little-endian (format of existing clients).
    ///
    /// # Errors
    /// Cut or trailing bytes, a marker other than 0 and 1, an unknown name, an impossible numeric type.
    pub fn decode(bytes: &[u8]) -> Result<Self, TypeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16_be()?;
        if version != 0 {
            return Err(TypeError::Version(version));
        }
        let name = reader.text()?;
        let is_array = reader.flag()?;
        let metadata = [reader.u16_be()?, reader.u16_be()?];
        reader.finish()?;
        Ok(Self { kind: TypeKind::from_name(name, metadata)?, is_array })
    }

    /// The binary form with the canonical name.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        encode_parts(self.kind.name(), self.is_array, self.kind.metadata())
    }
}

/// The binary form of a type as a client spelled it, checked or not.
pub(crate) fn encode_parts(name: &str, is_array: bool, [first, second]: [u16; 2]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u16_be(0).text(name).flag(is_array).u16_be(first).u16_be(second);
    writer.into_bytes()
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.is_array { "[]" } else { "" };
        write!(f, "{}{suffix}", self.kind)
    }
}
