//! The analysis against the conformance cases and on corners of its rules.

mod schema;

use std::collections::BTreeMap;

use kwil_lang::ErrorClass;
use kwil_lang::analyze::{
    AnalysisError, Context, OrderKey, Plan, VariableType, analyze_check, analyze_query,
    check_action,
};
use kwil_lang::ast::{Privilege, StatementKind};
use kwil_lang::{parse_action, parse_script};
use kwil_types::DataType;
use saphyr::{LoadableYamlNode, Yaml};
use schema::Schema;

/// Classes that the analysis decides; all others are decided when the statement runs.
fn is_decided_here(class: &str) -> bool {
    class.starts_with("Plan.")
        || [
            "Type",
            "UnknownTable",
            "UnknownVariable",
            "InvalidVariable",
            "IllegalFunctionUsage",
            "ArrayDimensionality",
        ]
        .contains(&class)
}

fn texts(node: Option<&Yaml<'_>>) -> Vec<String> {
    let items = node.and_then(Yaml::as_sequence).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Runs the statements of a script over the schema; gives the last plan.
fn run(schema: &mut Schema, script: &str) -> Result<Option<Plan>, AnalysisError> {
    let mut last = None;
    let mut namespace = "main".to_owned();
    for statement in parse_script(script).unwrap() {
        let own = statement.namespace.as_ref().map_or(namespace.clone(), ToString::to_string);
        match &statement.kind {
            StatementKind::Query(query) => {
                let context = Context {
                    catalog: &schema.catalog,
                    namespace: &own,
                    variables: &schema.variables,
                    deterministic: true,
                };
                last = Some(analyze_query(query, context)?);
            }
            StatementKind::SetNamespace(name) => namespace = name.to_string(),
            kind => schema.apply(&own, kind),
        }
    }
    Ok(last)
}

#[test]
fn every_case_is_analysed_as_expected() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/language-cases.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let fixtures = documents[0].as_mapping_get("fixtures").unwrap();
    let cases = documents[0].as_mapping_get("cases").and_then(Yaml::as_sequence).unwrap();
    let (mut refused, mut planned) = (0, 0);
    for case in cases {
        let field = |name: &str| case.as_mapping_get(name);
        let id = field("id").and_then(Yaml::as_str).unwrap();
        let kind = field("do").and_then(Yaml::as_str).unwrap();
        if !matches!(kind, "exec" | "query") {
            continue;
        }
        let mut schema = Schema::new(field("params"));
        let fixture = field("fixture").and_then(Yaml::as_str);
        let fixture = fixture.and_then(|name| fixtures.as_mapping_get(name));
        for statement in texts(fixture).into_iter().chain(texts(field("setup"))) {
            run(&mut schema, &statement)
                .unwrap_or_else(|error| panic!("{id}: {statement}\n{error}"));
        }
        let expected = field("expect").unwrap();
        let class = expected.as_mapping_get("error").and_then(Yaml::as_str).unwrap_or("");
        let sql = field("sql").and_then(Yaml::as_str).unwrap();
        let is_ddl = parse_script(sql).is_ok_and(|statements| {
            statements.iter().all(|statement| !matches!(statement.kind, StatementKind::Query(_)))
        });
        if class.starts_with("Parse.") || is_ddl {
            continue;
        }
        let namespace_is_missing = class == "NamespaceNotFound";
        match run(&mut schema, sql) {
            Err(error) => {
                assert_eq!(error.class.name(), class, "{id}: {sql}\n{error}");
                let text = expected.as_mapping_get("contains").and_then(Yaml::as_str).unwrap_or("");
                assert!(error.to_string().contains(text), "{id}: {error}");
                refused += 1;
            }
            Ok(plan) => {
                assert!(
                    !is_decided_here(class) && !namespace_is_missing,
                    "{id}: {sql}\nwanted {class}"
                );
                if let (Some(plan), "query") = (plan, kind) {
                    check_columns(id, expected, &plan, sql);
                    planned += 1;
                }
            }
        }
    }
    assert!(refused > 35 && planned > 100, "{refused} refused, {planned} planned");
}

