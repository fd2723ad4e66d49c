//! How fast text becomes a tree.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use kwil_lang::{parse_script, print_script};

fn main() {
    divan::main();
}

const STATEMENTS: &[(&str, &str)] = &[
    (
        "insert",
        "INSERT INTO posts (id, author, body, created) VALUES ($id, @caller, $body, @block_timestamp)",
    ),
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

#[divan::bench(args = STATEMENTS.iter().map(|(name, _)| *name))]
fn statement(bencher: Bencher<'_, '_>, name: &str) {
    let source =
        STATEMENTS.iter().find(|(known, _)| *known == name).map_or("", |(_, source)| source);
    bencher.counter(ItemsCount::new(1_usize)).bench(|| parse_script(divan::black_box(source)));
}

#[divan::bench]
fn schema(bencher: Bencher<'_, '_>) {
    let source = include_str!("../tests/data/corpus/token.sql");
    bencher.counter(BytesCount::of_str(source)).bench(|| parse_script(divan::black_box(source)));
}

#[divan::bench]
fn print(bencher: Bencher<'_, '_>) {
    let source = include_str!("../tests/data/corpus/token.sql");
    let statements = parse_script(source).unwrap_or_default();
    bencher.bench(|| print_script(divan::black_box(&statements)));
}
