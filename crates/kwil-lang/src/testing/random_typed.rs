//! Random statements that make sense: on the tables of [`sample_catalog`], with fitting types most of the time.

use std::collections::BTreeMap;

use kwil_types::DataType;

use super::Random;
use crate::analyze::{
    ActionKind, Catalog, Column, Namespace, NamespaceKind, Table, VariableType, info_namespace,
};
use crate::parse_type;

/// The tables of [`sample_catalog`], as a script for a database; all are in `main`.
pub const SAMPLE_SCHEMA: &str = "
    CREATE TABLE acct (id INT PRIMARY KEY, name TEXT, n NUMERIC(10,2), flag BOOL, raw BYTEA, uid UUID, tags TEXT[],
        nums INT[], UNIQUE (name, flag));
    CREATE TABLE item (owner INT, num INT, title TEXT, price NUMERIC(10,2), sold BOOL, PRIMARY KEY (owner, num));";

/// Names and types of the variables that the statements use.
pub const SAMPLE_VARIABLES: &[(&str, &str)] =
    &[("$i", "int8"), ("$s", "text"), ("$n", "numeric(10,2)"), ("$b", "bool"), ("$l", "int8[]")];

type Columns = &'static [(&'static str, &'static str)];

const ACCT: Columns = &[
    ("id", "int8"),
    ("name", "text"),
    ("n", "numeric(10,2)"),
    ("flag", "bool"),
    ("raw", "bytea"),
    ("uid", "uuid"),
    ("tags", "text[]"),
    ("nums", "int8[]"),
];
const ITEM: Columns = &[
    ("owner", "int8"),
    ("num", "int8"),
    ("title", "text"),
    ("price", "numeric(10,2)"),
    ("sold", "bool"),
];

fn data_type(name: &str) -> DataType {
    parse_type(name).map_or(crate::analyze::NULL, |found| found.data_type)
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| Box::from(*name)).collect()
}

/// The catalog with the tables of [`SAMPLE_SCHEMA`] and an action `act`.
#[must_use]
pub fn sample_catalog() -> Catalog {
    let table = |columns: Columns, primary_key: &[&str], unique: Vec<Vec<Box<str>>>| Table {
        columns: columns
            .iter()
            .map(|(name, of)| Column { name: (*name).into(), data_type: data_type(of) })
            .collect(),
        primary_key: names(primary_key),
        unique,
    };
    let tables = [
        ("acct".into(), table(ACCT, &["id"], vec![names(&["name", "flag"])])),
        ("item".into(), table(ITEM, &["owner", "num"], Vec::new())),
    ];
    let main = Namespace {
        kind: NamespaceKind::System,
        tables: tables.into(),
        actions: [("act".into(), ActionKind::Action)].into(),
    };
    Catalog { namespaces: [("main".into(), main), ("info".into(), info_namespace())].into() }
}

/// The types of [`SAMPLE_VARIABLES`].
#[must_use]
pub fn sample_variables() -> BTreeMap<Box<str>, VariableType> {
    let typed = |(name, of): &(&str, &str)| (Box::from(*name), VariableType::Value(data_type(of)));
    SAMPLE_VARIABLES.iter().map(typed).collect()
}

const TYPES: &[&str] =
    &["int8", "int8", "text", "text", "bool", "numeric(10,2)", "bytea", "uuid", "text[]", "int8[]"];

