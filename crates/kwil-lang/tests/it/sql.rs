//! Plans as SQL of PostgreSQL.

use kwil_lang::{quote_ident, write_insert_of_rows, write_sql};

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
        "SELECT \"x\".\"a\" AS \"user\", ('it''s' COLLATE \"C\") AS \"?column?\", (-5)::INT8 AS \"?column?\", (1.50)::NUMERIC(3,2) AS \
         \"?column?\", '\\x0f'::BYTEA AS \"?column?\", $1::INT8 AS \"?column?\" FROM \"main\".\"t\" AS \"x\" WHERE \
         ((\"x\".\"b\" LIKE 'a%') AND (NOT (\"x\".\"a\" IN (1::INT8, 2::INT8)))) ORDER BY 1, 2, 3, 4, 5, 6",
    );
    assert_eq!(quote_ident("a\"; DROP"), "\"a\"\"; DROP\"");
}

#[test]
fn an_insert_of_one_row_becomes_one_of_many() {
    let of_rows = |source: &str| write_insert_of_rows(&plan(source).unwrap(), "sys");
    assert_eq!(
        of_rows("INSERT INTO t AS x (a, id, b) VALUES ($i + 1, 2, upper($r.id::TEXT))").unwrap(),
        "INSERT INTO \"main\".\"t\" AS \"x\" (\"a\", \"id\", \"b\") SELECT (_rows.p1::INT8 + 1::INT8), 2::INT8, \
         \"sys\".upper((_rows.p2::INT8)::TEXT) FROM unnest($1::INT8[], $2::INT8[]) AS _rows(p1, p2)"
    );
    for source in [
        "INSERT INTO t (id, a) VALUES ($i, 1), (2, 3)",
        "INSERT INTO t (id, a) VALUES (1, 2)",
        "INSERT INTO t (id, a) SELECT $i, 1",
        "INSERT INTO t (id, a) VALUES ($i, (SELECT max(a) FROM t))",
        "INSERT INTO t (id, a) VALUES ($i, CASE WHEN 1 IN (SELECT id FROM t) THEN 1 ELSE 2 END)",
        "INSERT INTO t (id, a) VALUES ($i, 1) ON CONFLICT DO NOTHING",
        "WITH w AS (SELECT 1 AS k) INSERT INTO t (id, a) VALUES ($i, 1)",
        "UPDATE t SET a = $i",
    ] {
        assert_eq!(of_rows(source), None, "{source}");
    }
}

#[test]
fn windows_of_unordered_functions_get_a_total_order() {
    writes(
        "SELECT row_number() OVER w AS r, sum(a) OVER w AS s FROM u JOIN t ON t.id = u.t_id WINDOW w AS (PARTITION BY a)",
        "SELECT pg_catalog.row_number() OVER (PARTITION BY \"t\".\"a\" ORDER BY \"u\".\"id\", \"u\".\"t_id\", \"u\".\"v\", \
         \"t\".\"id\", \"t\".\"a\", \"t\".\"b\", \"t\".\"n\") AS \"r\", pg_catalog.sum(\"t\".\"a\") OVER (PARTITION BY \
         \"t\".\"a\") AS \"s\" FROM \"main\".\"u\" AS \"u\" JOIN \"main\".\"t\" AS \"t\" ON (\"t\".\"id\" = \
         \"u\".\"t_id\") ORDER BY 1, 2",
    );
}

