//! The programs, by what is wrong with them.

use kwil_lang::ErrorClass as C;

use super::{Bad, Class, Run};

/// What the programs find.
pub(super) const SETUP: &str = "
CREATE TABLE acct (id INT PRIMARY KEY, name TEXT NOT NULL, tag TEXT UNIQUE, bal NUMERIC(10,2), CHECK (id > 0));
CREATE TABLE mv (id INT PRIMARY KEY, acct_id INT REFERENCES acct(id), amt INT);
INSERT INTO acct VALUES (1, 'ann', 'x', 10.50::numeric(10,2)), (2, 'bob', 'y', null);
INSERT INTO mv VALUES (1, 1, 100), (2, 2, 200);
CREATE ROLE clerk;
CREATE NAMESPACE shop;
{shop} CREATE ACTION hidden() PRIVATE VIEW {};
USE math AS m;
CREATE ACTION total($x INT, $y INT DEFAULT 5) PUBLIC VIEW RETURNS (INT) { RETURN $x + $y; };
CREATE ACTION many() PUBLIC VIEW RETURNS TABLE (a INT) { RETURN NEXT 1; RETURN NEXT 2; };
CREATE ACTION put($id INT, $name TEXT) PUBLIC { INSERT INTO acct (id, name) VALUES ($id, $name); };
CREATE ACTION down($n INT) PUBLIC VIEW RETURNS (INT) { RETURN 1 + down($n + 1); };
CREATE ACTION hidden() PRIVATE VIEW {};
CREATE ACTION system_only() SYSTEM VIEW {};
CREATE ACTION owner_only() OWNER PUBLIC VIEW {};
";

const fn sql(source: &'static str, class: C, says: &'static str) -> Bad {
    Bad { run: Run::Sql(source), class: Class::Lang(class), says, place: "", guest: false }
}

/// A fault of the text, with its place as the message tells it.
const fn text(source: &'static str, class: C, says: &'static str, place: &'static str) -> Bad {
    Bad { run: Run::Sql(source), class: Class::Lang(class), says, place, guest: false }
}

const fn pg(source: &'static str, sqlstate: &'static str, says: &'static str) -> Bad {
    Bad { run: Run::Sql(source), class: Class::Pg(sqlstate), says, place: "", guest: false }
}

/// The body of an action that returns an integer; what it writes first must go with it.
const fn body(source: &'static str, class: C, says: &'static str) -> Bad {
    Bad { run: Run::Body(source), class: Class::Lang(class), says, place: "", guest: false }
}

const fn call(
    action: &'static str,
    arguments: &'static [&'static str],
    class: C,
    says: &'static str,
) -> Bad {
    let run = Run::Call(action, arguments);
    Bad { run, class: Class::Lang(class), says, place: "", guest: false }
}

/// By somebody who owns nothing and has no role.
const fn guest(bad: Bad) -> Bad {
    Bad { guest: true, ..bad }
}

/// Every kind of fault, and programs that have it.
pub(super) const AREAS: &[(&str, &[Bad])] = &[
    ("syntax", SYNTAX),
    ("definitions", DEFINITIONS),
    ("names", NAMES),
    ("types", TYPES),
    ("queries", QUERIES),
    ("arity", ARITY),
    ("values", VALUES),
    ("limits", LIMITS),
    ("privileges", PRIVILEGES),
    ("system", SYSTEM),
    ("injection", INJECTION),
    ("functions", FUNCTIONS),
    ("server", SERVER),
];

const SYNTAX: &[Bad] = &[
    text("SELEC 1", C::Syntax, "unexpected \"SELEC\"", "start 1:1 end 1:5"),
    text(
        "INSERT INTO acct VALUES (9, 'n', null, null);\nSELECT FROM",
        C::Syntax,
        "unexpected FROM, expected",
        "start 2:8 end 2:11",
    ),
    text("SELECT 'a", C::Syntax, "without its closing quote", "start 1:8"),
    text("SELECT 9223372036854775808", C::Syntax, "integer exceeds max int8", "start 1:8"),
    text("", C::Syntax, "expected a statement", "location 1:1"),
    text("SELECT 1;\n FROM; DROP 3", C::Syntax, "detected multiple parse errors", "start 2:2"),
];