/// The name of a relation, and names and types of its columns.
type Scoped = (String, Vec<(String, &'static str)>);

/// Makes the text of one statement.
pub(super) struct Typist<'r> {
    random: &'r mut Random,
    /// Relations in reach: alias, columns.
    scope: Vec<Scoped>,
    aliases: usize,
    grouped: bool,
}

impl Random {
    /// A statement on the rows of [`sample_catalog`].
    pub fn typed_statement(&mut self) -> String {
        let mut typist = Typist { random: self, scope: Vec::new(), aliases: 0, grouped: false };
        match typist.random.below(8) {
            0 => typist.insert(),
            1 | 2 => typist.update(),
            3 => typist.delete(),
            _ => typist.query(),
        }
    }

    /// An expression of this type without columns and variables.
    pub fn typed_expression(&mut self, of: &'static str) -> String {
        let mut typist = Typist { random: self, scope: Vec::new(), aliases: 0, grouped: false };
        typist.expr(of, 3)
    }
}

impl Typist<'_> {
    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let chosen: &&'static str = self.random.choose(from);
        chosen
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random.below(limit)
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }

    fn literal(&mut self, of: &'static str) -> String {
        if self.one_in(12) {
            return "NULL".to_owned();
        }
        self.pick(match of {
            "int8" => &["0", "1", "2", "-3", "9223372036854775807", "10"],
            "text" => &["''", "'a'", "'B'", "'it''s'", "'%a_'", "'\u{e9}'", "'12'"],
            "bool" => &["true", "false"],
            "bytea" => &["0x01", "0x00ff", "'x'::bytea"],
            "uuid" => &["'a247cac1-d817-4949-bac7-dc4b1dc41d09'::uuid"],
            "text[]" => &["ARRAY['a','b']", "ARRAY[]::text[]", "ARRAY['a',NULL]"],
            "int8[]" => &["ARRAY[1,2]", "ARRAY[]::int8[]"],
            _ => &["1.50::numeric(10,2)", "0::numeric(10,2)", "-7.25::numeric(10,2)"],
        })
        .to_owned()
    }

    fn leaf(&mut self, of: &'static str) -> String {
        let columns: Vec<String> = self
            .scope
            .iter()
            .flat_map(|(alias, columns)| columns.iter().map(move |column| (alias, column)))
            .filter(|(_, (_, data_type))| *data_type == of)
            .map(|(alias, (name, _))| format!("{alias}.{name}"))
            .collect();
        if !columns.is_empty() && !self.one_in(3) {
            let at = self.below(columns.len());
            return columns.get(at).cloned().unwrap_or_default();
        }
        if self.one_in(4)
            && !self.scope.is_empty()
            && let Some((name, _)) = SAMPLE_VARIABLES.iter().find(|(_, known)| *known == of)
        {
            return (*name).to_owned();
        }
        self.literal(of)
    }

    fn expr(&mut self, of: &'static str, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else { return self.leaf(of) };
        match self.below(8) {
            0 => self.leaf(of),
            1 => {
                let (when, then) = (self.expr("bool", depth), self.expr(of, depth));
                format!("CASE WHEN {when} THEN {then} ELSE {} END", self.expr(of, depth))
            }
            2 => format!("coalesce({}, {})", self.expr(of, depth), self.expr(of, depth)),
            3 if !self.scope.is_empty() && !self.grouped => self.scalar_query(of, depth),
            _ => match of {
                "int8" => self.number(depth),
                "text" => self.text(depth),
                "bool" => self.truth(depth),
                "bytea" => self.bytes(depth),
                "uuid" => format!(
                    "uuid_generate_v5({}, {})",
                    self.expr("uuid", depth),
                    self.expr("text", depth)
                ),
                "text[]" => self.array("text", "text[]", depth),
                "int8[]" => self.array("int8", "int8[]", depth),
                _ => self.decimal(depth),
            },
        }
    }

    fn number(&mut self, depth: usize) -> String {
        let a = self.expr("int8", depth);
        match self.below(8) {
            0 => format!("length({})", self.expr("text", depth)),
            1 => format!("({})::int8", self.expr("text", depth)),
            2 => format!("({})::int8", self.expr("numeric(10,2)", depth)),
            3 => format!("abs({a})"),
            4 => format!("array_length({})", self.expr("text[]", depth)),
            5 => format!("({})[{a}]", self.expr("int8[]", depth)),
            6 => format!("- ({a})"),
            _ => {
                let op = self.pick(&["+", "-", "*", "/", "%"]);
                format!("({a} {op} {})", self.expr("int8", depth))
            }
        }
    }

    fn decimal(&mut self, depth: usize) -> String {
        let a = self.expr("numeric(10,2)", depth);
        match self.below(6) {
            0 => format!("({})::numeric(10,2)", self.expr("int8", depth)),
            1 => format!("({})::numeric(10,2)", self.expr("text", depth)),
            2 => format!("greatest({a}, {})", self.expr("numeric(10,2)", depth)),
            _ => {
                let op = self.pick(&["+", "-", "*", "/", "%"]);
                format!("({a} {op} {})", self.expr("numeric(10,2)", depth))
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let a = self.expr("text", depth);
        match self.below(12) {
            0 => format!("lower({a})"),
            1 => format!("upper({a})"),
            2 => format!("({})::text", self.expr("int8", depth)),
            3 => format!("({})::text", self.expr("numeric(10,2)", depth)),
            4 => format!("substring({a}, {}, 2)", self.expr("int8", depth)),
            5 => format!("lpad({a}, 5, {})", self.expr("text", depth)),
            6 => format!("trim({a})"),
            7 => format!("format('%s-%5s', {a}, {})", self.expr("bool", depth)),
            8 => format!("format({a}, {})", self.expr("int8", depth)),
            9 => format!("({})[1]", self.expr("text[]", depth)),
            10 => format!("encode({}, 'hex')", self.expr("bytea", depth)),
            _ => format!("({a} || {})", self.expr("text", depth)),
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        let of = self.pick(TYPES);
        let (a, b) = (self.expr(of, depth), self.expr(of, depth));
        match self.below(13) {
            0 => format!("({a} IS NULL)"),
            1 => format!("({a} IS NOT DISTINCT FROM {b})"),
            2 => format!("({a} IN ({b}, {}))", self.expr(of, depth)),
            3 => format!("({a} BETWEEN {b} AND {})", self.expr(of, depth)),
            4 => format!("({} LIKE {})", self.expr("text", depth), self.expr("text", depth)),
            5 => format!("({} ILIKE {})", self.expr("text", depth), self.expr("text", depth)),
            6 => format!("(NOT {})", self.expr("bool", depth)),
            7 => format!("({} AND {})", self.expr("bool", depth), self.expr("bool", depth)),
            8 => format!("({} OR {})", self.expr("bool", depth), self.expr("bool", depth)),
            9 if !self.scope.is_empty() && !self.grouped => {
                let inner = self.select(&[of], depth, false);
                format!("({a} IN ({inner}))")
            }
            10 => {
                let (a, b) = (self.expr("text", depth), self.expr("text", depth));
                let op = self.pick(&["=", "<", ">="]);
                format!("({a} COLLATE nocase {op} {b})")
            }
            _ => format!("({a} {} {b})", self.pick(&["=", "!=", "<", "<=", ">", ">="])),
        }
    }

    fn bytes(&mut self, depth: usize) -> String {
        match self.below(3) {
            0 => format!("digest({}, 'sha256')", self.expr("text", depth)),
            1 => format!("({})::bytea", self.expr("text", depth)),
            _ => format!("({} || {})", self.expr("bytea", depth), self.expr("bytea", depth)),
        }
    }

    fn array(&mut self, element: &'static str, of: &'static str, depth: usize) -> String {
        let a = self.expr(of, depth);
        match self.below(5) {
            0 => {
                format!("ARRAY[{}, {}]::{of}", self.expr(element, depth), self.expr(element, depth))
            }
            1 => format!("array_append({a}, {})", self.expr(element, depth)),
            2 => format!("array_remove({a}, {})", self.expr(element, depth)),
            3 => format!("({a})[1:{}]", self.expr("int8", depth)),
            _ => format!("array_cat({a}, {})", self.expr(of, depth)),
        }
    }

    fn scalar_query(&mut self, of: &'static str, depth: usize) -> String {
        let inner = self.select(&[of], depth, false);
        format!("({inner} LIMIT 1)")
    }

    // ---- statements

    fn alias(&mut self) -> String {
        self.aliases = self.aliases.saturating_add(1);
        format!("r{}", self.aliases)
    }

    /// A relation; gives its text, and its name and columns.
    fn relation(&mut self, depth: usize) -> (String, Scoped) {
        let alias = self.alias();
        let own = |columns: Columns| {
            columns.iter().map(|(name, of)| ((*name).to_owned(), *of)).collect::<Vec<_>>()
        };
        match self.below(6) {
            0 if depth > 0 => {
                let outer = std::mem::take(&mut self.scope);
                let types = [self.pick(TYPES), self.pick(TYPES)];
                let select = self.select(&types, depth.saturating_sub(1), true);
                self.scope = outer;
                let [first, second] = types;
                let columns = vec![("c1".to_owned(), first), ("c2".to_owned(), second)];
                (format!("({select}) AS {alias}"), (alias, columns))
            }
            1 => {
                let text = format!("unnest(ARRAY[1,2,3], $l) WITH ORDINALITY AS {alias}(u, v, o)");
                let columns = ["u", "v", "o"].map(|name| (name.to_owned(), "int8"));
                (text, (alias, columns.into()))
            }
            2 | 3 => (format!("item AS {alias}"), (alias, own(ITEM))),
            _ => (format!("acct AS {alias}"), (alias, own(ACCT))),
        }
    }

    /// Pushes relations; gives the text of `FROM`.
    fn from(&mut self, depth: usize) -> String {
        let (mut text, found) = self.relation(depth);
        self.scope.push(found);
        for _ in 0..self.below(3) {
            let (relation, found) = self.relation(depth);
            self.scope.push(found);
            let kind = self.pick(&["JOIN", "JOIN", "LEFT JOIN", "FULL JOIN"]);
            let on = match kind {
                // PostgreSQL joins in full only what it can merge or hash.
                "FULL JOIN" => "true".to_owned(),
                _ => self.expr("bool", depth.min(2)),
            };
            text.push_str(&format!(" {kind} {relation} ON {on}"));
        }
        text
    }

    fn select(&mut self, types: &[&'static str], depth: usize, named: bool) -> String {
        let mark = self.scope.len();
        let outer = self.grouped;
        self.grouped = false;
        let from = self.from(depth.min(1));
        let condition = self.expr("bool", depth.min(2));
        let text = if self.one_in(4) {
            self.grouped_core(types, named)
        } else {
            self.core(types, depth, named)
        };
        self.scope.truncate(mark);
        self.grouped = outer;
        let (results, behind) = text;
        format!("SELECT {results} FROM {from} WHERE {condition}{behind}")
    }

    fn core(&mut self, types: &[&'static str], depth: usize, named: bool) -> (String, String) {
        let mut results = Vec::new();
        for (number, of) in (1_usize..).zip(types) {
            let value = match self.below(10) {
                0 => self.window(of, depth),
                _ => self.expr(of, depth),
            };
            results.push(if named { format!("{value} AS c{number}") } else { value });
        }
        let distinct = if self.one_in(5) { "DISTINCT " } else { "" };
        let order = match self.below(4) {
            0 if named => " ORDER BY c1 DESC".to_owned(),
            1 if distinct.is_empty() => format!(" ORDER BY {}", self.expr("text", 1)),
            _ => String::new(),
        };
        let limit = if named && self.one_in(3) { " LIMIT 3" } else { "" };
        (format!("{distinct}{}", results.join(", ")), format!("{order}{limit}"))
    }

    fn window(&mut self, of: &'static str, depth: usize) -> String {
        let (call, key) = match of {
            "int8" => ("row_number()".to_owned(), self.expr("int8", depth)),
            "text[]" => (format!("array_agg({})", self.expr("text", 1)), String::new()),
            _ => (
                format!("lag({}, {})", self.expr(of, depth), self.expr("int8", 0)),
                self.expr("text", depth),
            ),
        };
        if key.is_empty() || self.one_in(3) {
            return format!("{call} OVER (PARTITION BY {})", self.expr("bool", 1));
        }
        format!("{call} OVER (ORDER BY {key})")
    }

    fn grouped_core(&mut self, types: &[&'static str], named: bool) -> (String, String) {
        let keys: Vec<(&'static str, String)> =
            types.iter().map(|of| (*of, self.expr(of, 1))).collect();
        let mut results = Vec::new();
        for (number, (of, key)) in (1_usize..).zip(&keys) {
            let value = match (*of, self.below(2)) {
                ("int8", 0) => "count(*)".to_owned(),
                ("text", 0) => format!(
                    "string_agg({}, ',' ORDER BY {})",
                    self.expr("text", 1),
                    self.expr("int8", 0)
                ),
                ("text[]", 0) => format!("array_agg(DISTINCT {})", self.expr("text", 1)),
                ("numeric(10,2)", 0) => {
                    format!("(avg({}) / max({}))", self.expr(of, 1), self.expr(of, 0))
                }
                _ => key.clone(),
            };
            results.push(if named { format!("{value} AS c{number}") } else { value });
        }
        let group: Vec<&str> = keys.iter().map(|(_, key)| &**key).collect();
        let having = if self.one_in(2) { " HAVING count(*) > 0" } else { "" };
        (results.join(", "), format!(" GROUP BY {}{having}", group.join(", ")))
    }

    fn query(&mut self) -> String {
        let types = [self.pick(TYPES), self.pick(TYPES)];
        let with = if self.one_in(6) {
            "WITH RECURSIVE w (k, t) AS (SELECT 1, 'a' UNION ALL SELECT k + 1, t || 'b' FROM w WHERE k < 4) "
        } else {
            ""
        };
        let first = self.select(&types, 2, true);
        let compound = match self.below(5) {
            0 if !first.contains("LIMIT") && !first.contains("ORDER") => {
                let op = self.pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
                let mut second = self.select(&types, 1, true);
                if second.contains("ORDER") || second.contains("LIMIT") {
                    second = "SELECT NULL, NULL".to_owned();
                }
                format!(" {op} {second}")
            }
            _ => String::new(),
        };
        format!("{with}{first}{compound}")
    }

    fn insert(&mut self) -> String {
        let conflict = self.pick(&[
            "",
            " ON CONFLICT DO NOTHING",
            " ON CONFLICT (owner, num) DO UPDATE SET price = item.price + excluded.price WHERE item.num / excluded.num > 1",
        ]);
        let rows = if self.one_in(2) {
            let row = |typist: &mut Self| {
                format!(
                    "({}, {}, {})",
                    typist.expr("int8", 2),
                    typist.expr("int8", 1),
                    typist.expr("numeric(10,2)", 2)
                )
            };
            let (one, two) = (row(self), row(self));
            format!("VALUES {one}, {two}")
        } else {
            let mut select = self.select(&["int8", "int8", "numeric(10,2)"], 2, false);
            if select.contains("ORDER BY c1") {
                select = "SELECT 1, 2, NULL".to_owned();
            }
            select
        };
        format!("INSERT INTO item (owner, num, price) {rows}{conflict}")
    }

    fn target(&mut self) {
        let columns = ACCT.iter().map(|(name, of)| ((*name).to_owned(), *of)).collect();
        self.scope.push(("t".to_owned(), columns));
    }

    fn update(&mut self) -> String {
        let from = if self.one_in(2) {
            let text = self.from(1);
            format!(" FROM {text}")
        } else {
            String::new()
        };
        self.target();
        let (name, n) = (self.expr("text", 2), self.expr("numeric(10,2)", 2));
        let is_joined = !from.is_empty() && self.one_in(2);
        let key = self.scope.first().filter(|_| is_joined).and_then(|(alias, columns)| {
            let (column, _) = columns.iter().find(|(_, of)| *of == "int8")?;
            Some(format!("{alias}.{column} = t.id AND "))
        });
        let joined = key.unwrap_or_default();
        format!(
            "UPDATE acct AS t SET name = {name}, n = {n}{from} WHERE {joined}{}",
            self.expr("bool", 2)
        )
    }

    fn delete(&mut self) -> String {
        self.target();
        format!("DELETE FROM acct AS t WHERE {}", self.expr("bool", 3))
    }
}
