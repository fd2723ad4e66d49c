//! Time series: rights, bulk inserts, composed streams.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Stage, caught_up};

const SCHEMA: &str = include_str!("../../../examples/schemas/timeseries.sql");

fn column(rows: &[Value], at: usize) -> Vec<&str> {
    rows.iter().filter_map(|row| row[at].as_str()).collect()
}

#[test]
fn streams_are_written_shared_and_composed() -> Result<()> {
    let stage = Stage::set("timeseries", SCHEMA)?;
    let (ann, bob, cyd) = (stage.user(2), stage.user(3), stage.user(4));
    let to_bob = format!("text:{}", bob.address());
    ann.executes("create_stream", &["text:milk"])?;
    ann.executes("create_stream", &["text:eggs", "bool:true"])?;
    ann.fails("create_stream", &["text:milk"], "duplicate key value violates unique constraint")?;
    ann.fails("create_stream", &["text:\"\""], "violates check constraint")?;
    ann.executes(
        "insert_points",
        &["text:milk", "int8[]:[10,20,30]", "numeric(36,18)[]:[1.5,3,2.25]"],
    )?;
    ann.executes("insert_points", &["text:milk", "int8[]:[20]", "numeric(36,18)[]:[2]"])?;
    ann.executes("insert_points", &["text:eggs", "int8[]:[15,30]", "numeric(36,18)[]:[4,6]"])?;

    let points = &["text:milk", "int8[]:[40]", "numeric(36,18)[]:[9]"];
    bob.fails("insert_points", points, "no right to write to stream milk")?;
    bob.fails("share", &["text:milk", &to_bob, "bool:true"], "only its owner may do this")?;
    ann.executes("share", &["text:milk", &to_bob, "bool:true"])?;
    bob.executes("insert_points", points)?;
    let uneven = &["text:milk", "int8[]:[1,2]", "numeric(36,18)[]:[9]"];
    bob.fails("insert_points", uneven, "every point needs a time and a value")?;

    let parts = ["text[]:[milk,eggs]", "numeric(36,18)[]:[1,3]"];
    ann.executes("create_composed", &["text:basket", parts[0], parts[1]])?;
    caught_up(&stage)?;
    let milk = cyd.reads("get_points", &["text:milk"])?;
    ensure!(column(&milk, 0) == ["10", "20", "30", "40"], "{milk:?}");
    ensure!(column(&milk, 1)[1] == "2.000000000000000000", "{milk:?}");
    cyd.cannot_read("get_points", &["text:eggs"], "no right to read stream eggs")?;
    cyd.cannot_read("get_points", &["text:tea"], "no such stream: tea")?;

    let at_30 = ann.reads("value_at", &["text:basket", "int8:30"])?;
    ensure!(at_30 == [json!(["5.062500000000000000"])], "{at_30:?}");
    let basket = ann.reads("composed_points", &["text:basket", "int8:0", "int8:30"])?;
    ensure!(column(&basket, 0) == ["10", "15", "20", "30"], "{basket:?}");
    let changes = cyd.reads("changes", &["text:milk"])?;
    ensure!(changes[0][2].is_null() && changes[2][2] == "12.500000000000000000", "{changes:?}");
    let sums = cyd.reads("moving_sum", &["text:milk", "int8:2"])?;
    let want = ["1.5", "3.5", "4.25", "11.25"];
    let got: Vec<&str> = column(&sums, 1).iter().map(|sum| sum.trim_end_matches('0')).collect();
    ensure!(got == want, "{sums:?}");
    let summary = cyd.reads("summary", &["text:milk"])?;
    ensure!(summary[0][0] == "4" && summary[0][5] == "3.687500000000000000", "{summary:?}");
    let streams = cyd.reads("list_streams", &[])?;
    ensure!(streams.len() == 3 && streams[2][4] == json!([bob.address()]), "{streams:?}");

    bob.fails("delete_points", &["text:milk", "int8:0", "int8:99"], "only its owner")?;
    ann.executes("delete_points", &["text:milk", "int8:0", "int8:25"])?;
    ann.executes("unshare", &["text:milk", &to_bob])?;
    bob.fails("insert_points", points, "no right to write to stream milk")?;
    caught_up(&stage)?;
    ensure!(column(&cyd.reads("get_points", &["text:milk"])?, 0) == ["30", "40"]);
    stage.end()
}
