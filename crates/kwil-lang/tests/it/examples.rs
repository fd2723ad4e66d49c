//! The schemas that are shipped as examples, and what they are examples of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use kwil_lang::ast::{Statement, StatementKind};
use kwil_lang::{parse_script, print_script};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What every schema shows, and the part of the tree by which it is found; comments and names are no part of it.
const SHOWN: &[(&str, &[&str])] = &[
    ("loops", &["For {"]),
    ("CTEs", &["Cte {"]),
    ("windows", &["Window(WindowCall"]),
    ("upserts", &["Conflict {"]),
    ("arrays", &["Array(", "Index("]),
    ("notices or errors", &["\"notice\"", "\"error\""]),
];

fn schemas() -> BTreeMap<PathBuf, Vec<Statement>> {
    let folder = std::fs::read_dir(Path::new(ROOT).join("examples/schemas")).unwrap();
    let parsed = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let statements = parse_script(&text)
            .unwrap_or_else(|errors| panic!("{}: {}", path.display(), errors.report()));
        (path, statements)
    };
    let paths = folder.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "sql")).map(parsed).collect()
}

fn actions(statements: &[Statement]) -> Vec<String> {
    let created = statements.iter().filter_map(|statement| match &statement.kind {
        StatementKind::CreateAction(action) => Some(action.name.to_string()),
        _ => None,
    });
    created.collect()
}

#[test]
fn every_shipped_schema_shows_the_whole_language() {
    let schemas = schemas();
    assert!(schemas.len() >= 3, "{:?}", schemas.keys());
    for (path, statements) in &schemas {
        let actions = actions(statements);
        assert!(actions.len() >= 10, "{} has {actions:?}", path.display());
        let tree = format!("{statements:?}");
        for (what, marks) in SHOWN {
            let found = marks.iter().any(|mark| tree.contains(mark));
            assert!(found, "{} has no {what}", path.display());
        }
        let printed = print_script(statements);
        assert_eq!(parse_script(&printed).as_ref(), Ok(statements), "{}", path.display());
    }
    let all = format!("{:?}", schemas.values().collect::<Vec<_>>());
    for what in ["recursive: true", "on_delete: Some("] {
        assert!(all.contains(what), "no schema has {what}");
    }
}

#[test]
fn the_example_program_lists_the_actions_of_a_schema() {
    for (path, statements) in schemas() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let ran = Command::new(cargo)
            .args(["run", "--quiet", "--package", "kwil-lang", "--example", "actions", "--"])
            .arg(&path)
            .current_dir(ROOT)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let out = String::from_utf8(ran.stdout).unwrap();
        let names: Vec<_> = out.lines().filter_map(|line| line.split('(').next()).collect();
        assert_eq!(names, actions(&statements), "{}", path.display());
    }
}

#[test]
fn memory_is_flat_over_statements_of_which_none_is_like_another() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = Command::new(cargo)
        .args(["run", "--quiet", "--package", "kwil-lang", "--example", "memory", "--", "20000"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert!(String::from_utf8(ran.stdout).unwrap().ends_with("flat\n"));
}
