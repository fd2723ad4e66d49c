//! What a person or a client reads when a text is wrong.

use kwil_lang::{ErrorClass, MAX_ERRORS, parse_script, parse_script_bytes, parse_type};

fn details(source: &str) -> Vec<(ErrorClass, String)> {
    let errors = parse_script(source).unwrap_err();
    errors.iter().map(|error| (error.class, error.detail.clone())).collect()
}

#[test]
fn one_error_has_place_and_expectation() {
    let errors = parse_script("SELECT 1;\nSELECT a FROM WHERE").unwrap_err();
    assert_eq!(
        errors.to_string(),
        "parse error: error in top-level statement <script>: (sql) syntax error: unexpected WHERE, expected a table, a \
         subquery or a table function\n  start 2:15 end 2:19"
    );
}

#[test]
fn a_report_points_at_the_characters() {
    let errors = parse_script("SELECT 'é', 12ab FROM t;\nSELECT 1 ++").unwrap_err();
    assert_eq!(
        errors.report(),
        "syntax error: unexpected end of the text, expected an expression\n --> line 2, column 12\n2 | SELECT 1 ++\n  | \
         \x20          ^"
    );
}

#[test]
fn all_errors_of_a_script_are_found() {
    let source =
        "SELECT FROM t; CREATE TABLE a (x FLOAT, y INT); SELECT 1; GRANT SELECT TO 'bob'; DROP x";
    let classes: Vec<_> = details(source).into_iter().map(|(class, _)| class).collect();
    assert_eq!(
        classes,
        [
            ErrorClass::Syntax,
            ErrorClass::ParseType,
            ErrorClass::NoPrimaryKey,
            ErrorClass::GrantOrRevoke,
            ErrorClass::Syntax
        ]
    );
    let text = parse_script(source).unwrap_err().to_string();
    assert!(
        text.contains("detected multiple parse errors:\n error 1: (sql) syntax error: "),
        "{text}"
    );
    assert!(text.contains("\n error 5: (sql) syntax error: unexpected \"x\""), "{text}");
}

#[test]
fn an_action_goes_on_behind_a_faulty_statement() {
    let source = "CREATE ACTION a($x INT) PUBLIC {
        $y := ;
        IF $x > { $z := 1; } ELSE { $z = 2; }
        FOR $i IN 1..3 { $x.y := 1; RETURN NEXT; }
        RETURN $x
    }; SELECT 1";
    let found = details(source);
    let texts: Vec<_> = found.iter().map(|(_, detail)| detail.as_str()).collect();
    assert_eq!(
        texts,
        [
            "unexpected \";\", expected an expression",
            "unexpected \"{\", expected an expression",
            "only a variable or an element of an array can be assigned to",
            "unexpected \";\", expected an expression",
            "unexpected \"}\", expected \";\"",
        ]
    );
}

#[test]
fn the_number_of_errors_is_bounded() {
    let errors = parse_script(&"SELECT ; ".repeat(1_000)).unwrap_err();
    assert_eq!(errors.count(), MAX_ERRORS);
}

#[test]
fn bad_tokens_say_what_is_wrong_with_them() {
    for (source, detail) in [
        ("SELECT 'a", "unexpected string literal without its closing quote"),
        ("SELECT 1 /* a", "unexpected comment without its closing */"),
        ("SELECT 0xabc", "unexpected bytea literal with an odd number of hex digits"),
        (
            "SELECT $1",
            "unexpected a variable is $ or @ followed by a letter, then letters, digits or _",
        ),
        ("SELECT é", "unexpected \"é\", expected an expression"),
        ("SELECT 1.", "unexpected end of the text, expected a field"),
        ("SELECT 99999999999999999999", "integer exceeds max int8"),
        ("", "unexpected end of the text, expected a statement"),
        ("SELECT 1;;", "unexpected \";\", expected a statement"),
    ] {
        assert_eq!(details(source), [(ErrorClass::Syntax, detail.to_owned())], "{source}");
    }
}

#[test]
fn bytes_that_are_no_text_are_an_error_with_a_place() {
    let errors = parse_script_bytes(b"SELECT \xff").unwrap_err();
    assert!(
        errors.to_string().ends_with("unexpected bytes that are not UTF-8\n  location 1:8"),
        "{errors}"
    );
    assert!(parse_script_bytes("SELECT 'é'".as_bytes()).is_ok());
}

#[test]
fn types_are_checked_where_they_are_read() {
    for (text, class) in [
        ("float8", ErrorClass::ParseType),
        ("numeric", ErrorClass::ParseType),
        ("numeric(0,0)", ErrorClass::ParseType),
        ("numeric(2,3)", ErrorClass::ParseType),
        ("text(5)", ErrorClass::ParseType),
        ("numeric(1001)", ErrorClass::Syntax),
        ("numeric(99999999999999999999)", ErrorClass::Syntax),
        ("int[][]", ErrorClass::Syntax),
        ("int[3]", ErrorClass::Syntax),
        ("", ErrorClass::Syntax),
    ] {
        assert_eq!(parse_type(text).unwrap_err().class(), class, "{text}");
    }
    for (text, printed) in [
        ("INTEGER", "int8"),
        ("decimal( 10 )", "numeric(10,0)"),
        ("Numeric(78,18) [ ]", "numeric(78,18)[]"),
        ("blob", "bytea"),
        ("smallint", "int4"),
    ] {
        assert_eq!(parse_type(text).unwrap().to_string(), printed, "{text}");
    }
}
