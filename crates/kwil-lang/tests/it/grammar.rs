//! The corners of the grammar: what a text means, shown by how it is printed, and what is no statement.

use kwil_lang::ast::{LoopSource, StatementKind, StepKind};
use kwil_lang::{ErrorClass, parse_action, parse_script, print_script};

fn printed(source: &str) -> String {
    let statements = parse_script(source).unwrap_or_else(|errors| panic!("{source}\n{errors}"));
    print_script(&statements).trim_end().trim_end_matches(';').to_owned()
}

#[track_caller]
fn sql(source: &str, same: &str) {
    assert_eq!(printed(&format!("SELECT {source}")), format!("SELECT {same}"));
}

#[track_caller]
fn refused(source: &str) {
    match parse_script(source) {
        Ok(statements) => panic!("{source}\nreads as {}", print_script(&statements)),
        Err(errors) => assert_eq!(errors.class(), ErrorClass::Syntax, "{source}\n{errors}"),
    }
}

/// The body of an action, printed on one line.
fn body(source: &str) -> String {
    let text = printed(&format!("CREATE ACTION t() PUBLIC {{ {source} }}"));
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_start_matches("CREATE ACTION t() PUBLIC ").to_owned()
}

#[test]
fn precedence_follows_the_table() {
    sql("1 + 2 * 3", "1 + 2 * 3");
    sql("(1 + 2) * 3", "(1 + 2) * 3");
    sql("(1 - 2) - 3", "1 - 2 - 3");
    sql("1 - (2 - 3)", "1 - (2 - 3)");
    sql("2 ^ 3 ^ 4", "2 ^ 3 ^ 4");
    sql("2 ^ (3 ^ 4)", "2 ^ (3 ^ 4)");
    sql("-2 ^ 2", "-2 ^ 2");
    sql("-(a ^ 2)", "-(a ^ 2)");
    sql("(NOT a) OR b AND c", "NOT a OR b AND c");
    sql("NOT (a OR b)", "NOT (a OR b)");
    sql("NOT a = b", "NOT (a = b)");
    sql("a = NOT b", "a = (NOT b)");
    sql("a + NOT b = c", "a + (NOT (b = c))");
    sql("5 BETWEEN 1 AND 10 AND true", "5 BETWEEN 1 AND 10 AND TRUE");
    sql("a NOT BETWEEN 1 + 1 AND 2 || 3 OR c", "a NOT BETWEEN 1 + 1 AND 2 || 3 OR c");
    sql("a || b IN (c) = d", "a || b IN (c) = d");
    sql("a = b IS NOT NULL", "a = b IS NOT NULL");
    sql("a IS DISTINCT FROM b = c", "a IS DISTINCT FROM b = c");
    sql("'A' = 'a' COLLATE nocase", "'A' = 'a' COLLATE nocase");
    sql("-a COLLATE nocase", "-a COLLATE nocase");
    sql("NOT EXISTS (SELECT 1)", "NOT EXISTS (SELECT 1)");
    sql("NOT (EXISTS (SELECT 1))", "NOT (EXISTS (SELECT 1))");
}

#[test]
fn a_cast_belongs_to_the_operand_in_front() {
    sql("-a::int", "-a::int8");
    sql("(-a)::int", "(-a)::int8");
    sql("a + b::text", "a + b::text");
    sql("(a::int)::text", "(a::int8)::text");
    sql("a.b[1]::text", "a.b[1]::text");
    sql("a::int[][1]", "(a::int8[])[1]");
    sql("(CASE WHEN a THEN 1 END)::int", "(CASE WHEN a THEN 1 END)::int8");
    refused("SELECT a::int::text");
    refused("SELECT CASE WHEN a THEN 1 END::int");
    refused("SELECT sum(a) OVER ()::int");
}

#[test]
fn signs_belong_to_numbers_and_are_operators_otherwise() {
    sql("- 5", "-5");
    sql("1 -1", "1 - 1");
    sql("1 - -1", "1 - -1");
    sql("- -5", "-(-5)");
    sql("-(5)", "-(5)");
    sql("+ 1 . 50", "1.50");
    sql("1--1", "1");
    refused("SELECT 9223372036854775808");
    refused("SELECT -9223372036854775809");
}

