//! SQL and actions through the command line: written through one node, read from another.

use anyhow::{Context as _, Result, ensure};
use kwil_api::RpcError;
use kwil_client::{Caller, ClientError, Parameters, UserClient};
use kwil_harness::network::{Member, Network, Plan};
use kwil_harness::{Host, Lab};
use serde_json::{Value, json};

use crate::load::{Client, Wallet};

/// A user at the keyboard of a host.
pub(crate) struct User {
    pub(crate) host: Host,
}

impl User {
    pub(crate) fn new(member: &Member, wallet: &Wallet) -> Self {
        let host = member
            .host
            .clone()
            .with_environment("KWILCLI_PROVIDER", &member.provider())
            .with_environment("KWILCLI_PRIVATE_KEY", &wallet.hex());
        Self { host }
    }

    pub(crate) fn types(&self, line: &str) -> Result<String> {
        self.host.shell(&format!("kwil-cli {line}"))?.ok()
    }

    /// Types a line whose standard input is a text.
    fn pipes(&self, input: &str, line: &str) -> Result<String> {
        let input = input.replace('\'', "'\\''");
        self.host.shell(&format!("printf %s '{input}' | kwil-cli {line}"))?.ok()
    }

    pub(crate) fn json(&self, line: &str) -> Result<Value> {
        let out = self.types(&format!("{line} --output json"))?;
        serde_json::from_str(&out).with_context(|| format!("`{line}` printed {out:?}"))
    }

    /// Exit status and everything printed by a command that fails.
    pub(crate) fn fails(&self, line: &str) -> Result<(i32, String)> {
        let ran = self.host.shell(&format!("kwil-cli {line}"))?;
        ensure!(!ran.status.success(), "`{line}` did not fail: {}", ran.stdout);
        Ok((ran.status.code().unwrap_or(-1), format!("{}{}", ran.stdout, ran.stderr)))
    }
}

pub(crate) fn plan(owner: &Wallet, others: &[&Wallet]) -> Plan {
    Plan {
        alloc: std::iter::once(owner).chain(others.iter().copied()).map(Wallet::alloc).collect(),
        owner: Some(owner.signer().identifier()),
        ..Plan::default()
    }
}

const SCHEMA: &str = "CREATE NAMESPACE shop;
SET CURRENT NAMESPACE TO shop;
CREATE TABLE items (id INT8 PRIMARY KEY, name TEXT NOT NULL UNIQUE, price NUMERIC(10,2), tags TEXT[]);
CREATE ACTION add($id INT8, $name TEXT, $price NUMERIC(10,2), $tags TEXT[]) PUBLIC {
    IF $price < 0.00 { ERROR('a price is not negative'); }
    NOTICE('adding ' || $name);
    INSERT INTO items VALUES ($id, $name, $price, $tags);
};
CREATE ACTION get($id INT8) PUBLIC VIEW RETURNS TABLE(id INT8, name TEXT, price NUMERIC(10,2), tags TEXT[]) {
    NOTICE('looking');
    RETURN SELECT id, name, price, tags FROM items WHERE id = $id;
};
CREATE ACTION whoami() PUBLIC VIEW RETURNS (who TEXT) { RETURN @caller; };
CREATE ACTION refuse($why TEXT) PUBLIC VIEW { ERROR('refused: ' || $why); };
CREATE ACTION wrong() PUBLIC VIEW RETURNS (n INT8) {
    RETURN SELECT missing FROM items;
};
";

/// Height of a transaction that was waited for.
pub(crate) fn height(sent: &Value) -> Result<u64> {
    ensure!(sent["result"]["tx_result"]["code"] == 0, "{sent}");
    sent["result"]["height"].as_u64().with_context(|| format!("no height in {sent}"))
}

