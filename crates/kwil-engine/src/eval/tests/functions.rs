//! Functions where actions differ from SQL, their refusals, and known answers.

use super::{check, evaluate, shown};

#[test]
fn arguments_are_checked_as_in_sql() {
    for (expression, class, detail) in [
        ("length()", "Other", "expected 1, got 0"),
        ("length('a', 'b')", "Other", "expected 1, got 2"),
        ("length(1)", "Type", "expected text, got int8"),
        ("coalesce(1, 'a')", "Type", "expected int8, got text"),
        ("greatest('a', 'b')", "Type", "expected int8 or numeric"),
        ("nullif(NULL, NULL)", "Type", "needs a type"),
        ("array_append([1], 'a')", "Type", "expected int8, got text"),
        ("sum(1)", "IllegalFunctionUsage", "only in SQL"),
        ("notice('x')", "ReturnShape", "returns nothing"),
        ("error('boom')", "UserError", "boom"),
    ] {
        let failure = evaluate(expression).unwrap_err();
        assert_eq!(failure.class_name(), class, "{expression}");
        assert!(failure.message.contains(detail), "{expression}: {failure}");
    }
    assert_eq!(evaluate("error('boom')").unwrap_err().message, "boom");
    assert_eq!(evaluate("error(NULL)").unwrap_err().message, "");
}

#[test]
fn array_functions_differ_from_sql_in_three_points() {
    check(&[
        ("array_remove([1,NULL,2], NULL)", "[1,NULL,2] int8[]"),
        ("array_remove([1,2,1], 1)", "[2] int8[]"),
        ("array_remove([1.50], 1.5)", "[] numeric(3,2)[]"),
        ("array_remove(NULL::int8[], 1)", "NULL int8[]"),
        ("array_length([]::int8[])", "0 int8"),
        ("array_length([1,2])", "2 int8"),
        ("array_length([1,2], 1)", "2 int8"),
        ("array_length([1,2], 2)", "NULL int8"),
        ("array_length([1,2], NULL)", "NULL int8"),
        ("array_length(NULL::int8[])", "NULL int8"),
        ("array_append(NULL, 3)", "[3] int8[]"),
        ("array_append(NULL::int8[], 3)", "[3] int8[]"),
        ("array_append([1], NULL)", "[1,NULL] int8[]"),
        ("array_append([1.50], 0.005)", "[1.50,0.01] numeric(3,2)[]"),
        ("array_append([1.50], 100.5)", "Cast"),
        ("array_prepend(3, NULL)", "[3] int8[]"),
        ("array_prepend(3, [1])", "[3,1] int8[]"),
        ("array_cat([1], NULL)", "[1] int8[]"),
        ("array_cat(NULL::int8[], [1])", "[1] int8[]"),
        ("array_cat(NULL::int8[], NULL)", "NULL int8[]"),
        ("array_cat([1], [2])", "[1,2] int8[]"),
    ]);
}

#[test]
fn results_have_the_types_of_the_table() {
    check(&[
        ("coalesce(NULL, 3)", "3 int8"),
        ("coalesce(NULL::int8, NULL)", "NULL int8"),
        ("coalesce(NULL, [1])", "[1] int8[]"),
        ("nullif(1, 1)", "NULL int8"),
        ("nullif(1, NULL)", "1 int8"),
        ("nullif(NULL, 1)", "NULL int8"),
        ("greatest(1, NULL, 3)", "3 int8"),
        ("least(NULL::int8, NULL)", "NULL int8"),
        ("least(1.5, 0.5)", "Type"),
        ("least(1.5, 2.5)", "1.5 numeric(2,1)"),
        ("abs(-1.5)", "1.5 numeric(2,1)"),
        ("abs(-9223372036854775808)", "Pg(22003)"),
        ("length(NULL)", "NULL int8"),
        ("format(NULL, 1)", "NULL text"),
        ("lower('É')", "'asks the database for lower' text"),
        ("lower('ABC')", "'abc' text"),
        ("upper(NULL)", "NULL text"),
        (
            "format_unix_timestamp(1.000000::numeric(16,6), 'YYYY')",
            "'asks the database for format_unix_timestamp' text",
        ),
        ("parse_unix_timestamp(NULL, 'YYYY')", "NULL numeric(16,6)"),
        ("digest(0x616263, 'md5')", "0x900150983cd24fb0d6963f7d28e17f72 bytea"),
        ("digest('abc', 'SHA1')", "0xa9993e364706816aba3e25717850c26c9cd0d89d bytea"),
        ("digest('abc', 'sha3')", "Pg(22023)"),
        (
            "uuid_generate_v5('6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid, 'kwil.example')",
            "a4763c3e-1b97-5779-a884-fd5bf9c097f8 uuid",
        ),
        ("uuid_generate_kwil('kwil.example')", "fe8457e7-9521-5bc7-ad57-de4f068c907d uuid"),
        ("decode('zz', 'hex')", "Pg(22023)"),
        ("encode(0x616263, 'base64')", "'YWJj' text"),
        ("format('%I %L %s', 'a b', 'c', true)", "'\"a b\" 'c' t' text"),
        ("substring('abcdef', 0, 3)", "'ab' text"),
        ("substring('abc', 2, -1)", "Pg(22011)"),
        ("lpad('7', 2147483648, '0')", "Pg(22003)"),
        ("lpad(NULL, 2147483648)", "Pg(22003)"),
        ("substring('abc', NULL, -1)", "NULL text"),
        ("overlay('abcdef', 'ZZ', 2, 1)", "'aZZcdef' text"),
    ]);
}

#[test]
fn sizes_are_refused_before_they_are_built() {
    for expression in [
        "rpad('', 2147483647, 'é')",
        "format('%2147483647s', 1)",
        "overlay('a', lpad('', 9000000), 1, -9000000)",
        "encode(lpad('', 9000000)::bytea, 'hex')",
        "encode(decode(lpad('', 16000000, '0'), 'hex'), 'escape')",
    ] {
        let result = evaluate(expression);
        if expression.starts_with("overlay") {
            // The tail starts before the text: nothing is repeated.
            assert_eq!(shown(&result).len(), 9_000_000 + "'a' text".len());
        } else {
            assert_eq!(result.unwrap_err().message, "value too large", "{expression}");
        }
    }
}