fn check_columns(id: &str, expected: &Yaml<'_>, plan: &Plan, sql: &str) {
    if let Some(columns) = expected.as_mapping_get("columns") {
        let names: Vec<_> = plan.columns.iter().map(|column| column.name.to_string()).collect();
        assert_eq!(names, texts(Some(columns)), "{id}: {sql}");
    }
    if let Some(types) = expected.as_mapping_get("types") {
        let names: Vec<_> =
            plan.columns.iter().map(|column| column.data_type.to_string()).collect();
        assert_eq!(names, texts(Some(types)), "{id}: {sql}");
    }
}

const SCHEMA: &str = "
    CREATE TABLE t (id INT PRIMARY KEY, a INT, b TEXT, n NUMERIC(20,4), UNIQUE (a, b));
    CREATE TABLE u (id INT PRIMARY KEY, t_id INT, v TEXT[]);
    CREATE NAMESPACE other; {other} CREATE TABLE w (id INT PRIMARY KEY);
    CREATE ACTION act() PUBLIC {}";

pub(crate) fn schema() -> Schema {
    let mut schema = Schema::new(None);
    run(&mut schema, SCHEMA).unwrap();
    schema
}

pub(crate) fn plan(sql: &str) -> Result<Plan, AnalysisError> {
    let mut schema = schema();
    let record = BTreeMap::from([(Box::from("id"), schema::type_of("int8"))]);
    schema.variables.insert("$r".into(), VariableType::Record(record));
    schema.variables.insert("$i".into(), VariableType::Value(schema::type_of("int8")));
    run(&mut schema, sql).map(Option::unwrap)
}

#[track_caller]
fn refused(sql: &str, class: ErrorClass) {
    match plan(sql) {
        Ok(plan) => panic!("{sql}\nwas planned: {:?}", plan.columns),
        Err(error) => assert_eq!(error.class, class, "{sql}\n{error}"),
    }
}

#[test]
fn errors_have_section_class_and_place() {
    let sql = "SELECT id FROM t WHERE a = 'x'";
    let error = plan(sql).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query planner error: error in WHERE section of sql statement: =: int8 and text do not fit"
    );
    let place = error.place(sql);
    assert_eq!((place.start.column, place.end.column), (24, 30));
    let error = plan("SELECT nope FROM t").unwrap_err();
    assert_eq!(
        error.to_string(),
        "query planner error: error in RESULTS section of sql statement: column not found or cannot be referenced in \
         this part of the query: nope"
    );
}

#[test]
fn names_are_looked_for_from_the_inside_out() {
    assert!(
        plan("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t_id = t.id AND a = 1)").is_ok()
    );
    assert!(plan("SELECT x.id FROM t x JOIN u y ON y.t_id = x.id").is_ok());
    refused("SELECT id FROM t JOIN u ON t_id = t.id", ErrorClass::AmbiguousColumn);
    refused("SELECT t.id FROM t x", ErrorClass::ColumnNotFound);
    refused("SELECT s.id FROM t JOIN (SELECT t.id) s ON true", ErrorClass::ColumnNotFound);
    refused("SELECT 1 FROM t JOIN unnest(t.v) x ON true", ErrorClass::ColumnNotFound);
    refused("SELECT 1 FROM t JOIN t ON true", ErrorClass::PlanOther);
    refused("SELECT id FROM t LIMIT a", ErrorClass::ColumnNotFound);
}

