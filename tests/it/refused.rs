//! What a running node refuses from users and operators.

use anyhow::{Result, ensure};
use kwil_client::{ClientError, TxDraft};
use kwil_harness::Lab;
use kwil_harness::network::{Member, Network, Plan};
use kwil_types::{RawTx, Transaction};
use serde_json::{Value, json};

use crate::load::{CHAIN, Client, Wallet};

/// Sends it; returns the refusal's code and text.
fn refusal(client: &Client, tx: &Transaction) -> Result<(Option<u32>, String)> {
    let sent = client.run(async |user| Ok(user.broadcast(tx.into()).await))?;
    match sent {
        Ok(done) => anyhow::bail!("it was accepted as {}", done.tx_hash),
        Err(ClientError::Rpc(error)) => Ok((error.tx_code(), error.to_string())),
        Err(other) => Err(other.into()),
    }
}

fn signed(wallet: &Wallet, nonce: u64, chain: &str) -> Result<RawTx> {
    let draft = TxDraft::transfer(Wallet::new(9).account(), 1_u64.into())?;
    Ok(draft.nonce(nonce).sign(&wallet.signer(), chain)?)
}

#[test]
fn bad_transactions_are_refused_with_their_codes() -> Result<()> {
    let lab = Lab::new()?;
    let wallet = Wallet::new(1);
    let network =
        Network::start(&lab, 1, &Plan { alloc: vec![wallet.alloc()], ..Plan::default() })?;
    let client = Client::new(&network.members[0].provider())?;
    let good = signed(&wallet, 1, CHAIN)?.transaction().clone();

    let mut forged = good.clone();
    let mut bytes = forged.signature.bytes.to_vec();
    bytes[5] ^= 1;
    forged.signature.bytes = bytes.into();
    ensure!(refusal(&client, &forged)?.0 == Some(3), "signature: {:?}", refusal(&client, &forged)?);

    let foreign = signed(&wallet, 1, "other-chain")?;
    ensure!(
        refusal(&client, foreign.transaction())?.0 == Some(5),
        "chain: {:?}",
        refusal(&client, foreign.transaction())?
    );

    for nonce in [0, 3] {
        let wrong = signed(&wallet, nonce, CHAIN)?;
        let got = refusal(&client, wrong.transaction())?;
        ensure!(got.0 == Some(4), "nonce {nonce}: {got:?}");
    }

    let mut garbled = good.clone();
    garbled.body.payload = vec![0xff; 7].into();
    let garbled = resigned(&wallet, garbled)?;
    ensure!(refusal(&client, &garbled)?.0 == Some(1), "payload: {:?}", refusal(&client, &garbled)?);

    let mut long = good.clone();
    long.body.description = "x".repeat(9 * 1024 * 1024);
    let sent = client.run(async |user| Ok(user.broadcast((&long).into()).await))?;
    let Err(refused) = sent else { anyhow::bail!("9 MiB of description were accepted") };
    ensure!(!refused.to_string().is_empty(), "no reason for {refused:?}");
    // Below the limit of requests, above that of transactions.
    let mut large = good.clone();
    large.body.payload = vec![0; 4 * 1024 * 1024 + 1024].into();
    let large = resigned(&wallet, large)?;
    ensure!(refusal(&client, &large)?.0 == Some(12), "size: {:?}", refusal(&client, &large)?);

    // None of them took the nonce.
    client.transfer(&wallet, &Wallet::new(9).account())?;
    let known = client.run(async |user| user.account(&wallet.account(), true).await)?;
    ensure!(known.nonce == 1, "nonce is {}", known.nonce);
    network.stop()
}

fn resigned(wallet: &Wallet, mut transaction: Transaction) -> Result<Transaction> {
    let message = transaction.signed_message()?;
    transaction.signature.bytes = wallet.signer().sign(&message).into();
    Ok(transaction)
}

/// Posts a body to the node's JSON-RPC endpoint.
fn post(node: &Member, params: &Value) -> Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "user.broadcast", "params": params});
    std::fs::write(node.host.path("/tmp/body.json"), body.to_string())?;
    let out = node.host.shell(&format!(
        "curl -s -H 'content-type: application/json' -d @{} {}/rpc/v1",
        node.host.named("/tmp/body.json"),
        node.provider()
    ))?;
    Ok(serde_json::from_str(&out.ok()?)?)
}

#[test]
fn json_rpc_and_cli_tell_code_and_hash_of_a_refused_transaction() -> Result<()> {
    let lab = Lab::new()?;
    let wallet = Wallet::new(1);
    let network =
        Network::start(&lab, 1, &Plan { alloc: vec![wallet.alloc()], ..Plan::default() })?;
    let node = &network.members[0];
    let wrong = signed(&wallet, 7, CHAIN)?;
    let answer =
        post(node, &json!({"tx": kwil_client::api::Transaction::from(wrong.transaction())}))?;
    let error = &answer["error"];
    ensure!(error["code"] == -201 && error["data"]["code"] == 4, "answered {answer}");
    ensure!(error["data"]["hash"] == wrong.id().to_string(), "answered {answer}");
    ensure!(
        error["data"]["message"].as_str().is_some_and(|text| text.contains("nonce")),
        "answered {answer}"
    );

    let out = node.host.run(&format!(
        "kwil-cli account transfer 0x00000000000000000000000000000000000A11ce 1 --nonce 7 --assume-yes --chain-id {CHAIN} --private-key {} --provider {}",
        wallet.hex(),
        node.provider()
    ))?;
    ensure!(out.status.code() == Some(1), "{out:?}");
    ensure!(out.stderr.contains("broadcast error: code = 4, hash = "), "printed {:?}", out.stderr);

    for params in [json!({}), json!({"tx": {"sender": "zz"}}), json!([1]), json!({"tx": 7})] {
        let answer = post(node, &params)?;
        ensure!(answer["error"]["code"] == -32602, "{params}: {answer}");
    }
    network.stop()
}

#[test]
fn joining_twice_and_approving_nobody_fail_in_words() -> Result<()> {
    let lab = Lab::new()?;
    let network = Network::start(&lab, 1, &Plan::default())?;
    let node = &network.members[0];
    let stranger = "03dbe22b9922b5c0f8f60c230446feaa1c132a93caa9dae83b5d4fab16c3404a22#secp256k1";
    for (line, words) in [
        ("kwil-admin validators join --wait".to_owned(), "already a validator"),
        (
            format!("kwil-admin validators approve {stranger} --wait"),
            "does not have a pending join request",
        ),
    ] {
        let ran = node.host.run(&line)?;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        ensure!(!ran.status.success(), "`{line}` succeeded: {said}");
        ensure!(said.contains(words), "`{line}` printed {said:?}");
    }
    network.stop()
}
