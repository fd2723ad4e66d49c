//! Every cell of the cast table.

use super::{check, check_row};

const ID: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

#[test]
fn every_type_is_cast_to_every_type() {
    let uuid_text = format!("'{ID}' text");
    let uuid = format!("{ID} uuid");
    let uuid_bytes = format!("0x{} bytea", ID.replace('-', ""));
    let table: [(&str, [&str; 7]); 6] = [
        ("int8", ["2 int8", "Cast", "1 int8", "Cast", "Cast", "Cast", "Cast"]),
        (
            "text",
            [
                "'2' text",
                "'a' text",
                "'true' text",
                "'1.5' text",
                "'\u{1}' text",
                &uuid_text,
                "Cast",
            ],
        ),
        ("bool", ["true bool", "Cast", "true bool", "Cast", "Cast", "Cast", "Cast"]),
        (
            "numeric(4,2)",
            ["2.00 numeric(4,2)", "Cast", "Cast", "1.50 numeric(4,2)", "Cast", "Cast", "Cast"],
        ),
        ("uuid", ["Cast", "Cast", "Cast", "Cast", "Cast", &uuid, "Cast"]),
        ("bytea", ["Cast", "0x61 bytea", "Cast", "Cast", "0x01 bytea", &uuid_bytes, "Cast"]),
    ];
    for (to, want) in table {
        check_row(|operand| format!("({operand})::{to}"), want);
        check(&[(&format!("NULL::{to}"), &format!("NULL {to}"))]);
        check(&[(&format!("NULL::{to}[]"), &format!("NULL {to}[]"))]);
        check(&[(&format!("(1)::{to}[]"), "Cast")]);
    }
}

#[test]
fn texts_are_read_strictly() {
    check(&[
        ("'12'::int8", "12 int8"),
        ("'+12'::int8", "12 int8"),
        ("'-9223372036854775808'::int8", "-9223372036854775808 int8"),
        ("'9223372036854775808'::int8", "Cast"),
        ("' 12'::int8", "Cast"),
        ("''::int8", "Cast"),
        ("'1.0'::int8", "Cast"),
        ("'1.555'::numeric(6,2)", "1.56 numeric(6,2)"),
        ("'-1.555'::numeric(6,2)", "-1.56 numeric(6,2)"),
        ("'1.5e2'::numeric(6,2)", "150.00 numeric(6,2)"),
        ("'+1E-1'::numeric(6,2)", "0.10 numeric(6,2)"),
        ("'12345'::numeric(6,2)", "Cast"),
        ("'.5'::numeric(6,2)", "Cast"),
        ("'5.'::numeric(6,2)", "Cast"),
        ("'1e'::numeric(6,2)", "Cast"),
        ("' 1'::numeric(6,2)", "Cast"),
        ("'NaN'::numeric(6,2)", "Cast"),
        ("'Infinity'::numeric(6,2)", "Cast"),
        ("'yes'::bool", "Cast"),
        ("'TrUe'::bool", "Cast"),
    ]);
    for text in ["1", "t", "T", "TRUE", "true", "True"] {
        check(&[(&format!("'{text}'::bool"), "true bool")]);
    }
    for text in ["0", "f", "F", "FALSE", "false", "False"] {
        check(&[(&format!("'{text}'::bool"), "false bool")]);
    }
    let want = format!("{ID} uuid");
    let simple = ID.replace('-', "");
    for text in [ID, &format!("{{{ID}}}"), &format!("urn:uuid:{ID}"), &simple, &ID.to_uppercase()] {
        check(&[(&format!("'{text}'::uuid"), &want)]);
    }
    for text in ["", "x", &ID[1..], &format!("{ID}0"), &format!("{{{simple}}}")] {
        check(&[(&format!("'{text}'::uuid"), "Cast")]);
    }
}

#[test]
fn casts_differ_from_sql_on_purpose() {
    check(&[
        ("(1.50::numeric(5,2))::int8", "Cast"),
        ("(3.00::numeric(5,2))::int8", "3 int8"),
        ("9999999999999999999.0::int8", "Cast"),
        ("0::bool", "false bool"),
        ("-5::bool", "true bool"),
        ("false::int8", "0 int8"),
        ("0x313233::int8", "123 int8"),
        ("0xff::text", "Cast"),
        ("0x00::text", "Cast"),
        ("0xc3a9::text", "'é' text"),
        ("'\\x00'::bytea", "0x5c783030 bytea"),
        ("123.456::numeric(5,1)", "123.5 numeric(5,1)"),
        ("999.96::numeric(4,1)", "Cast"),
        ("100::numeric(2,0)", "Cast"),
        ("0.0::text", "'0.0' text"),
    ]);
}

#[test]
fn arrays_are_cast_element_by_element() {
    check(&[
        ("array_cat([1,NULL], NULL)::text[]", "['1',NULL] text[]"),
        ("(['1','x'])::int8[]", "Cast"),
        ("([1,0])::bool[]", "[true,false] bool[]"),
        ("array_cat([0x31], NULL)::int8[]", "Cast"),
        ("array_cat([0x31], NULL)::text[]", "['1'] text[]"),
        ("([1.25])::numeric(4,1)[]", "[1.3] numeric(4,1)[]"),
        ("([1])::int8", "Cast"),
    ]);
}