const DEFINITIONS: &[Bad] = &[
    text(
        "CREATE TABLE t (id INT PRIMARY KEY, v FLOAT8)",
        C::ParseType,
        "unknown type",
        "start 1:39 end 1:44",
    ),
    text(
        "CREATE TABLE t (id INT PRIMARY KEY, v NUMERIC)",
        C::ParseType,
        "requires metadata",
        "1:39",
    ),
    text("CREATE TABLE t (id INT, v TEXT)", C::NoPrimaryKey, "\"t\"", "1:14"),
    text(
        "CREATE TABLE t (id INT PRIMARY KEY, b INT, PRIMARY KEY (b))",
        C::RedeclaredPrimaryKey,
        "",
        "1:",
    ),
    text("CREATE TABLE t (id INT PRIMARY KEY, UNIQUE (nope))", C::UnknownColumn, "nope", "1:45"),
    text(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, CONSTRAINT k UNIQUE (a), CONSTRAINT k CHECK (a > 0))",
        C::RedeclaredConstraint,
        "constraint: k",
        "1:",
    ),
    text("CREATE TABLE t (id INT PRIMARY KEY, id TEXT)", C::TableDefinition, "\"id\"", "1:37"),
    text(
        "CREATE ACTION a($x INT, $x TEXT) PUBLIC {}",
        C::DuplicateParameter,
        "$x",
        "start 1:25 end 1:26",
    ),
    text(
        "CREATE ACTION a() PUBLIC RETURNS (x INT, x INT) {}",
        C::DuplicateResultColumn,
        "column name: x",
        "1:42",
    ),
    text("GRANT SELECT TO 'bob'", C::GrantOrRevoke, "", "1:"),
    sql("ALTER TABLE acct DROP COLUMN id", C::CannotAlterPrimaryKey, "id"),
    sql("CREATE TABLE acct (id INT PRIMARY KEY)", C::Other, "already exists"),
    sql("CREATE ACTION a() VIEW {}", C::Other, "access modifier is required"),
    sql("ALTER TABLE acct ALTER COLUMN tag SET DEFAULT 5", C::Type, "expected text, got int8"),
];

const NAMES: &[Bad] = &[
    sql("SELECT nope FROM acct", C::ColumnNotFound, "nope"),
    sql("SELECT id FROM acct a JOIN mv m ON m.acct_id = a.id", C::AmbiguousColumn, "id"),
    sql("SELECT * FROM nope", C::UnknownTable, "nope"),
    sql("{nope} SELECT 1", C::NamespaceNotFound, "nope"),
    sql("CREATE NAMESPACE shop", C::NamespaceExists, "shop"),
    sql("SELECT nope(1)", C::FunctionNotFound, "nope"),
    sql("SELECT $nope", C::UnknownVariable, "$nope"),
    sql("SELECT @nope", C::InvalidVariable, "@nope"),
    sql("SELECT row_number() OVER w FROM mv", C::WindowNotDefined, "w"),
    sql("SELECT sum(amt) OVER w FROM mv WINDOW w AS (ORDER BY id), w AS ()", C::WindowDefined, "w"),
    sql("SELECT total(1, 2)", C::ActionInSql, "\"total\" is an action"),
    call("nope", &[], C::UnknownAction, "nope"),
    body("RETURN $nope;", C::UnknownVariable, "$nope"),
    body("@caller := 'x'; RETURN 1;", C::InvalidVariable, "@caller"),
];