#[test]
fn groups_are_asked_only_what_they_have() {
    for sql in [
        "SELECT a + 1, count(*) FROM t GROUP BY a",
        "SELECT lower(b) || 'x' FROM t GROUP BY lower(b) ORDER BY lower(b), max(a)",
        "SELECT a, (SELECT max(u.id) FROM u WHERE u.t_id = t.a) FROM t GROUP BY 1",
        "SELECT 1 FROM t GROUP BY a HAVING count(*) > 1",
        "SELECT a, sum(count(*)) OVER (ORDER BY a) FROM t GROUP BY a",
        "SELECT CASE WHEN a = 1 THEN max(b) ELSE 'x' END FROM t GROUP BY a",
    ] {
        plan(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }
    for sql in [
        "SELECT b, count(*) FROM t",
        "SELECT a FROM t GROUP BY a ORDER BY b",
        "SELECT a FROM t GROUP BY a HAVING b = 'x'",
        "SELECT a, (SELECT max(u.id) FROM u WHERE u.t_id = t.id) FROM t GROUP BY a",
        "SELECT lower(b) FROM t GROUP BY upper(b)",
        "SELECT sum(count(*)) FROM t",
        "SELECT a FROM t WHERE max(a) = 1",
        "SELECT a FROM t GROUP BY max(a)",
        "SELECT 1 FROM t JOIN u ON count(*) = 1",
        "UPDATE t SET a = max(a)",
    ] {
        refused(sql, ErrorClass::IllegalAggregate);
    }
}

#[test]
fn windows_stand_in_results_and_order_only() {
    assert!(
        plan("SELECT row_number() OVER w FROM t WINDOW w AS (ORDER BY a) ORDER BY lag(a) OVER w")
            .is_ok()
    );
    refused("SELECT a FROM t WHERE row_number() OVER () = 1", ErrorClass::IllegalWindow);
    refused("SELECT a FROM t GROUP BY row_number() OVER ()", ErrorClass::IllegalWindow);
    refused(
        "SELECT a FROM t GROUP BY a HAVING row_number() OVER () = 1",
        ErrorClass::IllegalWindow,
    );
    refused("SELECT abs(a) OVER () FROM t", ErrorClass::InvalidWindow);
    refused("SELECT row_number() FROM t", ErrorClass::InvalidWindow);
    refused("SELECT sum(a) OVER w FROM t", ErrorClass::WindowNotDefined);
    refused("SELECT a FROM t WINDOW w AS (), w AS ()", ErrorClass::WindowDefined);
}

#[test]
fn observable_order_is_completed_in_blocks() {
    let keys = |sql: &str| {
        let plan = plan(sql).unwrap();
        let kwil_lang::analyze::Body::Select(select) = plan.body else { panic!("{sql}") };
        let number = |key: &OrderKey| match key {
            OrderKey::Ordinal(number) => *number,
            OrderKey::Expr(_) => 0,
        };
        select.order_by.iter().map(|term| number(&term.key)).collect::<Vec<_>>()
    };
    assert_eq!(keys("SELECT a, b FROM t"), [1, 2]);
    assert_eq!(keys("SELECT a, b FROM t ORDER BY b DESC"), [2, 1]);
    assert_eq!(keys("SELECT a FROM t ORDER BY a + 1"), [0, 1]);
    assert_eq!(keys("SELECT a FROM t UNION SELECT id FROM u ORDER BY 1"), [1]);
    let plan =
        plan("SELECT s.a FROM (SELECT a, b FROM t LIMIT 2) s WHERE s.a IN (SELECT id FROM u)")
            .unwrap();
    let text = format!("{plan:?}");
    assert_eq!(text.matches("Ordinal(2)").count(), 1, "only the limited subquery has two terms");
}

#[test]
fn recursion_is_found_where_it_may_be() {
    assert!(plan("WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT n FROM r").is_ok());
    refused("WITH RECURSIVE r AS (SELECT n FROM r UNION SELECT 1) SELECT 1", ErrorClass::PlanOther);
    refused("WITH r AS (SELECT 1 UNION SELECT n FROM r) SELECT 1", ErrorClass::UnknownTable);
    refused(
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n FROM r LIMIT 1) SELECT 1",
        ErrorClass::PlanOther,
    );
    refused("WITH r (a, b) AS (SELECT 1) SELECT 1", ErrorClass::PlanOther);
}