#[test]
fn a_schema_written_through_one_node_is_used_through_another() -> Result<()> {
    let (owner, guest) = (Wallet::new(1), Wallet::new(2));
    let lab = Lab::new()?;
    let network = Network::start(&lab, 2, &plan(&owner, &[&guest]))?;
    let [first, second] = network.members.as_slice() else { anyhow::bail!("two nodes") };
    let (owner, guest) = (User::new(first, &owner), User::new(second, &guest));

    std::fs::write(first.host.path("~/schema.sql"), SCHEMA)?;
    owner.json("exec-sql --file ~/schema.sql --sync")?;
    let by_name = "exec-action add -n shop -p id:int8=1 -p name:text=Lamp -p 'price:numeric(10,2)=12.5' \
                   -p 'tags:text[]=[new,\"on sale\"]' --sync";
    let at = height(&owner.json(by_name)?)?;

    let rows = guest.json(&format!("query \"{{shop}}SELECT * FROM items\" --min-height {at}"))?;
    ensure!(
        rows["result"]["values"] == json!([["1", "Lamp", "12.50", ["new", "on sale"]]]),
        "{rows}"
    );
    let table = guest.types("call-action get int8:1 -n shop")?;
    ensure!(
        table
            == "| id | name | price |        tags       |\n\
                +----+------+-------+-------------------+\n\
                |  1 | Lamp | 12.50 | [\"new\",\"on sale\"] |\n",
        "{table}"
    );
    let logs = guest.json("call-action get -n shop -p id:int8=1 --logs")?;
    ensure!(logs["result"]["logs"] == "1. looking" && logs["result"]["error"].is_null(), "{logs}");
    let who = guest.json("call-action whoami -n shop --rpc-auth")?;
    ensure!(who["result"]["values"][0][0] == Wallet::new(2).signer().identifier(), "{who}");
    let empty =
        guest.types("query \"{shop}SELECT name FROM items WHERE id = \\$id\" -p id:int8=7")?;
    ensure!(empty == "No data to display.\n", "{empty}");

    records_of_a_file(&owner, first)?;
    every_way_to_say_it(&owner, first)?;
    values_of_every_type(&owner)?;
    refusals(&guest)?;
    places_of_failures(second)?;
    privileges(&owner, &guest)?;
    network.stop()
}

fn records_of_a_file(owner: &User, member: &Member) -> Result<()> {
    let text = "id,label,price\n10,one,1\n11,\"two, three\",2.345\n12,four,null\n";
    std::fs::write(member.host.path("~/items.csv"), text)?;
    let line = "exec-action add -n shop --csv ~/items.csv -m id:id,label:name,price:3 -p 'tags:text[]=' \
                --batch-size 2 --sync";
    let sent = owner.json(line)?;
    ensure!(sent["result"]["tx_hashes"].as_array().is_some_and(|all| all.len() == 2), "{sent}");
    let rows =
        owner.json("query \"{shop}SELECT name, price FROM items WHERE id >= 10 ORDER BY id\"")?;
    ensure!(
        rows["result"]["values"]
            == json!([["one", "1.00"], ["two, three", "2.35"], ["four", null]]),
        "{rows}"
    );
    Ok(())
}

/// Statements from arguments, flags, files and stdin; transactions that are not waited for; tables of every form.
fn every_way_to_say_it(owner: &User, member: &Member) -> Result<()> {
    let insert = |id: u32| format!("{{shop}}INSERT INTO items (id, name) VALUES ({id}, 'way{id}')");
    std::fs::write(member.host.path("~/insert.sql"), insert(32))?;
    height(&owner.json(&format!("exec-sql --stmt \"{}\" --sync", insert(30)))?)?;
    height(&owner.json(&format!("exec-sql --sql \"{}\" --sync", insert(31)))?)?;
    height(&owner.json("exec-sql -f ~/insert.sql --sync")?)?;
    owner.pipes(&insert(33), "exec-sql - --sync")?;
    owner.pipes(&insert(34), "exec-sql --file - --sync")?;
    // Positions count from 0 as soon as one of them is 0, and one record may be one transaction.
    std::fs::write(member.host.path("~/more.csv"), "\u{feff}id , \"name\"\n35,way35\n36,way36\n")?;
    let line = "exec-action add -n shop --csv ~/more.csv --csv-mapping id:0,name:1 -p price:int8=null -p tags:int8=null --batch-size 1 --sync";
    let sent = owner.json(line)?;
    ensure!(sent["result"]["tx_hashes"].as_array().is_some_and(|all| all.len() == 2), "{sent}");

    // Not waited for: the hash alone, which can be asked for, with a nonce of the caller's choice.
    let next = owner.json("account balance")?["result"]["nonce"].as_u64().context("a nonce")? + 1;
    let sent = owner.types(&format!("exec-sql \"{}\" --nonce {next}", insert(37)))?;
    let hash = sent.trim().strip_prefix("TxHash: ").with_context(|| format!("printed {sent}"))?;
    let told = owner.types(&format!("utils query-tx {hash} --wait"))?;
    ensure!(told.contains("Status: success"), "{told}");
    let (status, text) = owner.fails(&format!("exec-sql \"{}\" --nonce {next}", insert(38)))?;
    ensure!(status == 1 && text.contains("nonce"), "{status} {text}");

    let select = "{shop}SELECT id, name FROM items WHERE id >= 30 ORDER BY id LIMIT 2";
    std::fs::write(member.host.path("~/select.sql"), select)?;
    let table = "| id |  name |\n+----+-------+\n| 30 | way30 |\n| 31 | way31 |\n";
    for line in [
        format!("query \"{select}\""),
        format!("query -s \"{select}\""),
        "query -f ~/select.sql".into(),
    ] {
        let shown = owner.types(&line)?;
        ensure!(shown.replace(' ', "") == table.replace(' ', ""), "`{line}` printed\n{shown}");
    }
    ensure!(owner.pipes(select, "query -")?.contains("way31"), "query from stdin");
    let ruled = owner.types(&format!("query \"{select}\" --row-border"))?;
    ensure!(ruled.matches("+--").count() > table.matches("+--").count(), "{ruled}");
    let cut = owner.types(&format!("query \"{select}\" --max-row-width 3"))?;
    ensure!(!cut.contains("way30") && cut.contains("way"), "{cut}");
    let names = owner
        .json("query \"{shop}SELECT name FROM items WHERE id BETWEEN 30 AND 37 ORDER BY id\"")?;
    let wanted: Vec<_> = (30..38).map(|id| json!([format!("way{id}")])).collect();
    ensure!(names["result"]["values"] == Value::from(wanted), "{names}");
    let spaces = owner.json("query 'SELECT name, type FROM info.namespaces ORDER BY name'")?;
    let wanted = json!([["info", "SYSTEM"], ["main", "SYSTEM"], ["shop", "USER"]]);
    ensure!(spaces["result"]["values"] == wanted, "{spaces}");
    Ok(())
}

