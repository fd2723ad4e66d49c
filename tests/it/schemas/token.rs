//! The token: balances, allowances, an audited journal.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Stage, caught_up};

const SCHEMA: &str = include_str!("../../../examples/schemas/token.sql");

#[test]
fn tokens_are_minted_paid_and_spent_on_behalf_of_others() -> Result<()> {
    let stage = Stage::set("token", SCHEMA)?;
    let (owner, ann, bob) = (stage.user(1), stage.user(2), stage.user(3));
    let [to_ann, to_bob] = [&ann, &bob].map(|user| format!("text:{}", user.address()));
    let amount = |digits: &str| format!("numeric(78,0):{digits}");

    let log = owner.executes("mint", &[&to_ann, &amount("1000000000000000000000")])?;
    ensure!(log.contains("1. minted 1000000000000000000000 to "), "{log}");
    ann.fails("mint", &[&to_ann, &amount("1")], "action is owner-only")?;
    ann.fails("record", &["text:mint", "null", &to_ann, &amount("5")], "action is private")?;
    ann.executes("transfer", &[&to_bob, &amount("250")])?;
    bob.fails("transfer", &[&to_ann, &amount("251")], "insufficient balance")?;
    bob.fails("transfer", &[&to_ann, &amount("0")], "the amount must be positive")?;
    bob.fails("transfer", &[&to_ann, "int8:5"], "type error")?;

    ann.executes("approve", &[&to_bob, &amount("40")])?;
    ann.executes("increase_allowance", &[&to_bob, &amount("2")])?;
    bob.executes("transfer_from", &[&to_ann, &to_bob, &amount("42")])?;
    bob.fails(
        "transfer_from",
        &[&to_ann, &to_bob, &amount("1")],
        "the allowance of 0 is too small",
    )?;

    let receivers = format!("text[]:[{},{}]", bob.address(), owner.address());
    let log = ann.executes("transfer_many", &[&receivers, "numeric(78,0)[]:[3,5]"])?;
    ensure!(log == "1. paid 2 receivers 8", "{log}");
    let too_much = "numeric(78,0)[]:[3,999999999999999999999999]";
    ann.fails("transfer_many", &[&receivers, too_much], "insufficient balance")?;
    bob.executes("burn", &[&amount("5")])?;

    caught_up(&stage)?;
    ensure!(bob.reads("balance_of", &[&to_bob])? == [json!(["290"])]);
    ensure!(bob.reads("total_supply", &[])? == [json!(["999999999999999999995"])]);
    ensure!(bob.reads("allowance", &[&to_ann, &to_bob])? == [json!(["0"])]);
    let holders = bob.reads("holders", &["int8:2"])?;
    ensure!(holders.len() == 2 && holders[0][1] == ann.address().as_str(), "{holders:?}");
    let statement = bob.reads("statement", &[&to_bob])?;
    let balances: Vec<&str> = statement.iter().filter_map(|row| row[4].as_str()).collect();
    ensure!(balances == ["250", "292", "295", "290"], "{statement:?}");
    ensure!(bob.reads("audit", &[])? == [json!(["3", "0"])]);
    stage.end()
}
