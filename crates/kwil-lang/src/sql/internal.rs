//! What written SQL calls in the node's own schema of the database.

/// The schema with the functions of [`INTERNAL_FUNCTIONS`]. Programs cannot name it: `kwild_` is a reserved prefix.
pub const INTERNAL_SCHEMA: &str = "kwild_lang";

/// Bytes of one value that a statement may build from a count, and of one `string_agg`. More is SQLSTATE `54000`,
/// `value too large`.
pub const MAX_BUILT_BYTES: u32 = 16_777_216;

/// Elements of one `array_agg`. More is SQLSTATE `54000`, `array too large`.
pub const MAX_COLLECTED: u32 = 1_000_000;

/// A function that must exist in the [`INTERNAL_SCHEMA`] of a database before SQL of [`crate::write_sql`] runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalFunction {
    /// Its name.
    pub name: &'static str,
    /// PostgreSQL's names of the types of its arguments.
    pub arguments: &'static [&'static str],
    /// PostgreSQL's name of the type of its result.
    pub result: &'static str,
    /// What the planner may assume. `error` must stay `VOLATILE`: it would be called while planning otherwise, also in
    /// branches that are never taken.
    pub volatility: &'static str,
}

const fn pure(
    name: &'static str,
    arguments: &'static [&'static str],
    result: &'static str,
) -> InternalFunction {
    InternalFunction { name, arguments, result, volatility: "IMMUTABLE" }
}

/// Every function that written SQL may call outside `pg_catalog`. NULL in gives NULL out, unless said otherwise.
///
/// | function | what it does |
/// |---|---|
/// | `error(text) text` | raises `P0001` with the text as message and nothing else; NULL is an empty message. Never returns |
/// | `parse_unix_timestamp(text, text) numeric` | the time zone is UTC; exact microseconds, scale 6, no floating point |
/// | `format_unix_timestamp(numeric, text) text` | the reverse, as `to_char` writes it |
/// | `uuid_generate_v5(uuid, text) uuid` | RFC 4122, SHA-1 of namespace and UTF-8 name |
/// | `digest(text, text) bytea`, `digest(bytea, text) bytea` | `md5 sha1 sha224 sha256 sha384 sha512` in any case; anything else is `22023`, `Cannot use "x": No such hash algorithm` |
/// | `lower(text) text`, `upper(text) text` | code point by code point through one fixed table; ASCII as in the C locale |
/// | `to_int8(text) int8`, of arrays too | digits with an optional sign and white space around; anything else is `22P02`, `invalid input syntax for type bigint: "x"`: newer servers read `0x1F` and `1_000`, older ones do not. Out of range is `22003` |
/// | `to_numeric(text) numeric`, of arrays too | `[+-]digits[.digits][e[+-]digits]` with white space around; anything else, `NaN` and `Infinity` among it, is `22P02`, `invalid input syntax for type numeric: "x"` |
/// | `to_array(text) text[]` | PostgreSQL's array literal of at most one dimension that starts at 1; anything else is `22P02`, `malformed array literal: "x"` |
/// | `pad_length(int8) int4` | the same number; above 16,777,216 it is `54000`, `value too large`; below -2^31 it gives -2^31 |
/// | `format(text, text[]) text` | `pg_catalog.format(f, VARIADIC args)` after the widths, `*` included, were added up: a sum above 16,777,216 is `54000`, `value too large` |
/// | `bounded(text) text` | the same text; more than 16,777,216 bytes are `54000`, `value too large` |
/// | `bounded(anyarray) anyarray` | the same array; more than 1,000,000 elements are `54000`, `array too large` |
pub const INTERNAL_FUNCTIONS: &[InternalFunction] = &[
    InternalFunction {
        name: "error",
        arguments: &["text"],
        result: "text",
        volatility: "VOLATILE",
    },
    InternalFunction {
        name: "parse_unix_timestamp",
        arguments: &["text", "text"],
        result: "numeric",
        volatility: "STABLE",
    },
    InternalFunction {
        name: "format_unix_timestamp",
        arguments: &["numeric", "text"],
        result: "text",
        volatility: "STABLE",
    },
    pure("uuid_generate_v5", &["uuid", "text"], "uuid"),
    pure("digest", &["text", "text"], "bytea"),
    pure("digest", &["bytea", "text"], "bytea"),
    pure("lower", &["text"], "text"),
    pure("upper", &["text"], "text"),
    pure("to_int8", &["text"], "bigint"),
    pure("to_int8", &["text[]"], "bigint[]"),
    pure("to_numeric", &["text"], "numeric"),
    pure("to_numeric", &["text[]"], "numeric[]"),
    pure("to_array", &["text"], "text[]"),
    pure("pad_length", &["bigint"], "integer"),
    pure("format", &["text", "text[]"], "text"),
    pure("bounded", &["text"], "text"),
    pure("bounded", &["anyarray"], "anyarray"),
];
