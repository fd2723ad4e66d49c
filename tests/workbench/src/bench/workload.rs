//! What transactions of a benchmark do.

use anyhow::Result;
use kwil_types::{Array, EncodedValue, Execute, Payload, RawStatement, Scalar, TypeKind, Value};

/// Tables and actions of every workload.
pub(super) const SCHEMA: &str = "
    CREATE TABLE notes (id INT8 PRIMARY KEY, author TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INT8 NOT NULL);
    GRANT INSERT ON main TO default;
    CREATE ACTION add_note($id INT8, $body TEXT) PUBLIC {
        INSERT INTO notes (id, author, body) VALUES ($id, @caller, $body);
    };
    CREATE ACTION add_counted($id INT8, $body TEXT) PUBLIC {
        INSERT INTO notes (id, author, body) VALUES ($id, @caller, $body);
        INSERT INTO counters (name, value) VALUES (@caller, 1)
            ON CONFLICT (name) DO UPDATE SET value = counters.value + 1;
        FOR $row IN SELECT value FROM counters WHERE name = @caller {
            IF $row.value < 1 { ERROR('not counted'); }
        }
    };
    CREATE ACTION add_many($ids INT8[], $bodies TEXT[]) PUBLIC {
        INSERT INTO notes (id, author, body)
        SELECT n.id, @caller, n.body FROM unnest($ids, $bodies) AS n(id, body);
    };
    CREATE ACTION add_loop($first INT8, $count INT8) PUBLIC {
        FOR $i IN 1..$count {
            INSERT INTO notes (id, author, body) VALUES ($first + $i, @caller, 'a note of a loop');
        }
    };
    CREATE ACTION get_note($id INT8) PUBLIC VIEW RETURNS (author TEXT, body TEXT) {
        RETURN SELECT author, body FROM notes WHERE id = $id;
    };
    CREATE ACTION get_notes($count INT8) PUBLIC VIEW RETURNS TABLE (id INT8, author TEXT, body TEXT) {
        RETURN SELECT id, author, body FROM notes ORDER BY id LIMIT $count;
    };
";

const BODY: &str = "forty bytes of a note that says nothing.";

/// A kind of transaction.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// Rows that one transaction inserts.
    pub(super) rows: usize,
    /// Statements for single rows that do the same.
    pub(super) statements: usize,
    /// The payload that inserts so many rows from a number on.
    pub(super) payload: fn(i64, usize) -> Result<Payload>,
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "action, one insert",
        rows: 1,
        statements: 1,
        payload: |id, _| one("add_note", id),
    },
    Workload {
        name: "action, three statements",
        rows: 1,
        statements: 3,
        payload: |id, _| one("add_counted", id),
    },
    Workload { name: "raw insert", rows: 1, statements: 1, payload: |id, _| raw(id) },
    Workload { name: "array of 1,000 rows", rows: 1_000, statements: 1_000, payload: many },
    Workload { name: "loop of 100 inserts", rows: 100, statements: 100, payload: looped },
];

fn one(action: &str, id: i64) -> Result<Payload> {
    call(action, &[id.into(), BODY.into()])
}

fn raw(id: i64) -> Result<Payload> {
    let statement = format!("INSERT INTO notes (id, author, body) VALUES ({id}, 'raw', '{BODY}')");
    Ok(Payload::RawStatement(RawStatement { statement, parameters: Vec::new() }))
}

fn many(first: i64, rows: usize) -> Result<Payload> {
    let ids = (first..).take(rows).map(|id| Some(Scalar::Int8(id))).collect();
    let bodies = vec![Some(Scalar::Text(BODY.into())); rows];
    let ids = Value::Array(Array::new(TypeKind::Int8, ids)?);
    let bodies = Value::Array(Array::new(TypeKind::Text, bodies)?);
    call("add_many", &[ids, bodies])
}

fn looped(first: i64, rows: usize) -> Result<Payload> {
    call("add_loop", &[first.into(), i64::try_from(rows)?.into()])
}

fn call(action: &str, values: &[Value]) -> Result<Payload> {
    let values = values.iter().map(EncodedValue::from_value).collect::<Result<Vec<_>, _>>()?;
    Ok(Payload::Execute(Execute::new("main", action, vec![values])?))
}
