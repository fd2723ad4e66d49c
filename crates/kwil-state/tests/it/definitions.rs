//! Random definitions and rows: what is stored stays what is hashed, and a script that failed might as well have been
//! any other one that fails.

use kwil_state::verify_state;
use kwil_types::{Payload, RawStatement};

use crate::batches::Dice;
use crate::network::{Net, Setup, tx, user};

const BLOCKS: u64 = 12;
const SCRIPTS: u64 = 12;
const SPACES: [&str; 3] = ["main", "shop", "depot"];
const TYPES: [&str; 5] = ["INT", "TEXT", "NUMERIC(10,2)", "BOOL", "TEXT[]"];

/// A script that may be right: names are few, so that statements meet each other.
fn script(dice: &mut Dice) -> String {
    let count = 1 + dice.roll(2);
    let statements: Vec<_> = (0..count).map(|_| statement(dice)).collect();
    statements.join("; ")
}

fn pick<'a>(dice: &mut Dice, from: &[&'a str]) -> &'a str {
    from[usize::try_from(dice.roll(from.len() as u64)).unwrap()]
}

fn statement(dice: &mut Dice) -> String {
    let space = pick(dice, &SPACES);
    let (table, other) = (format!("t{}", dice.roll(3)), format!("t{}", dice.roll(3)));
    let (column, id) = (format!("c{}", dice.roll(3)), dice.roll(20));
    let data_type = pick(dice, &TYPES);
    let statement = match dice.roll(40) {
        0 | 21 | 22 | 23 => {
            return format!("CREATE NAMESPACE IF NOT EXISTS {space}; {}", tables(space));
        }
        1 if dice.roll(3) == 0 => return "DROP NAMESPACE IF EXISTS depot".into(),
        2 => return format!("CREATE ROLE IF NOT EXISTS r{}", dice.roll(3)),
        3 => return format!("GRANT INSERT ON {space} TO r{}", dice.roll(3)),
        4 if dice.roll(3) == 0 => return format!("DROP ROLE IF EXISTS r{}", dice.roll(3)),
        5 => return format!("GRANT r{} TO 'u{}'", dice.roll(3), dice.roll(3)),
        6 | 7 => {
            format!("CREATE TABLE {table} (id INT PRIMARY KEY, c0 {data_type}, c1 INT DEFAULT 7)")
        }
        8 => format!(
            "CREATE TABLE {table} (id INT PRIMARY KEY, c1 INT REFERENCES {other}(id) ON DELETE CASCADE, CHECK (id < 18))"
        ),
        9 => format!("DROP TABLE IF EXISTS {table}"),
        10 => format!("DROP TABLE {table} CASCADE"),
        11 => format!("ALTER TABLE {table} ADD COLUMN {column} {data_type}"),
        12 => format!("ALTER TABLE {table} DROP COLUMN {column}"),
        13 => format!("ALTER TABLE {table} RENAME COLUMN {column} TO c{}", dice.roll(4)),
        14 => format!("ALTER TABLE {table} RENAME TO {other}"),
        15 => format!("CREATE INDEX i{} ON {table} ({column})", dice.roll(3)),
        16 => format!("CREATE UNIQUE INDEX ON {table} (id, {column})"),
        17 => format!(
            "CREATE OR REPLACE ACTION a{}($n INT) PUBLIC {{ INSERT INTO {table} (id, c1) VALUES ($n, $n); }}",
            dice.roll(3)
        ),
        18 => format!("UPDATE {table} SET c1 = c1 + 1 WHERE id < {id}"),
        19 => format!("DELETE FROM {table} WHERE id > {id}"),
        20 => format!("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"),
        _ => format!(
            "INSERT INTO {table} (id, c1) VALUES ({id}, {}) ON CONFLICT (id) DO UPDATE SET c1 = excluded.c1",
            dice.roll(20)
        ),
    };
    format!("{{{space}}} {statement}")
}

/// The tables that a namespace begins with.
fn tables(space: &str) -> String {
    let create = |number| {
        format!(
            "{{{space}}} CREATE TABLE IF NOT EXISTS t{number} (id INT PRIMARY KEY, c0 TEXT, c1 INT DEFAULT 7)"
        )
    };
    [create(0), create(1), create(2)].join("; ")
}

fn payload(statement: String) -> Payload {
    Payload::RawStatement(RawStatement { statement, parameters: Vec::new() })
}

async fn start() -> Net {
    Setup { owner: user(1).identifier(), ..Setup::free(&[1]) }.start().await
}

async fn assert_verified(net: &Net) {
    let report = verify_state(net.test.endpoint(), None).await.unwrap();
    assert!(report.holds(), "{report:#?}");
}

/// One network executes everything; its twin gets, for each script that failed there, one that does nothing but fail. Rows,
/// definitions, accounts, and whatever the first network remembers of what it gave up: the roots have to agree at each block.
#[tokio::test]
async fn scripts_that_fail_leave_no_trace_in_random_histories() {
    let mut dice = Dice(0x5eed_4001);
    let (mut net, mut twin) = (start().await, start().await);
    let beginning =
        SPACES.map(|space| format!("CREATE NAMESPACE IF NOT EXISTS {space}; {}", tables(space)));
    let beginning = || {
        tx(
            &user(1),
            1,
            0,
            &payload(format!(
                "{}; CREATE ROLE r0; CREATE ROLE r1; CREATE ROLE r2",
                beginning.join("; ")
            )),
        )
    };
    net.ok(beginning()).await;
    twin.ok(beginning()).await;
    let (mut nonce, mut good, mut bad) = (2, 0_u32, 0_u32);
    for block in 0..BLOCKS {
        let scripts: Vec<String> = (0..SCRIPTS)
            .map(|_| {
                let script = script(&mut dice);
                // Some fail behind statements that were right.
                if dice.roll(4) == 0 { format!("{script}; SELECT error('no')") } else { script }
            })
            .collect();
        let sign = |script: &String, place: usize| {
            tx(&user(1), nonce + u64::try_from(place).unwrap(), 0, &payload(script.clone()))
        };
        let txs = scripts.iter().enumerate().map(|(place, script)| sign(script, place)).collect();
        let outcome = net.block(txs).await;
        let wrong = "SELECT error('nothing else')".to_owned();
        let kept = scripts.iter().zip(&outcome.results);
        let kept = kept.map(|(script, result)| if result.code.is_ok() { script } else { &wrong });
        let txs = kept.enumerate().map(|(place, script)| sign(script, place)).collect();
        let of_twin = twin.block(txs).await;
        for (place, script) in scripts.iter().enumerate() {
            let (ours, other) = (&outcome.results[place], &of_twin.results[place]);
            assert_eq!(
                ours.code.is_ok(),
                other.code.is_ok(),
                "{script}\n{}\n{}",
                ours.log,
                other.log
            );
            if ours.code.is_ok() {
                good += 1;
            } else {
                bad += 1;
            }
        }
        assert_eq!(outcome.state_root, of_twin.state_root, "block {block}: {scripts:#?}");
        nonce += SCRIPTS;
        assert_verified(&net).await;
        if block % 4 == 3 {
            net = net.restart().await;
        }
    }
    assert_verified(&twin).await;
    assert!(good > 40 && bad > 40, "{good} scripts were right, {bad} were wrong");
}
