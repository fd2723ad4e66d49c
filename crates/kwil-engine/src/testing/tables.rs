//! Random statements on tables.

use kwil_lang::testing::Random;

const TABLES: [&str; 7] = ["t", "t", "t", "u", "u", "orders", "t_a_key"];
const COLUMNS: [&str; 7] = ["id", "a", "a", "b", "b", "c", "d"];
const ACTIONS: [&str; 5] = ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"];
const NAMESPACES: [&str; 3] = ["main", "shop", "n"];

fn one<'a>(random: &mut Random, from: &[&'a str]) -> &'a str {
    random.choose::<&'a str>(from)
}

fn constraint(random: &mut Random) -> String {
    let (a, b) = (one(random, &COLUMNS), one(random, &COLUMNS));
    let name = match random.below(4) {
        0 => format!("CONSTRAINT k{} ", random.below(4)),
        _ => String::new(),
    };
    let rule = match random.below(5) {
        0 => format!("UNIQUE ({a})"),
        1 => format!("UNIQUE ({a}, {b})"),
        2 => format!("CHECK ({a} > {b} AND 'x\"{a}\"' != 'it''s')"),
        3 => format!("FOREIGN KEY ({a}) REFERENCES {}(id)", one(random, &TABLES)),
        _ => format!(
            "FOREIGN KEY ({a}) REFERENCES {}.{}({b}) ON DELETE {}",
            one(random, &NAMESPACES),
            one(random, &TABLES),
            one(random, &ACTIONS)
        ),
    };
    format!("{name}{rule}")
}

fn table(random: &mut Random) -> String {
    let mut items = vec!["id INT8 PRIMARY KEY".to_owned()];
    let columns = ["a", "b", "c", "d"].into_iter().take(random.below(3) + 2);
    for column in columns {
        let rule = match random.below(7) {
            0 => " UNIQUE".to_owned(),
            1 => " NOT NULL".to_owned(),
            2 => " DEFAULT null".to_owned(),
            3 => " DEFAULT 5 UNIQUE".to_owned(),
            4 => format!(" REFERENCES {}(id)", one(random, &["t", "u"])),
            5 => format!(" CHECK ({column} IS NOT NULL)"),
            _ => String::new(),
        };
        items.push(format!("{column} {}{rule}", one(random, &["INT8", "INT8", "INT4"])));
    }
    for _ in 0..random.below(3) {
        let at = random.below(items.len()) + 1;
        items.insert(at, constraint(random));
    }
    format!("CREATE TABLE {} ({})", one(random, &TABLES), items.join(", "))
}

fn alteration(random: &mut Random) -> String {
    let (column, other) = (one(random, &COLUMNS), one(random, &COLUMNS));
    match random.below(10) {
        0 | 1 => format!("ADD COLUMN {column} INT8"),
        2 => format!("DROP COLUMN {column}"),
        3 => format!("RENAME COLUMN {column} TO {other}"),
        4 => format!("RENAME TO {}", one(random, &TABLES)),
        5 | 6 => format!("ADD {}", constraint(random)),
        7 => format!(
            "DROP CONSTRAINT IF EXISTS {}",
            one(random, &["k0", "k1", "t_a_key", "u_check"])
        ),
        8 => format!("ALTER COLUMN {column} {} NOT NULL", one(random, &["SET", "DROP"])),
        _ => format!("ALTER COLUMN {column} SET DEFAULT 7"),
    }
}

/// A statement on tables or indexes, over few names, so that many of them succeed. It means the same to PostgreSQL when
/// the search path is the namespace: what stays unnamed gets the same names, and what one refuses the other refuses too.
///
/// Exceptions, on purpose: a column of the primary key cannot be dropped or altered.
pub fn random_table_statement(random: &mut Random) -> String {
    let (table_name, column) = (one(random, &TABLES), one(random, &COLUMNS));
    match random.below(12) {
        0..=3 => table(random),
        4..=7 => format!("ALTER TABLE {table_name} {}", alteration(random)),
        8 => format!("DROP TABLE {table_name} {}", one(random, &["", "CASCADE"])),
        9 | 10 => format!(
            "CREATE {} INDEX {} ON {table_name} ({column}, {})",
            one(random, &["", "UNIQUE"]),
            one(random, &["", "", "i", "u_a_key"]),
            one(random, &COLUMNS)
        ),
        _ => format!("DROP INDEX {}", one(random, &["i", "u_a_key", "t_a_b_idx", "u_pkey"])),
    }
}