/// A value of every type, as it is typed and as it comes back.
fn values_of_every_type(owner: &User) -> Result<()> {
    let values = [
        ("int8", "-9223372036854775808", "-9223372036854775808"),
        ("bool", "true", "true"),
        ("text", "'it is; -- \"x\"'", "it is; -- \"x\""),
        ("numeric(10,2)", "1.005", "1.01"),
        ("bytea", "0aff;hex", "Cv8="),
        ("bytea", "Cv8=", "Cv8="),
        ("uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    ];
    for (number, (data_type, typed, shown)) in (0..).zip(values) {
        let word = typed.replace('\'', "'\\''");
        let line = format!(
            "query 'SELECT $a{number} AS a, $none IS NULL AS missing' -p 'a{number}:{data_type}={word}' -p 'none:{data_type}=null'"
        );
        let answer = owner.json(&line)?;
        let row = &answer["result"]["values"][0];
        let got = row[0].as_str().map_or_else(|| row[0].to_string(), str::to_owned);
        ensure!(got == shown && row[1] == true, "`{line}` answered {answer}");
    }
    let line = "query 'SELECT $n AS n, $t AS t, $e AS e' -p 'n:int8[]=[1,,3]' -p 't:text[]=a, \"b,c\",null,\"\"' -p 'e:bool[]='";
    let answer = owner.json(line)?;
    let row = &answer["result"]["values"][0];
    ensure!(row[1] == json!(["a", "b,c", null, ""]), "{answer}");
    ensure!(row[0].as_array().is_some_and(|n| n.len() == 3 && n[1].is_null()), "{answer}");
    ensure!(row[2] == json!([]), "{answer}");
    Ok(())
}

/// Exit status and a part of what is printed, for each wrong command.
fn refusals(guest: &User) -> Result<()> {
    for (line, status, says) in [
        ("query \"SELEC 1\"", 2, "failed to parse SQL statement: syntax error"),
        ("query \"SELECT 1\" -p a:int8=x", 2, "error parsing value: \"x\""),
        ("query \"{nowhere}SELECT 1\"", 4, "namespace not found"),
        ("query \"{shop}SELECT missing FROM items\"", 1, "column not found"),
        ("query \"{shop}DELETE FROM items\"", 1, "user does not have privilege DELETE"),
        ("query \"SELECT 1 / 0\"", 1, "SQLSTATE 22012"),
        ("query \"SELECT now()\"", 1, "function does not exist"),
        ("query \"SELECT * FROM pg_catalog.pg_class\"", 4, "namespace not found"),
        ("call-action add int8:1 text:x 'numeric(10,2):1' null -n shop", 1, "cannot mutate state"),
        ("call-action get int8:1 int8:2 -n shop", 1, "action invocation error"),
        ("call-action nothing -n shop", 1, "unknown action"),
        (
            "call-action nothing -n shop -p a:int8=1",
            4,
            "action \"nothing\" not found in namespace \"shop\"",
        ),
        (
            "call-action get -n shop -p who:int8=1",
            2,
            "action does not have a parameter named \"who\"",
        ),
        ("call-action refuse text:why -n shop", 1, "Error: refused: why"),
        (
            "exec-action add int8:2 text:Bed 'numeric(10,2):-1' null -n shop --sync",
            6,
            "a price is not negative",
        ),
        ("exec-action add int8:1 text:Bed 'numeric(10,2):1' null -n shop --sync", 6, "23505"),
        (
            "exec-sql \"{shop}INSERT INTO items (id, name) VALUES (5, 'x')\" --sync",
            6,
            "user does not have privilege",
        ),
    ] {
        let (code, text) = guest.fails(line)?;
        ensure!(code == status && text.contains(says), "`{line}` exits with {code}: {text}");
    }
    Ok(())
}

/// What programs are told about a failure beside its text, over JSON-RPC and over gRPC.
fn places_of_failures(member: &Member) -> Result<()> {
    let place = |line: u32, column: u32| json!({ "line": line, "column": column });
    for provider in [member.provider(), member.provider().replace("http://", "grpc://")] {
        let client = Client::new(&provider)?;
        for (sql, told) in [
            ("SELECT 1;\n SELEC 1", json!({ "position": place(2, 2) })),
            (
                "SELECT 1;\n{shop}SELECT missing FROM items",
                json!({ "position": place(2, 14), "namespace": "shop" }),
            ),
            (
                "SELECT 1;\n  SELECT 1 / 0",
                json!({ "position": place(2, 3), "namespace": "main", "sqlstate": "22012" }),
            ),
        ] {
            let asked = client.run(async |user| Ok(user.query(sql, &Parameters::new()).await))?;
            let Err(ClientError::Rpc(error)) = asked else { anyhow::bail!("{sql}: {asked:?}") };
            ensure!(data_of(&error) == told, "{provider}: {sql}: {error:?}");
        }
        for (action, told) in [
            ("wrong", json!({ "position": place(2, 19), "namespace": "shop", "action": "wrong" })),
            ("get", json!({ "namespace": "shop", "action": "get" })),
        ] {
            let nobody = Caller::Anonymous;
            let called =
                async |user: &UserClient| Ok(user.call_action("shop", action, &[], nobody).await);
            let called = client.run(called)?;
            let Err(ClientError::Rpc(error)) = called else {
                anyhow::bail!("{action}: {called:?}")
            };
            ensure!(data_of(&error) == told, "{provider}: {action}: {error:?}");
        }
    }
    Ok(())
}

/// The details that say where it happened, and PostgreSQL's code.
fn data_of(error: &RpcError) -> Value {
    let known = ["position", "namespace", "action", "sqlstate"];
    let details = error.details().filter(|(key, _)| known.contains(key));
    details.map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

fn privileges(owner: &User, guest: &User) -> Result<()> {
    let address = Wallet::new(2).signer().identifier();
    owner.json(&format!(
        "exec-sql \"CREATE ROLE seller; GRANT INSERT ON shop TO seller; GRANT seller TO '{address}';\" --sync"
    ))?;
    let line = "exec-sql \"{shop}INSERT INTO items (id, name) VALUES (\\$id, \\$name)\" -p id:int8=5 -p name:text=x --sync";
    height(&guest.json(line)?)?;
    let (status, text) = guest.fails("exec-sql \"{shop}DELETE FROM items\" --sync")?;
    ensure!(status == 6 && text.contains("user does not have privilege"), "{status} {text}");
    Ok(())
}

/// A statement without an end has no result on any node: the leader gives its block up, and what others sent goes on, that
/// which was in the same block, too.
#[test]
fn an_endless_statement_of_a_stranger_does_not_stop_a_network() -> Result<()> {
    let (owner, stranger) = (Wallet::new(1), Wallet::new(2));
    let lab = Lab::new()?;
    let flags = vec!["--consensus.max_tx_time".to_owned(), "3s".to_owned()];
    let network = Network::start(&lab, 2, &Plan { flags, ..plan(&owner, &[]) })?;
    let [first, second] = network.members.as_slice() else { anyhow::bail!("two nodes") };
    let (owner, stranger) = (User::new(first, &owner), User::new(second, &stranger));
    owner.json("exec-sql 'CREATE TABLE t (id INT PRIMARY KEY)' --sync")?;
    let endless = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT (n + 1) % 1000 FROM r) SELECT count(*) FROM r";
    let sent = stranger.types(&format!("exec-sql '{endless}'"))?;
    let hash = sent.trim().strip_prefix("TxHash: ").with_context(|| format!("printed {sent}"))?;
    // With the endless one, or after it.
    for id in 2..6 {
        owner.types(&format!("exec-sql 'INSERT INTO t VALUES ({id})'"))?;
    }
    let at = height(&owner.json("exec-sql 'INSERT INTO t VALUES (1)' --sync")?)?;
    let rows = stranger.json(&format!("query 'SELECT count(*) FROM t' --min-height {at}"))?;
    ensure!(rows["result"]["values"] == json!([["5"]]), "{rows}");
    let told = stranger.host.shell(&format!("kwil-cli utils query-tx {hash}"))?;
    ensure!(!format!("{told:?}").contains("success"), "{told:?}");
    // A read of it ends at the limit of the node.
    let (_, text) = stranger.fails(&format!("query '{endless}'"))?;
    ensure!(text.contains("timeout"), "{text}");
    network.stop()
}