const TYPES: &[Bad] = &[
    sql("SELECT 1 = '1'", C::PlanType, "int8"),
    sql("SELECT 1 UNION SELECT 'a'", C::SetShape, ""),
    sql("SELECT ARRAY[]", C::UntypedEmptyArray, ""),
    sql("SELECT ARRAY[ARRAY[1], ARRAY[2]]", C::ArrayDimensionality, ""),
    sql("SELECT length(1)", C::Type, "length"),
    sql("UPDATE acct SET tag = 1", C::PlanType, "text"),
    call("total", &["x"], C::Type, "expected int8, got text"),
    body("$a := 1; $a := 'x'; RETURN 1;", C::Type, "expected int8, got text"),
    body("RETURN 1.5::numeric(2,1)::int;", C::Syntax, "1:"),
    body("RETURN (1.5)::int;", C::Cast, ""),
    body("RETURN 'x'::int;", C::Cast, ""),
    body("$b := 0x01 < 0x02; RETURN 1;", C::Comparison, "bytea"),
    body("$b := -'x'; RETURN 1;", C::Unary, "text"),
    body("IF 1 { RETURN 1; } RETURN 2;", C::Type, "bool"),
    body("$a := [1,2]; FOR $v IN $a { RETURN 1; } RETURN 0;", C::Loop, ""),
    body("BREAK; RETURN 1;", C::Loop, ""),
];

const QUERIES: &[Bad] = &[
    sql("SELECT name FROM acct GROUP BY tag", C::IllegalAggregate, "name"),
    sql("SELECT id FROM acct WHERE count(*) > 1", C::IllegalAggregate, "WHERE"),
    sql("SELECT id FROM mv WHERE row_number() OVER (ORDER BY id) = 1", C::IllegalWindow, "WHERE"),
    sql("SELECT abs(amt) OVER (ORDER BY id) FROM mv", C::InvalidWindow, "abs"),
    sql("INSERT INTO acct (name) VALUES ('x')", C::NotNullable, "id"),
    sql(
        "INSERT INTO acct (id, name) VALUES (1, 'z') ON CONFLICT (name) DO UPDATE SET name = 'q'",
        C::ConflictArbiter,
        "name",
    ),
    sql("UPDATE acct SET tag = 'q' FROM mv", C::UpdateFromWithoutWhere, ""),
    sql("SELECT *", C::PlanOther, "without a FROM"),
    sql("SELECT 'A' COLLATE binary", C::PlanOther, "unknown collation"),
];

const ARITY: &[Bad] = &[
    sql(
        "INSERT INTO acct (id, name) VALUES (7)",
        C::PlanOther,
        "insert has 2 columns but 1 values",
    ),
    sql("SELECT abs(1, 2)", C::PlanOther, "abs"),
    call("total", &[], C::ActionInvocation, "missing required argument"),
    call("total", &["1", "2", "3"], C::ActionInvocation, "total"),
    body("$x := many(); RETURN $x;", C::ReturnShape, "expected one row, got more"),
    body("RETURN 1, 2;", C::ReturnShape, ""),
    body("RETURN m.add(1);", C::ExtensionImplementation, "add"),
];

const VALUES: &[Bad] = &[
    pg(
        "INSERT INTO acct VALUES (8, 'n', null, null); SELECT 9223372036854775807 + id FROM acct",
        "22003",
        "out of range",
    ),
    pg(
        "INSERT INTO acct VALUES (8, 'n', null, null); UPDATE mv SET amt = amt / (id - 1)",
        "22012",
        "division by zero",
    ),
    pg("SELECT 12345.678::numeric(5,2)", "22003", "overflow"),
    pg("SELECT 'zz'::uuid", "22P02", "uuid"),
    pg("INSERT INTO acct (id, name) VALUES (3, 'c'), (1, 'dup')", "23505", "acct_pkey"),
    pg(
        "INSERT INTO acct (id, name, tag) VALUES (3, 'c', 'x')",
        "23505",
        "violates unique constraint",
    ),
    pg("INSERT INTO acct (id) VALUES (7)", "23502", "null value in column \"name\""),
    pg("INSERT INTO mv (id, acct_id) VALUES (9, 77)", "23503", "violates foreign key constraint"),
    pg("DELETE FROM acct WHERE id = 1", "23503", "violates foreign key constraint"),
    pg("INSERT INTO acct (id, name) VALUES (-1, 'c')", "23514", "violates check constraint"),
    body("INSERT INTO mv VALUES (7, 1, 1); RETURN 1 / 0;", C::Arithmetic, "division by zero"),
    body("INSERT INTO mv VALUES (7, 1, 1); RETURN 9223372036854775807 + 1;", C::Arithmetic, ""),
    body("$a := [1,2,3]; $a[1:3] := [8]; RETURN 1;", C::ArrayTooSmall, ""),
    body("$a := [1]; $a[0] := 8; RETURN 1;", C::IndexOutOfBounds, ""),
    body("$a := [1]; $i INT; $a[$i] := 8; RETURN 1;", C::InvalidNull, ""),
    body("INSERT INTO mv VALUES (7, 1, 1); ERROR('no, thank you');", C::UserError, "no, thank you"),
];

