//! How fast text becomes a tree, and a tree a statement of PostgreSQL.

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use kwil_lang::analyze::{
    Catalog, Column, Context, Namespace, NamespaceKind, Table, VariableType, analyze_query,
};
use kwil_lang::ast::StatementKind;
use kwil_lang::{INTERNAL_SCHEMA, parse_script, parse_type, print_script, write_sql};

fn main() {
    divan::main();
}

const STATEMENTS: &[(&str, &str)] = &[
    (
        "insert",
        "INSERT INTO posts (id, author, body, created) VALUES ($id, @caller, $body, @block_timestamp)",
    ),
    ("insert3", "INSERT INTO likes (id, post, author) VALUES ($id, $since, @caller)"),
    ("by_key", "SELECT id, author, body FROM posts WHERE id = $id"),
    ("update", "UPDATE posts SET body = $body, created = @block_timestamp WHERE id = $id"),
    (
        "upsert",
        "INSERT INTO balances (owner, amount) VALUES ($to, $amount) ON CONFLICT (owner) DO UPDATE SET amount = \
         balances.amount + excluded.amount",
    ),
    (
        "select",
        "SELECT p.id, p.body, count(l.id) AS likes FROM posts p LEFT JOIN likes l ON l.post = p.id WHERE p.author = \
         $author AND p.created > $since GROUP BY p.id, p.body ORDER BY likes DESC LIMIT 20",
    ),
];

const TABLES: &[(&str, &[(&str, &str)])] = &[
    ("posts", &[("id", "int8"), ("author", "text"), ("body", "text"), ("created", "int8")]),
    ("balances", &[("owner", "text"), ("amount", "numeric(78,0)")]),
    ("likes", &[("id", "int8"), ("post", "int8"), ("author", "text")]),
];

const VARIABLES: &[(&str, &str)] = &[
    ("$id", "int8"),
    ("$body", "text"),
    ("$to", "text"),
    ("$amount", "numeric(78,0)"),
    ("$author", "text"),
    ("$since", "int8"),
];

fn column(&(name, data_type): &(&str, &str)) -> Option<Column> {
    let data_type = parse_type(data_type).ok()?.data_type;
    Some(Column { name: name.into(), data_type })
}

fn catalog() -> Catalog {
    let tables = TABLES.iter().map(|(name, columns)| {
        let columns: Vec<Column> = columns.iter().filter_map(column).collect();
        let primary_key = columns.iter().take(1).map(|column| column.name.clone()).collect();
        (Box::from(*name), Table { columns, primary_key, unique: Vec::new() })
    });
    let main = Namespace {
        kind: NamespaceKind::System,
        tables: tables.collect(),
        actions: BTreeMap::new(),
    };
    Catalog { namespaces: [("main".into(), main)].into() }
}

fn source(name: &str) -> &'static str {
    STATEMENTS.iter().find(|(known, _)| *known == name).map_or("", |(_, source)| source)
}

#[divan::bench(args = STATEMENTS.iter().map(|(name, _)| *name))]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let source = source(name);
    bencher.counter(ItemsCount::new(1_usize)).bench(|| parse_script(divan::black_box(source)));
}

/// From text to SQL, nothing kept in between.
#[divan::bench(args = STATEMENTS.iter().map(|(name, _)| *name))]
fn parse_plan_write(bencher: Bencher<'_, '_>, name: &str) {
    let (source, catalog) = (source(name), catalog());
    let variables = VARIABLES
        .iter()
        .filter_map(|one| {
            column(one).map(|column| (column.name, VariableType::Value(column.data_type)))
        })
        .collect();
    let context = Context {
        catalog: &catalog,
        namespace: "main",
        variables: &variables,
        deterministic: true,
    };
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let statements = parse_script(divan::black_box(source)).unwrap_or_default();
        let StatementKind::Query(query) = &statements.first()?.kind else { return None };
        analyze_query(query, context).ok().map(|plan| write_sql(&plan, INTERNAL_SCHEMA))
    });
}

#[divan::bench]
fn parse_schema(bencher: Bencher<'_, '_>) {
    let source = include_str!("../tests/data/corpus/token.sql");
    bencher.counter(BytesCount::of_str(source)).bench(|| parse_script(divan::black_box(source)));
}

#[divan::bench]
fn print_schema(bencher: Bencher<'_, '_>) {
    let source = include_str!("../tests/data/corpus/token.sql");
    let statements = parse_script(source).unwrap_or_default();
    bencher.bench(|| print_script(divan::black_box(&statements)));
}