#[test]
fn names_fold_and_keywords_serve_as_names() {
    assert_eq!(
        printed("SELECT \"A\".\" b \" AS Outer FROM Action A"),
        "SELECT a.b AS outer FROM action AS a"
    );
    assert_eq!(
        printed("SELECT * FROM t outer JOIN u ON true"),
        "SELECT * FROM t AS outer JOIN u ON TRUE"
    );
    assert_eq!(printed("DROP TABLE if, x"), "DROP TABLE if, x");
    assert_eq!(printed("DROP TABLE IF EXISTS x RESTRICT"), "DROP TABLE IF EXISTS x");
    assert_eq!(printed("CREATE INDEX ON t (a)"), "CREATE INDEX ON t (a)");
    refused("CREATE INDEX IF NOT EXISTS ON t (a)");
    refused("SELECT select FROM t");
}

#[test]
fn what_other_dialects_have_is_refused() {
    for source in [
        "SELECT * FROM a NATURAL JOIN b ON true JOIN",
        "SELECT * FROM a JOIN b USING (id)",
        "SELECT * FROM a LEFT OUTER JOIN b ON true",
        "SELECT DISTINCT ON (a) b FROM t",
        "SELECT CAST(a AS int)",
        "SELECT a = ANY(b)",
        "SELECT a LIMIT ALL",
        "SELECT a OFFSET 1 LIMIT 2",
        "SELECT a FROM t HAVING a",
        "SELECT sum(a) OVER (ORDER BY a ROWS UNBOUNDED PRECEDING)",
        "SELECT sum(a) FILTER (WHERE a)",
        "SELECT ns.f(1)",
        "VALUES (1)",
        "(SELECT 1) UNION SELECT 2",
        "INSERT INTO t (a) (SELECT 1)",
        "UPDATE t SET a = 1 RETURNING a",
        "UPDATE ns.t SET a = 1",
        "ALTER TABLE t ALTER COLUMN a TYPE text",
        "ALTER TABLE t ADD COLUMN a INT DEFAULT 1",
        "CREATE TABLE t (id INT PRIMARY KEY NULL)",
        "WITH a AS (INSERT INTO t VALUES (1)) SELECT 1",
        "WITH a AS (WITH b AS (SELECT 1) SELECT 1) SELECT 1",
        "USE hashing { algorithm: \"sha256\" } AS h",
        "CREATE TABLE t (id INT PRIMARY KEY, UNIQUE ())",
    ] {
        refused(source);
    }
}

#[test]
fn calls_assignments_and_declarations_are_told_apart() {
    assert_eq!(body("$a, _ = f(1);"), "{ $a, _ := f(1); }");
    assert_eq!(
        body("$a INT; $b INT := f(); $c := f()::int;"),
        "{ $a int8; $b int8 := (f()); $c := f()::int8; }"
    );
    assert_eq!(
        body("$a[1] := 2; $a[1:2] = [3]; $a[:] := $b;"),
        "{ $a[1] := 2; $a[1 : 2] := ARRAY[3]; $a[ : ] := $b; }"
    );
    assert_eq!(
        body("if($a); if.g(); for(1); break(); continue();"),
        "{ if($a); if.g(); for(1); break(); continue(); }"
    );
    assert_eq!(body("IF ($a) { } IF ($a) = 1 { };"), "{ IF $a {} IF $a = 1 {} }");
    assert_eq!(body("RETURN (4);"), "{ RETURN 4; }");
    assert_eq!(
        body("IF !$a { } ELSE IF $b { } ELSEIF $c { } ELSE { }"),
        "{ IF NOT $a {} ELSEIF $b {} ELSEIF $c {} ELSE {} }"
    );
    for source in [
        "$a.b := 1;",
        "$a[1] INT := 1;",
        "$a[1][2] := 1;",
        "f() := 1;",
        "1;",
        "$a;",
        "RETURN NEXT;",
        "WHILE true {}",
    ] {
        refused(&format!("CREATE ACTION t() PUBLIC {{ {source} }}"));
    }
    let action = parse_action("CREATE ACTION t() PUBLIC { $a := f(); $a := (f()); }").unwrap();
    assert!(matches!(action.body[0].kind, StepKind::Call(_)));
    assert!(matches!(action.body[1].kind, StepKind::Assign(_)));
}