const LIMITS: &[Bad] = &[
    Bad {
        run: Run::Nested("SELECT ", "(", "1", ")", 300),
        class: Class::Lang(C::Syntax),
        says: "nested too deeply",
        place: "1:",
        guest: false,
    },
    Bad {
        run: Run::Nested("SELECT 1", " = 1", "", "", 5_000),
        class: Class::Lang(C::Syntax),
        says: "nested too deeply",
        place: "1:",
        guest: false,
    },
    Bad {
        run: Run::Nested("CREATE TABLE t (id INT PRIMARY KEY, ", "x", " INT)", "", 65),
        class: Class::Lang(C::Identifier),
        says: "maximum identifier length",
        place: "1:37",
        guest: false,
    },
    call("down", &["1"], C::Other, "maximum call depth exceeded"),
    body("$a := [1]; $a[2000000000] := 1; RETURN 1;", C::IndexOutOfBounds, "array too large"),
    body(
        "INSERT INTO mv VALUES (7, 1, 1); $s := 'x'; FOR $i IN 1..100 { $s := $s || $s; } RETURN 1;",
        C::Other,
        "value too large",
    ),
    body(
        "FOR $r IN WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT i FROM n { $x := 1; }
         RETURN 1;",
        C::Other,
        "limit exceeded",
    ),
];

const PRIVILEGES: &[Bad] = &[
    guest(sql(
        "INSERT INTO acct (id, name) VALUES (9, 'n')",
        C::NoPrivilege,
        "INSERT on namespace \"main\"",
    )),
    guest(sql("UPDATE acct SET name = 'n'", C::NoPrivilege, "UPDATE")),
    guest(sql("DELETE FROM mv", C::NoPrivilege, "DELETE")),
    guest(sql("DROP TABLE mv", C::NoPrivilege, "DROP")),
    guest(sql("CREATE NAMESPACE mine", C::NoPrivilege, "CREATE")),
    guest(sql("CREATE OR REPLACE ACTION total() PUBLIC {}", C::NoPrivilege, "")),
    guest(sql("ALTER TABLE mv ADD COLUMN c INT", C::NoPrivilege, "ALTER")),
    guest(sql("USE math AS n", C::NoPrivilege, "USE")),
    guest(sql("GRANT clerk TO 'eve'", C::NoPrivilege, "ROLES")),
    guest(sql("TRANSFER OWNERSHIP TO 'eve'", C::NoPrivilege, "")),
    guest(call("owner_only", &[], C::OwnerOnly, "owner_only")),
    call("hidden", &[], C::Private, "hidden"),
    body("shop.hidden(); RETURN 1;", C::Private, "hidden"),
    call("system_only", &[], C::SystemOnly, "system_only"),
];