#[test]
fn parameters_are_sent_once_and_records_give_fields() {
    let plan = plan("SELECT $i + $i, $r.id, @caller FROM t WHERE id = $i").unwrap();
    assert_eq!(plan.parameters.len(), 3);
    let names: Vec<_> = plan.columns.iter().map(|column| column.data_type.to_string()).collect();
    assert_eq!(names, ["int8", "int8", "text"]);
    refused("SELECT $r", ErrorClass::Type);
    refused("SELECT $r.nope", ErrorClass::Other);
    refused("SELECT $x.id", ErrorClass::UnknownVariable);
}

#[test]
fn privileges_follow_what_is_read_and_written() {
    let privileges = |sql: &str| {
        let plan = plan(sql).unwrap();
        let text =
            |(privilege, namespace): (Privilege, Box<str>)| format!("{privilege} {namespace}");
        plan.privileges.into_iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(privileges("SELECT 1 FROM t JOIN other.w ON true"), ["SELECT main", "SELECT other"]);
    assert_eq!(
        privileges("DELETE FROM t WHERE id IN (SELECT id FROM other.w)"),
        ["DELETE main", "SELECT other"]
    );
    assert_eq!(privileges("INSERT INTO t (id) SELECT id FROM u"), ["INSERT main"]);
}

#[test]
fn plans_name_the_tables_they_depend_on() {
    let tables = |sql: &str| {
        let plan = plan(sql).unwrap();
        let names = plan.tables.iter().map(|(namespace, table)| format!("{namespace}.{table}"));
        (names.collect::<Vec<_>>(), plan.is_write())
    };
    assert_eq!(
        tables(
            "UPDATE t SET a = (SELECT max(id) FROM u) FROM other.w WHERE t.id IN (SELECT id FROM u)"
        ),
        (vec!["main.t".to_owned(), "main.u".to_owned(), "other.w".to_owned()], true)
    );
    assert_eq!(tables("WITH u AS (SELECT 1 AS x) SELECT x FROM u"), (vec![], false));
}

#[test]
fn checks_are_about_the_columns_of_one_row() {
    let check = |condition: &str| {
        let schema = schema();
        let script = parse_script(&format!("SELECT 1 FROM t WHERE {condition}")).unwrap();
        let StatementKind::Query(query) = &script[0].kind else { panic!() };
        let kwil_lang::ast::QueryBody::Select(select) = &query.body else { panic!() };
        let context = Context {
            catalog: &schema.catalog,
            namespace: "main",
            variables: &schema.variables,
            deterministic: true,
        };
        let table = &schema.catalog.namespaces["main"].tables["t"];
        analyze_check(select.first.filter.as_ref().unwrap(), "t", table, context)
            .map(|typed| typed.columns().join(" "))
            .map_err(|error| error.class)
    };
    assert_eq!(check("b != 'x' OR (a BETWEEN id AND t.a)").as_deref(), Ok("a b id"));
    assert_eq!(check("a = $i"), Err(ErrorClass::UnknownVariable));
    assert_eq!(check("b = @caller"), Err(ErrorClass::InvalidVariable));
    assert_eq!(check("EXISTS (SELECT 1)"), Err(ErrorClass::PlanOther));
    assert_eq!(check("1 + (a + abs((SELECT 1))) = 2"), Err(ErrorClass::PlanOther));
    assert_eq!(check("count(*) = 2"), Err(ErrorClass::IllegalAggregate));
    assert_eq!(check("u.id = 2"), Err(ErrorClass::ColumnNotFound));
}

#[test]
fn deep_expressions_fit_on_a_small_stack() {
    let run = || {
        let chain = format!("SELECT a{} FROM t", " + 1".repeat(1_000));
        assert!(plan(&chain).is_ok());
        let nested = format!("SELECT {}1{}", "(SELECT ".repeat(200), ")".repeat(200));
        assert!(plan(&nested).is_ok());
        let calls = format!("SELECT {}1{}", "abs(".repeat(250), ")".repeat(250));
        assert!(plan(&calls).is_ok());
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn what_would_choke_the_planner_is_refused() {
    let compound =
        |times: usize| format!("SELECT id FROM t{}", " UNION ALL SELECT id FROM u".repeat(times));
    assert!(plan(&compound(1_023)).is_ok());
    refused(&compound(1_024), ErrorClass::PlanOther);
    let joins = |times: usize| {
        let join = |number| format!(" LEFT JOIN u AS u{number} ON u{number}.id = t.id");
        format!("SELECT t.id FROM t{}", (0..times).map(join).collect::<String>())
    };
    assert!(plan(&joins(63)).is_ok());
    refused(&joins(64), ErrorClass::PlanOther);
}

#[test]
fn actions_are_checked_when_they_are_created() {
    let check = |source: &str| check_action(&parse_action(source).unwrap());
    let signature = check(
        "CREATE ACTION a($x NUMERIC(6,2) DEFAULT 1.555, $y INT DEFAULT null) private VIEW {}",
    )
    .unwrap();
    assert!(signature.view && !signature.owner);
    assert_eq!(
        signature.parameters[0]
            .default
            .as_ref()
            .map(|value| value.data_type().to_string())
            .as_deref(),
        Some("numeric(6,2)")
    );
    for (source, class, text) in [
        (
            "CREATE ACTION a() VIEW {}",
            ErrorClass::Other,
            "access modifier is required. received: \"VIEW\"",
        ),
        (
            "CREATE ACTION a() PUBLIC SYSTEM {}",
            ErrorClass::Other,
            "only one of PUBLIC, PRIVATE, or SYSTEM is allowed",
        ),
        ("CREATE ACTION a() PUBLIC pure {}", ErrorClass::Other, "unknown modifier pure"),
        ("CREATE ACTION a($x INT DEFAULT 'a') PUBLIC {}", ErrorClass::Type, "type error"),
        (
            "CREATE ACTION a() PUBLIC { IF true { BREAK; } }",
            ErrorClass::Loop,
            "loop error: BREAK outside a loop",
        ),
        (
            "CREATE ACTION a() PUBLIC { FOR $i IN 1..2 { } CONTINUE; }",
            ErrorClass::Loop,
            "CONTINUE outside",
        ),
    ] {
        let error = check(source).unwrap_err();
        assert_eq!(error.class, class, "{source}");
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(check("CREATE ACTION a() PUBLIC { FOR $i IN 1..2 { IF true { BREAK; } } }").is_ok());
}

#[test]
fn types_that_do_not_fit_are_refused() {
    let _: DataType = schema::type_of("int8");
    for sql in [
        "SELECT 1 = '1'",
        "SELECT 1 + 1.0",
        "SELECT NOT 1",
        "SELECT -'a'",
        "SELECT 1 IN ('a')",
        "SELECT 1 BETWEEN 1 AND 'a'",
        "SELECT 'a' LIKE 1",
        "SELECT 1 IS TRUE",
        "SELECT CASE WHEN 1 THEN 1 END",
        "SELECT (1)[1]",
        "SELECT ARRAY[1]['a']",
        "SELECT id FROM t WHERE a",
        "UPDATE t SET a = 'x'",
        "INSERT INTO t (id) VALUES ('x')",
        "SELECT id FROM t OFFSET 'a'",
    ] {
        refused(sql, ErrorClass::PlanType);
    }
    refused("SELECT DISTINCT a FROM t ORDER BY id", ErrorClass::PlanOther);
    refused("SELECT (SELECT max(t.a) FROM u) FROM t", ErrorClass::IllegalAggregate);
    refused("SELECT array_agg(a) OVER (ORDER BY b) FROM t", ErrorClass::InvalidWindow);
    refused(
        "UPDATE t SET a = 1 FROM u JOIN other.w ON w.id = t.id WHERE u.id = 1",
        ErrorClass::ColumnNotFound,
    );
    refused("SELECT act()", ErrorClass::ActionInSql);
    refused("SELECT nope()", ErrorClass::FunctionNotFound);
    refused("SELECT unnest(ARRAY[1])", ErrorClass::FunctionNotFound);
    refused("SELECT 1 UNION SELECT 1, 2", ErrorClass::SetShape);
    refused("SELECT (SELECT 1, 2)", ErrorClass::PlanOther);
}
