//! Tables as the state hash sees them: identities that never change, columns with canonical types.

use std::fmt;

/// First id of a table that users create; lower ids belong to tables of the engine.
pub(crate) const FIRST_USER_TABLE: u32 = 1000;

/// Identity of a table. Given once, never reused, kept by a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub(crate) u32);

impl TableId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of a column within its table. Given once, never reused, kept by a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(pub(crate) u32);

impl ColumnId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A type without elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// 64-bit signed integer.
    Int8,
    /// 32-bit signed integer: how a column may store the integers of the language.
    Int4,
    /// Truth value.
    Bool,
    /// UTF-8 text, compared bytewise.
    Text,
    /// Bytes.
    Bytea,
    /// 16 bytes.
    Uuid,
    /// Decimal with exactly `scale` digits behind the point and at most `precision` digits.
    Numeric {
        /// Digits at most.
        precision: u16,
        /// Digits behind the point.
        scale: u16,
    },
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// One value.
    Scalar(Scalar),
    /// A list of values, each of which may be NULL; one dimension, first index 1.
    Array(Scalar),
}

impl Scalar {
    /// Byte that names the type in a canonical row.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Int8 => 1,
            Self::Bool => 2,
            Self::Text => 3,
            Self::Bytea => 4,
            Self::Uuid => 5,
            Self::Numeric { .. } => 6,
            Self::Int4 => 7,
        }
    }

    /// OIDs of PostgreSQL's type and of its array type.
    pub(crate) fn oids(self) -> (u32, u32) {
        match self {
            Self::Int8 => (20, 1016),
            Self::Int4 => (23, 1007),
            Self::Bool => (16, 1000),
            Self::Text => (25, 1009),
            Self::Bytea => (17, 1001),
            Self::Uuid => (2950, 2951),
            Self::Numeric { .. } => (1700, 1231),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int8 => f.write_str("int8"),
            Self::Int4 => f.write_str("int4"),
            Self::Bool => f.write_str("bool"),
            Self::Text => f.write_str("text"),
            Self::Bytea => f.write_str("bytea"),
            Self::Uuid => f.write_str("uuid"),
            Self::Numeric { precision, scale } => write!(f, "numeric({precision},{scale})"),
        }
    }
}

impl ColumnType {
    /// Byte that names the type in a canonical row.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Scalar(scalar) => scalar.tag(),
            Self::Array(scalar) => scalar.tag() | 0x80,
        }
    }

    /// OID of PostgreSQL's type.
    pub(crate) fn oid(self) -> u32 {
        match self {
            Self::Scalar(scalar) => scalar.oids().0,
            Self::Array(scalar) => scalar.oids().1,
        }
    }

    /// Reads the spelling that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix("[]") {
            Some(element) => parse_scalar(element).map(Self::Array),
            None => parse_scalar(text).map(Self::Scalar),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Array(scalar) => write!(f, "{scalar}[]"),
        }
    }
}

fn parse_scalar(text: &str) -> Option<Scalar> {
    match text {
        "int8" => Some(Scalar::Int8),
        "int4" => Some(Scalar::Int4),
        "bool" => Some(Scalar::Bool),
        "text" => Some(Scalar::Text),
        "bytea" => Some(Scalar::Bytea),
        "uuid" => Some(Scalar::Uuid),
        _ => {
            let (precision, scale) =
                text.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
            let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
            (scale <= precision && precision >= 1).then_some(Scalar::Numeric { precision, scale })
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Identity.
    pub id: ColumnId,
    /// Present name.
    pub name: String,
    /// Type.
    pub ty: ColumnType,
    /// Whether NULL is refused.
    pub not_null: bool,
}

/// A table whose rows the state hash covers. Columns are in the order of their ids, which is their physical order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Identity.
    pub id: TableId,
    /// Present schema (namespace).
    pub schema: String,
    /// Present name.
    pub name: String,
    /// Columns.
    pub columns: Vec<Column>,
}

impl Table {
    /// `"schema"."name"`, quoted for SQL.
    #[must_use]
    pub fn qualified(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }

    /// `schema.name`, for messages.
    #[must_use]
    pub fn display_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The column with a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A name as a quoted SQL identifier. Every identifier that is not a constant goes through here.
#[must_use]
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_spelling_round_trips() {
        for text in [
            "int8",
            "int4[]",
            "bool[]",
            "text",
            "bytea[]",
            "uuid",
            "numeric(10,2)",
            "numeric(1000,0)[]",
        ] {
            assert_eq!(ColumnType::parse(text).unwrap().to_string(), text);
        }
        for text in ["int2", "numeric", "numeric(2,3)", "numeric(0,0)", "text[][]", ""] {
            assert_eq!(ColumnType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_quote_in_a_name_cannot_end_the_identifier() {
        assert_eq!(quote(r#"a"; DROP TABLE b; --"#), r#""a""; DROP TABLE b; --""#);
    }
}
