//! Memory over a stream of statements of which none is like another: each is parsed, analysed and written as SQL, some are
//! wrong. Fails when the process holds more at the end than after the first tenth.
//!
//! ```text
//! cargo run --release -p kwil-lang --example memory -- 10000000
//! ```

#![expect(clippy::print_stdout, reason = "prints a report")]

use std::collections::BTreeMap;
use std::error::Error;

use kwil_lang::analyze::{
    Catalog, Column, Context, Namespace, NamespaceKind, Table, VariableType, analyze_query,
};
use kwil_lang::ast::StatementKind;
use kwil_lang::{INTERNAL_SCHEMA, parse_script, parse_type, print_script, write_sql};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the allocator and the kernel may round up.
const SLACK_KIB: u64 = 1024;

fn main() -> Result<()> {
    let count: u64 = std::env::args().nth(1).as_deref().unwrap_or("10000000").parse()?;
    let catalog = catalog()?;
    let number = VariableType::Value(parse_type("int8")?.data_type);
    let variables = BTreeMap::from([("$id".into(), number)]);
    let context = Context {
        catalog: &catalog,
        namespace: "main",
        variables: &variables,
        deterministic: true,
    };
    let (mut reference, mut written, mut refused) = (0, 0_u64, 0_u64);
    println!("statements  written  refused  rss_KiB");
    let tenth = (count / 10).max(1);
    for number in 1..=count {
        match one(number, context) {
            Some(sql) => written += u64::from(!sql.is_empty()),
            None => refused += 1,
        }
        if number % tenth != 0 {
            continue;
        }
        let rss = resident_kib()?;
        println!("{number:>10}  {written:>7}  {refused:>7}  {rss:>7}");
        if reference == 0 {
            reference = rss;
        } else if rss > reference + SLACK_KIB {
            return Err(format!("grew from {reference} KiB to {rss} KiB").into());
        }
    }
    if written == 0 || refused == 0 || written + refused != count {
        return Err("the stream must have right and wrong statements".into());
    }
    println!("flat");
    Ok(())
}

/// The SQL of a statement that no other number has; `None` for one that is wrong.
fn one(number: u64, context: Context<'_>) -> Option<String> {
    let source = match number % 6 {
        0 => format!(
            "INSERT INTO posts (id, author, body) VALUES ({number}, 'a{number}', $id::text)"
        ),
        1 => format!(
            "SELECT body AS b{number} FROM posts WHERE id = {number} AND author = 'x{number}'"
        ),
        2 => format!("UPDATE posts SET body = 'b{number}' WHERE id = $id + {number}"),
        3 => format!(
            "WITH c{number} AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM posts) SELECT n FROM c{number} \
             WHERE n > {number} ORDER BY n LIMIT 3"
        ),
        4 => format!("SELECT c{number} FROM posts"),
        _ => format!("SELECT 'a{number}' FROM WHERE t{number}"),
    };
    let statements = parse_script(&source).ok()?;
    let printed = print_script(&statements);
    let StatementKind::Query(query) = &statements.first()?.kind else { return None };
    let plan = analyze_query(query, context).ok()?;
    Some(write_sql(&plan, INTERNAL_SCHEMA)).filter(|_| !printed.is_empty())
}

fn catalog() -> Result<Catalog> {
    let columns = [("id", "int8"), ("author", "text"), ("body", "text")];
    let columns: Vec<Column> = columns
        .iter()
        .map(|(name, data_type)| {
            Ok(Column { name: (*name).into(), data_type: parse_type(data_type)?.data_type })
        })
        .collect::<Result<_>>()?;
    let posts = Table { columns, primary_key: vec!["id".into()], unique: Vec::new() };
    let main = Namespace {
        kind: NamespaceKind::System,
        tables: [("posts".into(), posts)].into(),
        actions: BTreeMap::new(),
    };
    Ok(Catalog { namespaces: [("main".into(), main)].into() })
}

/// Memory of this process that is in RAM.
fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
