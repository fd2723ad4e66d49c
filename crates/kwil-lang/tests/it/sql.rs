//! Plans as SQL of PostgreSQL.

use kwil_lang::{quote_ident, write_sql};

use crate::analyze::plan;

#[track_caller]
fn writes(source: &str, sql: &str) {
    let plan = plan(source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    assert_eq!(write_sql(&plan, "sys"), sql);
}

#[test]
fn names_are_quoted_and_values_typed() {
    writes(
        "SELECT x.a AS user, 'it''s', -5, 1.50, 0x0F, $i FROM t AS x WHERE b LIKE 'a%' AND NOT a IN (1, 2)",
        "SELECT \"x\".\"a\" AS \"user\", 'it''s' AS \"?column?\", (-5)::INT8 AS \"?column?\", (1.50)::NUMERIC(3,2) AS \
         \"?column?\", '\\x0f'::BYTEA AS \"?column?\", $1::INT8 AS \"?column?\" FROM \"main\".\"t\" AS \"x\" WHERE \
         ((\"x\".\"b\" LIKE 'a%') AND (NOT (\"x\".\"a\" IN (1::INT8, 2::INT8)))) ORDER BY 1, 2, 3, 4, 5, 6",
    );
    assert_eq!(quote_ident("a\"; DROP"), "\"a\"\"; DROP\"");
}

#[test]
fn windows_of_unordered_functions_get_a_total_order() {
    writes(
        "SELECT row_number() OVER w AS r, sum(a) OVER w AS s FROM u JOIN t ON t.id = u.t_id WINDOW w AS (PARTITION BY a)",
        "SELECT row_number() OVER (PARTITION BY \"t\".\"a\" ORDER BY \"u\".\"id\", \"u\".\"t_id\", \"u\".\"v\", \
         \"t\".\"id\", \"t\".\"a\", \"t\".\"b\", \"t\".\"n\") AS \"r\", sum(\"t\".\"a\") OVER (PARTITION BY \
         \"t\".\"a\") AS \"s\" FROM \"main\".\"u\" AS \"u\" JOIN \"main\".\"t\" AS \"t\" ON (\"t\".\"id\" = \
         \"u\".\"t_id\") ORDER BY 1, 2",
    );
}

#[test]
fn functions_follow_their_forms() {
    writes(
        "SELECT count(DISTINCT a), string_agg(b, ','), overlay(max(b), 'x', 2), array_length(array_agg(a)), count() FROM t",
        "SELECT count(DISTINCT \"t\".\"a\") AS \"count\", string_agg(\"t\".\"b\", ',' ORDER BY \"t\".\"b\") AS \
         \"string_agg\", overlay(max(\"t\".\"b\") placing 'x' from (2::INT8)::INT4) AS \"overlay\", \
         array_length(array_agg(\"t\".\"a\" ORDER BY \"t\".\"a\"), 1)::INT8 AS \"array_length\", count(*) AS \"count\" \
         FROM \"main\".\"t\" AS \"t\" ORDER BY 1, 2, 3, 4, 5",
    );
    writes(
        "SELECT uuid_generate_kwil('x'), error('no')::INT, 'A' COLLATE nocase",
        "SELECT \"sys\".uuid_generate_v5('a247cac1-d817-4949-bac7-dc4b1dc41d09'::uuid, 'x') AS \"uuid_generate_kwil\", \
         (\"sys\".error('no'))::INT8 AS \"error\", ('A' COLLATE \"sys\".\"nocase\") AS \"?column?\" ORDER BY 1, 2, 3",
    );
}

#[test]
fn statements_that_change_rows_name_their_table_and_alias() {
    writes(
        "INSERT INTO t AS x (a, id, b) VALUES (1, 2, NULL) ON CONFLICT (b, a) DO UPDATE SET n = x.n, a = excluded.a WHERE \
         x.id > 1",
        "INSERT INTO \"main\".\"t\" AS \"x\" (\"a\", \"id\", \"b\") VALUES (1::INT8, 2::INT8, NULL) ON CONFLICT (\"b\", \
         \"a\") DO UPDATE SET \"n\" = \"x\".\"n\", \"a\" = \"excluded\".\"a\" WHERE (\"x\".\"id\" > 1::INT8)",
    );
    writes(
        "WITH w (k) AS (SELECT id FROM u LIMIT 1) UPDATE t SET a = s.p FROM unnest(ARRAY[1]) WITH ORDINALITY AS s(p, q) \
         WHERE t.id = s.q AND t.id IN (SELECT k FROM w)",
        "WITH \"w\" (\"k\") AS (SELECT \"u\".\"id\" AS \"id\" FROM \"main\".\"u\" AS \"u\" ORDER BY 1 LIMIT 1::INT8) \
         UPDATE \"main\".\"t\" AS \"t\" SET \"a\" = \"s\".\"p\" FROM unnest(ARRAY[1::INT8]) WITH ORDINALITY AS \
         \"s\"(\"p\", \"q\") WHERE ((\"t\".\"id\" = \"s\".\"q\") AND (\"t\".\"id\" IN (SELECT \"w\".\"k\" AS \"k\" FROM \
         \"w\" AS \"w\")))",
    );
}

#[test]
fn relations_inside_do_not_hide_those_outside() {
    writes(
        "SELECT b FROM t WHERE EXISTS (SELECT 1 FROM u AS t WHERE t_id = a AND t.id = 1)",
        "SELECT \"t\".\"b\" AS \"b\" FROM \"main\".\"t\" AS \"t\" WHERE EXISTS (SELECT 1::INT8 AS \"?column?\" FROM \
         \"main\".\"u\" AS \"_1\" WHERE ((\"_1\".\"t_id\" = \"t\".\"a\") AND (\"_1\".\"id\" = 1::INT8))) ORDER BY 1",
    );
}

#[test]
fn deep_plans_are_written_on_a_small_stack() {
    let run = || {
        let chain = format!("SELECT a{} FROM t", " + 1".repeat(1_000));
        assert!(write_sql(&plan(&chain).unwrap(), "sys").len() > 10_000);
        let nested = format!("SELECT {}1{}", "(SELECT ".repeat(200), ")".repeat(200));
        assert!(write_sql(&plan(&nested).unwrap(), "sys").len() > 4_000);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}