const SYSTEM: &[Bad] = &[
    sql("CREATE NAMESPACE kwil_x", C::ReservedNamespacePrefix, "kwil_x"),
    sql("CREATE NAMESPACE pg_x", C::ReservedNamespacePrefix, "pg_x"),
    sql("CREATE NAMESPACE kwild_meta", C::ReservedNamespacePrefix, "kwild_meta"),
    sql("{info} CREATE TABLE t (id INT PRIMARY KEY)", C::CannotMutateInfo, ""),
    sql("{info} DROP TABLE tables", C::CannotMutateInfo, ""),
    sql("{info} DELETE FROM tables", C::CannotMutateInfo, ""),
    sql("DROP NAMESPACE main", C::CannotDropBuiltinNamespace, "main"),
    sql("DROP NAMESPACE info", C::CannotDropBuiltinNamespace, "info"),
    sql("{m} CREATE TABLE t (id INT PRIMARY KEY)", C::CannotMutateExtension, ""),
    sql("{m} DELETE FROM remembered", C::CannotMutateExtension, ""),
    sql("{kwild_meta} DELETE FROM accounts", C::NamespaceNotFound, "kwild_meta"),
    sql("SELECT * FROM kwild_meta.accounts", C::NamespaceNotFound, "kwild_meta"),
    sql("SELECT * FROM pg_catalog.pg_class", C::NamespaceNotFound, "pg_catalog"),
    sql("{pg_catalog} DROP TABLE pg_class", C::NamespaceNotFound, "pg_catalog"),
    sql("SELECT * FROM pg_class", C::UnknownTable, "pg_class"),
    sql("DROP ROLE owner", C::BuiltInRole, "owner"),
    sql("GRANT default TO 'bob'", C::BuiltInRole, "default"),
    sql("GRANT USE ON main TO clerk", C::CannotBeNamespaced, ""),
];

const INJECTION: &[Bad] = &[
    text("SELECT * FROM \"acct\"\"; DROP TABLE mv; --\"", C::Syntax, "unexpected", "1:"),
    text(
        "CREATE TABLE \"a\"\" (x int); DROP TABLE mv; --\" (id INT PRIMARY KEY)",
        C::Syntax,
        "unexpected",
        "1:",
    ),
    text("SELECT \"id;DROP\" FROM acct", C::Syntax, "unexpected", "1:8"),
    text("SELECT E'\\'; DROP TABLE mv; --'", C::Syntax, "", "1:"),
    text("SELECT $$; DROP TABLE mv; $$", C::Syntax, "unexpected", "1:8"),
    text("COPY acct TO '/tmp/x'", C::Syntax, "unexpected", "1:1"),
    text("SET session_replication_role = replica", C::Syntax, "unexpected", "1:"),
    text("DO 'BEGIN END'", C::Syntax, "unexpected", "1:1"),
    call("total", &["1; DROP TABLE mv"], C::Type, "expected int8, got text"),
    call("total\"; DROP TABLE mv; --", &[], C::UnknownAction, ""),
];

const FUNCTIONS: &[Bad] = &[
    sql("SELECT random()", C::FunctionNotFound, "random"),
    sql("SELECT now()", C::FunctionNotFound, "now"),
    sql("SELECT gen_random_uuid()", C::FunctionNotFound, "gen_random_uuid"),
    sql("SELECT pg_sleep(1)", C::FunctionNotFound, "pg_sleep"),
    sql("SELECT pg_read_file('/etc/passwd')", C::FunctionNotFound, "pg_read_file"),
    sql("SELECT nextval('s')", C::FunctionNotFound, "nextval"),
    text(
        "SELECT current_timestamp, CURRENT_USER FROM acct",
        C::ColumnNotFound,
        "current_timestamp",
        "",
    ),
    text("CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP)", C::ParseType, "unknown type", "1:40"),
    sql("SELECT notice('x')", C::IllegalFunctionUsage, "notice"),
    body("$x := random(); RETURN 1;", C::UnknownAction, "random"),
];

const SERVER: &[Bad] = &[
    pg("SELECT decode('zz', 'hex')", "22023", "hex"),
    pg("SELECT error('boom')", "P0001", "boom"),
    pg("DROP TABLE acct", "2BP01", "acct"),
    pg("ALTER TABLE acct ADD CONSTRAINT c CHECK (id > 1)", "23514", "violates"),
    pg(
        "CREATE UNIQUE INDEX ON mv (acct_id); INSERT INTO mv VALUES (3, 1, 1)",
        "23505",
        "violates unique",
    ),
];
