//! Private mode: a node that answers nobody whose name it has no proof of, and shows no transaction.

use anyhow::{Context as _, Result, ensure};
use kwil_api::RpcCode;
use kwil_api::user::Mode;
use kwil_client::{Caller, ClientError, Parameters};
use kwil_harness::Lab;
use kwil_harness::network::{Network, Plan};
use serde_json::{Value, json};

use crate::data::{User, height, plan};
use crate::load::{Client, Wallet};

const SCHEMA: &str = "CREATE TABLE notes (id INT8 PRIMARY KEY, text TEXT);
CREATE ACTION add($id INT8, $text TEXT) PUBLIC { INSERT INTO notes VALUES ($id, $text); };
CREATE ACTION get($id INT8) PUBLIC VIEW RETURNS (text TEXT, who TEXT) {
    FOR $row IN SELECT text FROM notes WHERE id = $id { RETURN $row.text, @caller; }
};
";

#[test]
fn a_private_network_answers_those_who_prove_who_they_are() -> Result<()> {
    let (owner, guest) = (Wallet::new(1), Wallet::new(2));
    let lab = Lab::new()?;
    let flags = vec!["--rpc.private".to_owned()];
    let network = Network::start(&lab, 2, &Plan { flags, ..plan(&owner, &[]) })?;
    let [first, second] = network.members.as_slice() else { anyhow::bail!("two nodes") };

    std::fs::write(first.host.path("~/schema.sql"), SCHEMA)?;
    let author = User::new(first, &owner);
    author.json("exec-sql --file ~/schema.sql --sync")?;
    // By name: the parameters are asked for with a signature.
    let sent = author.json("exec-action add -p id:int8=1 -p text:text=secret --sync")?;
    let at = height(&sent)?;

    let reader = User::new(second, &guest);
    let stranger =
        User { host: second.host.clone().with_environment("KWILCLI_PROVIDER", &second.provider()) };
    queries(&reader, &stranger, at)?;
    calls(&reader, &stranger, &guest.signer().identifier())?;
    without_proof(&Client::new(&second.provider())?, &guest)?;
    let hash = sent["result"]["tx_hash"].as_str().with_context(|| format!("no hash in {sent}"))?;
    hidden(&stranger, hash)?;
    network.stop()
}

fn queries(reader: &User, stranger: &User, at: u64) -> Result<()> {
    let query = "query 'SELECT text FROM notes WHERE id = $id' -p id:int8=1";
    let rows = reader.json(&format!("{query} --rpc-auth --min-height {at}"))?;
    ensure!(rows["result"]["values"] == json!([["secret"]]), "{rows}");
    let denied = "query is prohibited when authenticated calls are enforced (private mode)";
    for user in [reader, stranger] {
        let (status, text) = user.fails(query)?;
        ensure!(status == 1 && text.contains(denied), "{status} {text}");
    }
    let (status, text) = stranger.fails(&format!("{query} --rpc-auth"))?;
    ensure!(
        status == 2 && text.contains("private key not provided for authenticated calls"),
        "{text}"
    );
    // What is wrong with a statement is told to those who may ask.
    let (_, text) = reader.fails("query 'SELECT missing FROM notes' --rpc-auth")?;
    ensure!(text.contains("column not found"), "{text}");
    Ok(())
}

fn calls(reader: &User, stranger: &User, address: &str) -> Result<()> {
    for line in [
        "call-action get int8:1 --rpc-auth",
        "call-action get -p id:int8=1 --rpc-auth",
        // The node says that it wants proof, and there is a key.
        "call-action get int8:1",
        "call-action get -p id:int8=1",
    ] {
        let rows = reader.json(line)?;
        ensure!(rows["result"]["values"] == json!([["secret", address]]), "`{line}`: {rows}");
    }
    for line in ["call-action get int8:1", "call-action get int8:1 --rpc-auth"] {
        let (status, text) = stranger.fails(line)?;
        let says = "private key not provided for authenticated calls";
        ensure!(status == 2 && text.contains(says), "`{line}`: {status} {text}");
    }
    Ok(())
}

/// The codes that programs are refused with.
fn without_proof(client: &Client, guest: &Wallet) -> Result<()> {
    let health = client.run(async |user| user.health().await)?;
    ensure!(health.mode == Mode::Private, "{health:?}");
    let code = |refused: ClientError| refused.rpc().map(kwil_api::RpcError::code);
    let nothing = Parameters::new();
    // Refused before anything else is looked at.
    for sql in ["SELECT 1", "SELEC"] {
        let asked = client.run(async |user| Ok(user.query(sql, &nothing).await))?;
        ensure!(asked.err().and_then(code) == Some(RpcCode::NO_QUERIES), "{sql}");
    }
    let signer = guest.signer();
    for caller in [Caller::Anonymous, Caller::Claimed(&signer)] {
        let call = async |user: &kwil_client::UserClient| {
            Ok(user.call_action("main", "get", &[1.into()], caller).await)
        };
        let called = client.run(call)?;
        let code = called.err().and_then(code);
        ensure!(code == Some(RpcCode::CHALLENGE_NOT_FOUND), "{caller:?}: {code:?}");
    }
    Ok(())
}

/// A transaction is told about, not shown.
fn hidden(stranger: &User, hash: &str) -> Result<()> {
    let told = stranger.json(&format!("utils query-tx {hash}"))?;
    let tx: &Value = &told["result"]["tx"];
    ensure!(told["result"]["tx_result"]["code"] == 0, "{told}");
    ensure!(tx["body"]["type"] == "execute" && tx["body"]["nonce"] == 2, "{told}");
    ensure!(tx["body"]["payload"] == "" && tx["signature"]["sig"] == "", "{told}");
    Ok(())
}
