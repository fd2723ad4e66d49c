//! Random sequences of statements: whatever they do, the stored rows tell the whole catalog.

use std::collections::BTreeSet;

use kwil_lang::testing::Random;

use super::Db;
use crate::catalog::Catalog;
use crate::testing::random_table_statement;

const NAMESPACES: [&str; 3] = ["main", "shop", "n"];

fn one<'a>(random: &mut Random, from: &[&'a str]) -> &'a str {
    random.choose::<&'a str>(from)
}

fn other_statement(random: &mut Random) -> String {
    let namespace = one(random, &NAMESPACES);
    let role = one(random, &["w", "w", "default"]);
    match random.below(6) {
        0 => format!("{} NAMESPACE {namespace}", one(random, &["CREATE", "DROP"])),
        1 => format!(
            "{{{namespace}}} {} ACTION act($x INT DEFAULT 5) PUBLIC RETURNS (n INT) {{ RETURN $x; }}",
            one(random, &["CREATE", "CREATE OR REPLACE"])
        ),
        2 => format!("{} ROLE w", one(random, &["CREATE", "CREATE", "DROP"])),
        3 => format!("{} w {}", one(random, &["GRANT", "REVOKE"]), "TO 'bob'")
            .replace("REVOKE w TO", "REVOKE w FROM"),
        _ => {
            let privilege = one(random, &["INSERT", "SELECT", "CREATE"]);
            let on = one(random, &["", "", "ON shop ", "ON n "]);
            let (verb, direction) = *random.choose(&[("GRANT", "TO"), ("REVOKE", "FROM")]);
            format!("{verb} {privilege} {on}{direction} {role}")
        }
    }
}

#[test]
fn the_rows_of_a_catalog_tell_all_of_it() {
    let (mut done, mut refused) = (0, 0);
    for seed in 0..80 {
        let mut random = Random::new(seed);
        let mut db = Db::new();
        db.run("CREATE NAMESPACE shop; CREATE NAMESPACE n; CREATE ROLE w; CREATE TABLE t (id INT PRIMARY KEY, a INT)");
        for _ in 0..60 {
            let source = match random.below(4) {
                0 => other_statement(&mut random),
                _ => {
                    let namespace = one(&mut random, &["main", "main", "shop", "n"]);
                    format!("{{{namespace}}} {}", random_table_statement(&mut random))
                }
            };
            let before = db.catalog().clone();
            match db.try_with("ann", &source, &[]) {
                Ok(()) => done += 1,
                Err(_) => refused += 1,
            }
            let rows = db.catalog().rows();
            assert!(rows.is_sorted_by(|left, right| left < right), "seed {seed}: {source}");
            let changes = db.catalog().changes_since(&before);
            let mut changed: BTreeSet<_> = before.rows().into_iter().collect();
            let removed = changes.removed.iter().filter(|row| changed.remove(row)).count();
            assert_eq!(removed, changes.removed.len(), "seed {seed}: {source}");
            assert!(
                changes.added.into_iter().all(|row| changed.insert(row)),
                "seed {seed}: {source}"
            );
            assert!(changed.iter().eq(&rows), "seed {seed}: {source}");
            let read = Catalog::from_rows(rows);
            assert_eq!(read.as_ref(), Ok(db.catalog()), "seed {seed}: {source}");
        }
    }
    assert!(done > 1000 && refused > 500, "{done} done, {refused} refused");
}