#[test]
fn functions_follow_their_forms() {
    writes(
        "SELECT count(DISTINCT a), string_agg(b, ','), overlay(max(b), 'x', 2), array_length(array_agg(a)), count() FROM t",
        "SELECT pg_catalog.count(DISTINCT \"t\".\"a\") AS \"count\", \"sys\".bounded(pg_catalog.string_agg(\"t\".\"b\", \
         ','::TEXT ORDER BY \"t\".\"b\")) AS \"string_agg\", overlay(pg_catalog.max(\"t\".\"b\") placing 'x' from (2::INT8)::INT4) AS \
         \"overlay\", pg_catalog.array_length(\"sys\".bounded(pg_catalog.array_agg(\"t\".\"a\" ORDER BY \"t\".\"a\")), \
         1)::INT8 AS \"array_length\", pg_catalog.count(*) AS \"count\" FROM \"main\".\"t\" AS \"t\"",
    );
    writes(
        "SELECT uuid_generate_kwil('x'), error('no')::INT, 'A' COLLATE nocase",
        "SELECT \"sys\".uuid_generate_v5('a247cac1-d817-4949-bac7-dc4b1dc41d09'::uuid, 'x') AS \"uuid_generate_kwil\", \
         \"sys\".to_int8(\"sys\".error('no')) AS \"error\", 'A' AS \"?column?\"",
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

fn sql(source: &str) -> String {
    let plan = plan(source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    write_sql(&plan, "sys").replace('"', "")
}

/// The statement must have every one of these pieces.
#[track_caller]
fn has(source: &str, pieces: &[&str]) {
    let sql = sql(source);
    for piece in pieces {
        assert!(sql.contains(piece), "{source}\n{sql}\nlacks {piece}");
    }
}

#[track_caller]
fn lacks(source: &str, pieces: &[&str]) {
    let sql = sql(source);
    for piece in pieces {
        assert!(!sql.contains(piece), "{source}\n{sql}\nhas {piece}");
    }
}

#[test]
fn text_is_ordered_byte_by_byte_on_every_server() {
    lacks(
        "SELECT id FROM t WHERE b > 'x' AND b = 'y' AND b BETWEEN 'a' AND 'b' ORDER BY b",
        &["COLLATE"],
    );
    has("SELECT id FROM t WHERE 'a' < b || 'x'", &["('a' COLLATE C) < (t.b || 'x')"]);
    has(
        "SELECT id FROM t WHERE b || 'x' BETWEEN 'a' AND 'b'",
        &["((t.b || 'x') COLLATE C) BETWEEN"],
    );
    has("SELECT max(a::text) FROM t", &["pg_catalog.max(((t.a)::TEXT COLLATE C))"]);
    has("SELECT id FROM t ORDER BY a::text DESC", &["ORDER BY ((t.a)::TEXT COLLATE C) DESC, 1"]);
    has(
        "SELECT array_agg(a::text) FROM t",
        &["array_agg((t.a)::TEXT ORDER BY ((t.a)::TEXT COLLATE C))"],
    );
    has(
        "SELECT s.x FROM (SELECT 'a' AS x) s WHERE s.x < 'b'",
        &["('a' COLLATE C) AS x", "(s.x < 'b')"],
    );
    has("SELECT 'a' UNION SELECT b FROM t", &["SELECT ('a' COLLATE C) AS"]);
    has("SELECT x.v FROM unnest(ARRAY['a']) AS x(v)", &["unnest((ARRAY['a'] COLLATE C))"]);
    // Whether two texts are equal does not depend on the collation.
    lacks("SELECT count(*) FROM t WHERE 'a' = lower('A') AND 'x' IN ('y', 'z')", &["COLLATE"]);
}

#[test]
fn case_is_mapped_by_our_own_table() {
    has("SELECT id FROM t WHERE lower(b) = upper('x')", &["(sys.lower(t.b) = sys.upper('x'))"]);
    has("SELECT id FROM t WHERE b ILIKE 'A%'", &["(sys.lower(t.b) LIKE sys.lower('A%'))"]);
    has("SELECT id FROM t WHERE b NOT ILIKE 'A%'", &["(sys.lower(t.b) NOT LIKE sys.lower('A%'))"]);
}

#[test]
fn nocase_compares_lower_case() {
    has("SELECT id FROM t WHERE b COLLATE nocase = 'A'", &["(sys.lower(t.b) = sys.lower('A'))"]);
    has(
        "SELECT id FROM t WHERE 'A' < b COLLATE nocase",
        &["((sys.lower('A') COLLATE C) < sys.lower(t.b))"],
    );
    has(
        "SELECT id FROM t WHERE b COLLATE nocase LIKE 'A'",
        &["sys.lower(t.b) LIKE sys.lower('A')"],
    );
    has(
        "SELECT id FROM t WHERE b COLLATE nocase IN ('A', b)",
        &["sys.lower(t.b) IN (sys.lower('A'), sys.lower(t.b))"],
    );
    has(
        "SELECT b COLLATE nocase AS n FROM t ORDER BY n",
        &["SELECT t.b AS n", "ORDER BY (sys.lower(t.b) COLLATE C), 1"],
    );
    has(
        "SELECT DISTINCT b COLLATE nocase AS n FROM t",
        &["SELECT DISTINCT (sys.lower(t.b) COLLATE C) AS n"],
    );
    has(
        "SELECT b COLLATE nocase AS n, count(*) FROM t GROUP BY b COLLATE nocase",
        &["GROUP BY sys.lower(t.b)", "SELECT (sys.lower(t.b) COLLATE C) AS n"],
    );
    has(
        "SELECT id FROM t WHERE b COLLATE nocase IN (SELECT b FROM t)",
        &["IN (SELECT sys.lower(_q.c) FROM ("],
    );
    lacks("SELECT length(b COLLATE nocase) FROM t", &["lower"]);
}

#[test]
fn quotients_are_rounded_before_they_count() {
    has(
        "SELECT n / 3::numeric(20,4) AS q FROM t",
        &["pg_catalog.round((t.n / (3::INT8)::NUMERIC(20,4)), 4) AS q"],
    );
    has("SELECT id FROM t WHERE n / n > n", &["(pg_catalog.round((t.n / t.n), 4) > t.n)"]);
    has(
        "SELECT avg(n) FROM t GROUP BY a HAVING avg(n) > max(n)",
        &["round(pg_catalog.avg(t.n), 4) > "],
    );
    has("SELECT (n / n)::text FROM t", &["(pg_catalog.round((t.n / t.n), 4))::TEXT"]);
    has(
        "SELECT n / n + n AS x FROM t GROUP BY n / n, n",
        &[
            "(pg_catalog.round((t.n / t.n), 4) + t.n)",
            "GROUP BY pg_catalog.round((t.n / t.n), 4), t.n",
        ],
    );
    // Rounded once, at the end; products have all their digits anyway.
    has("SELECT n / n / n AS x FROM t", &["pg_catalog.round(((t.n / t.n) / t.n), 4) AS x"]);
    lacks("SELECT n * n + n AS x, sum(n), a / 2 FROM t GROUP BY n, a", &["round"]);
    has("SELECT DISTINCT n * n FROM t", &["DISTINCT pg_catalog.round((t.n * t.n), 4)"]);
}

#[test]
fn servers_of_all_versions_read_the_same_numbers() {
    has(
        "SELECT b::int8, b::numeric(5,1) FROM t",
        &["sys.to_int8(t.b) AS b", "sys.to_numeric(t.b)::NUMERIC(5,1) AS b"],
    );
    has("SELECT '12'::int8, '1.5'::numeric(5,1)", &["('12')::INT8", "('1.5')::NUMERIC(5,1)"]);
    has(
        "SELECT 'NaN'::numeric(5,1), '0x1'::int8",
        &["sys.to_numeric('NaN')", "sys.to_int8('0x1')"],
    );
    has(
        "SELECT b::int8[], v::int8[] FROM t JOIN u ON true",
        &["sys.to_int8(sys.to_array(t.b))", "sys.to_int8(u.v)"],
    );
    has("SELECT b::smallint FROM t", &["sys.to_int8(t.b)::INT4"]);
}

#[test]
fn sizes_that_a_count_asks_for_are_bounded() {
    has(
        "SELECT lpad(b, a), rpad(b, 5, 'x') FROM t",
        &[
            "pg_catalog.lpad(t.b, sys.pad_length(t.a))",
            "pg_catalog.rpad(t.b, (5::INT8)::INT4, 'x')",
        ],
    );
    has("SELECT lpad('x', 200000000)", &["sys.pad_length(200000000::INT8)"]);
    has("SELECT format('%s %5s %%', a, b) FROM t", &["pg_catalog.format('%s %5s %%', t.a, t.b)"]);
    has(
        "SELECT format('%*s', 3, a = 1) FROM t",
        &[
            "sys.format('%*s', ARRAY[(3::INT8)::TEXT, pg_catalog.left(((t.a = 1::INT8))::TEXT, 1)]::TEXT[])",
        ],
    );
    has(
        "SELECT format('%99999999s', a), format(b) FROM t",
        &["sys.format('%99999999s', ", "sys.format(t.b, ARRAY[]::TEXT[])"],
    );
}

#[test]
fn collected_rows_have_a_total_order() {
    has("SELECT array_agg(b ORDER BY a DESC) FROM t", &["ORDER BY t.a DESC, t.b)"]);
    has("SELECT string_agg(b, b ORDER BY b) FROM t", &["ORDER BY t.b)"]);
    has(
        "SELECT array_agg(a) OVER (PARTITION BY b) FROM t",
        &[
            "OVER (PARTITION BY t.b ORDER BY t.id, t.a, t.b, t.n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
        ],
    );
    has("SELECT DISTINCT b FROM t ORDER BY b DESC", &["ORDER BY 1 DESC"]);
    has(
        "INSERT INTO u (id) SELECT a FROM t ON CONFLICT DO NOTHING",
        &["FROM main.t AS t ORDER BY 1 ON CONFLICT"],
    );
    lacks("INSERT INTO u (id) SELECT a FROM t", &["ORDER BY"]);
    lacks("SELECT count(*), max(a) FROM t", &["ORDER BY"]);
    lacks("SELECT $i + 1", &["ORDER BY"]);
}

#[test]
fn updates_take_the_smallest_of_several_rows() {
    let picked = "UPDATE t SET a = u.id, b = NULL FROM u WHERE u.t_id = t.id";
    has(
        picked,
        &[
            "UPDATE main.t AS t SET a = _q.v0, b = _q.v1 FROM (SELECT DISTINCT ON (t.id) t.id AS k0, u.id AS v0, ((NULL)::TEXT COLLATE C) AS v1 ",
            "FROM main.t AS t CROSS JOIN main.u AS u WHERE (u.t_id = t.id) ORDER BY 1, 2, 3) AS _q WHERE t.id = _q.k0",
        ],
    );
    for one_row in [
        "UPDATE t SET a = u.id FROM u WHERE u.id = t.a AND u.t_id > 1",
        "UPDATE t SET a = u.id FROM u JOIN other.w ON w.id = u.t_id WHERE t.a = u.id",
        "UPDATE t SET a = u.id FROM u LEFT JOIN other.w ON w.id = u.t_id WHERE t.a = u.id",
        "UPDATE t SET a = s.n FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) s WHERE s.t_id = t.id",
        "UPDATE u SET t_id = t.id FROM t WHERE t.b = 'x' AND t.a = u.id",
        "UPDATE t SET a = x.v FROM unnest(ARRAY[1]) WITH ORDINALITY AS x(v, o) WHERE x.o = t.id",
    ] {
        lacks(one_row, &["DISTINCT ON"]);
    }
    for several in [
        "UPDATE t SET a = u.id FROM u WHERE u.id > t.a",
        "UPDATE t SET a = u.id FROM u LEFT JOIN other.w ON w.id = 1 AND u.id = 2 WHERE u.t_id = t.a",
        "UPDATE t SET a = u.id FROM u FULL JOIN other.w ON w.id = u.id WHERE t.a = u.id",
        "UPDATE t SET a = u.id FROM u WHERE t.a = u.id OR t.a = 1",
        "UPDATE u SET t_id = t.id FROM t WHERE t.a = u.id",
        "UPDATE t SET a = x.v FROM unnest(ARRAY[1]) AS x(v) WHERE x.v = t.id",
    ] {
        has(several, &["DISTINCT ON"]);
    }
}

#[test]
fn what_may_fail_is_computed_for_the_same_rows_everywhere() {
    // One value for all rows: before any row.
    has(
        "DELETE FROM t WHERE b = 'x' AND a < $i - 1",
        &[
            "WHERE (CASE WHEN (($1::INT8 - 1::INT8)) IS NULL THEN TRUE ELSE TRUE END) AND (t.b = 'x') AND (t.a < ($1::INT8 - 1::INT8))",
        ],
    );
    // Other values: for the rows that all else leaves.
    has(
        "DELETE FROM t WHERE 10 / a > 1 AND b = 'x'",
        &[
            "WHERE (t.b = 'x') AND (CASE WHEN TRUE AND (t.b = 'x') THEN (((10::INT8 / t.a) > 1::INT8)) ELSE FALSE END)",
        ],
    );
    has(
        "SELECT t.id FROM t JOIN u ON u.id = t.id AND 10 / t.a > 1 WHERE b = 'x'",
        &[
            "ON (u.id = t.id) WHERE (t.b = 'x') AND (CASE WHEN TRUE AND (u.id = t.id) AND (t.b = 'x') AND \
         (((t.*) IS NULL) IS NOT NULL) AND (((u.*) IS NULL) IS NOT NULL) THEN (((10::INT8 / t.a) > 1::INT8)) ELSE FALSE END)",
        ],
    );
    has(
        "SELECT t.id FROM t LEFT JOIN u ON u.id = t.id AND 10 / u.t_id > 1",
        &[
            "ON (u.id = t.id) AND (CASE WHEN TRUE AND (u.id = t.id) AND (((t.*) IS NULL) IS NOT NULL) AND ",
        ],
    );
    // A guard that asks a query is asked once.
    has(
        "DELETE FROM t WHERE 10 / a > 1 AND EXISTS (SELECT 1 FROM u)",
        &["WHERE (CASE WHEN TRUE AND EXISTS (SELECT"],
    );
}

#[test]
fn a_relation_that_may_fail_is_not_mixed_with_the_conditions_of_its_readers() {
    has(
        "SELECT s.x FROM (SELECT 10 / a AS x FROM t) s WHERE s.x > 1",
        &[
            "WITH _w0_s AS MATERIALIZED (SELECT (10::INT8 / t.a) AS x FROM main.t AS t) SELECT s.x AS x FROM _w0_s AS s WHERE \
         ((SELECT pg_catalog.count(*) FROM _w0_s) IS NOT NULL) AND (s.x > 1::INT8)",
        ],
    );
    has(
        "WITH w AS (SELECT 10 / a AS x FROM t) SELECT w.x FROM w JOIN u ON u.id = w.x",
        &[
            "AS MATERIALIZED (SELECT",
            "WHERE ((SELECT pg_catalog.count(*) FROM w) IS NOT NULL) ORDER BY",
        ],
    );
    has(
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM (SELECT 10 / t.a AS x FROM u) s)",
        &["AS u OFFSET 0) AS s"],
    );
    lacks(
        "WITH RECURSIVE w (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM w WHERE x < 9) SELECT x FROM w",
        &["count"],
    );
    has(
        "WITH RECURSIVE w (x) AS (SELECT 1 UNION ALL SELECT s.y FROM (SELECT x + 1 AS y FROM w) s) SELECT x FROM w LIMIT 3",
        &["FROM w AS w OFFSET 0) AS s"],
    );
    // What a program guards itself stays where it is.
    has(
        "DELETE FROM t WHERE b = 'x' AND CASE WHEN a = 0 THEN false ELSE 10 / a > 1 END",
        &["THEN (CASE WHEN (t.a = 0"],
    );
    // Nothing to do for what cannot fail.
    for plain in [
        "DELETE FROM t WHERE a = $i AND b LIKE 'x%' AND n > 1::numeric(20,4)",
        "DELETE FROM t WHERE 10 / a > 1",
        "SELECT a / 2, a + 1 FROM t WHERE b = 'x'",
    ] {
        lacks(plain, &["CASE", "OFFSET"]);
    }
}

#[test]
fn reads_compute_the_same_values_without_fences() {
    let schema = crate::analyze::schema();
    let read = |source: &str| {
        let script = kwil_lang::parse_script(source).unwrap();
        let kwil_lang::ast::StatementKind::Query(query) = &script[0].kind else { panic!() };
        let context = kwil_lang::analyze::Context {
            catalog: &schema.catalog,
            namespace: "main",
            variables: &schema.variables,
            deterministic: false,
        };
        write_sql(&kwil_lang::analyze::analyze_query(query, context).unwrap(), "sys")
            .replace('"', "")
    };
    assert_eq!(
        read("SELECT lower(b), n / n FROM t WHERE 10 / a > 1 AND b ILIKE 'x' ORDER BY a::text"),
        "SELECT (sys.lower(t.b) COLLATE C) AS lower, pg_catalog.round((t.n / t.n), 4) AS ?column? FROM main.t AS t WHERE \
         (((10::INT8 / t.a) > 1::INT8) AND (sys.lower(t.b) LIKE sys.lower('x'))) ORDER BY ((t.a)::TEXT COLLATE C)"
    );
}