#[test]
fn loops_tell_their_sources_apart() {
    let text = "CREATE ACTION t() PUBLIC { FOR $i IN array[1,2] {} FOR $i IN ARRAY [1] {} FOR $i IN 1..10 {} FOR $i IN f() {} \
        FOR $i IN $a {} FOR $i IN WITH a AS (SELECT 1) SELECT 2 {} FOR $i IN (f()) {} FOR $i IN $a[1]..$b {}; }";
    let action = parse_action(text).unwrap();
    let kinds: Vec<_> = action
        .body
        .iter()
        .map(|step| match &step.kind {
            StepKind::For { source, .. } => match **source {
                LoopSource::Range(..) => "range",
                LoopSource::Array(_) => "array",
                LoopSource::Query(_) => "query",
                LoopSource::Call(_) => "call",
                LoopSource::Other(_) => "other",
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["array", "array", "range", "call", "other", "query", "other", "range"]);
}

#[test]
fn action_expressions_have_no_sql() {
    for expr in [
        "a",
        "a.b",
        "CASE WHEN true THEN 1 END",
        "$a LIKE 'x'",
        "$a BETWEEN 1 AND 2",
        "(SELECT 1)",
        "EXISTS (SELECT 1)",
        "f(DISTINCT 1)",
        "f(*)",
        "$a NOT IN (1)",
        "'a' COLLATE nocase",
    ] {
        refused(&format!("CREATE ACTION t() PUBLIC {{ $x := {expr}; }}"));
    }
    refused("SELECT !true");
    refused("SELECT [1]");
}

#[test]
fn statements_have_their_text() {
    let source = "  SELECT 1 ;  {N1} CREATE ACTION z() PUBLIC { /* c */ } ; ";
    let statements = parse_script(source).unwrap();
    assert_eq!(statements[1].span.text(source), "{N1} CREATE ACTION z() PUBLIC { /* c */ }");
    assert!(matches!(statements[1].kind, StatementKind::CreateAction(_)));
    assert_eq!(statements[1].namespace.as_ref().unwrap().as_str(), "n1");
}

#[test]
fn namespaces_stand_in_front_of_what_has_one() {
    for source in [
        "GRANT r TO 'u'",
        "REVOKE SELECT FROM r",
        "DROP ROLE r",
        "TRANSFER OWNERSHIP TO 'u'",
        "CREATE NAMESPACE n",
        "DROP NAMESPACE n",
        "SET CURRENT NAMESPACE TO n",
        "USE e AS n",
        "UNUSE n",
    ] {
        assert!(parse_script(source).is_ok(), "{source}");
        let errors = parse_script(&format!("{{x}} {source}")).unwrap_err();
        assert!(errors.to_string().contains("cannot have a namespace"), "{errors}");
    }
}

#[test]
fn grants_tell_privileges_roles_and_users_apart() {
    assert_eq!(printed("GRANT select, Call ON main TO r"), "GRANT SELECT, CALL ON main TO r");
    assert_eq!(printed("REVOKE IF GRANTED r FROM 'bob'"), "REVOKE IF GRANTED r FROM 'bob'");
    assert_eq!(printed("GRANT r TO 'a' || $b"), "GRANT r TO ('a' || $b)");
    assert_eq!(printed("GRANT r TO lower('a')"), "GRANT r TO (lower('a'))");
    for source in ["GRANT r TO s", "GRANT r ON main TO 'u'", "GRANT SELECT TO $u"] {
        assert_eq!(
            parse_script(source).unwrap_err().class(),
            ErrorClass::GrantOrRevoke,
            "{source}"
        );
    }
    refused("GRANT SELECT, r TO s");
}

#[test]
fn long_names_are_refused_where_they_are_declared() {
    let name = |length: usize| "a".repeat(length);
    for (source, limit) in [
        ("CREATE TABLE {} (id INT PRIMARY KEY)", 63),
        ("CREATE TABLE t ({} INT PRIMARY KEY)", 63),
        ("CREATE NAMESPACE {}", 63),
        ("CREATE INDEX {} ON t (a)", 63),
        ("CREATE ROLE {}", 64),
        ("CREATE ACTION {}() PUBLIC {}", 64),
        ("SELECT ${}", 63),
    ] {
        assert!(parse_script(&source.replacen("{}", &name(limit), 1)).is_ok(), "{source}");
        let errors = parse_script(&source.replacen("{}", &name(limit + 1), 1)).unwrap_err();
        assert_eq!(errors.class(), ErrorClass::Identifier, "{source}");
    }
}
