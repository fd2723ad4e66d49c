//! The conformance cases of the language, through the whole engine on PostgreSQL.
//!
//! A case runs in a block of its own that is rolled back; one that needs a read connection or a restart gets a database of
//! its own.

mod case;
mod notation;

use std::collections::BTreeMap;

use kwil_engine::{
    Call, Engine, EngineError, Extensions, Failure, Invocation, Limits, Outcome, QueryResult,
    ReadLimits, Results, Terms,
};
use kwil_state::testing::{TestDatabase, genesis_with_language, reads_of, write_session};
use kwil_state::{Block, Database, NodeFault, Writer};
use kwil_types::Value;
use tokio_util::sync::CancellationToken;

use self::case::{Case, Do, cases};
use crate::fixture::{commit, identity, next};

const OWNER: &str = "owner";
const READ: ReadLimits = ReadLimits { rows: 10_000, bytes: 64 << 20 };

/// What a case gave.
#[derive(Debug)]
struct Got {
    result: Result<QueryResult, Failure>,
    log: String,
}

fn engine() -> Engine {
    Engine::new(Extensions::new())
}

fn invocation(case: &Case, caller: &str) -> Invocation {
    Invocation {
        caller: caller.to_owned(),
        signer: (!caller.is_empty()).then(|| caller.as_bytes().to_vec()),
        authenticator: if caller.is_empty() { String::new() } else { "secp256k1_ep".into() },
        txid: case.txid.clone(),
        height: case.height,
        block_timestamp: case.timestamp,
        ..Invocation::default()
    }
}

fn got(outcome: Outcome<NodeFault>) -> Got {
    let result = outcome.result.map_err(|error| match error {
        EngineError::Failed(failure) => *failure,
        EngineError::Fault(fault) => panic!("the node is at fault: {fault}"),
    });
    Got { result, log: outcome.log }
}

/// A transaction: what it did stays only when it succeeds.
struct Tx<'e, 'b, 'w> {
    engine: &'e Engine,
    block: &'b mut Block<'w>,
}

impl Tx<'_, '_, '_> {
    async fn script(
        &mut self,
        invocation: &Invocation,
        source: &str,
        parameters: &BTreeMap<String, Value>,
    ) -> Got {
        self.block.savepoint().await.unwrap();
        let terms = Terms { invocation, limits: &Limits::NETWORK };
        let mut session = write_session(self.block).unwrap();
        let results = Results::Collect(READ);
        let running =
            self.engine.run_script(&mut session, terms, source, parameters.clone(), results);
        let got = got(running.await);
        drop(session);
        self.close(got).await
    }

    async fn call(
        &mut self,
        invocation: &Invocation,
        (namespace, action): (&str, &str),
        arguments: Vec<Value>,
    ) -> Got {
        self.block.savepoint().await.unwrap();
        let terms = Terms { invocation, limits: &Limits::NETWORK };
        let mut session = write_session(self.block).unwrap();
        let call = Call { namespace, action, arguments };
        let got = got(self.engine.call(&mut session, terms, call, Results::Collect(READ)).await);
        drop(session);
        self.close(got).await
    }

    async fn close(&mut self, got: Got) -> Got {
        if got.result.is_ok() {
            self.block.release().await.unwrap();
        } else {
            self.block.rollback().await.unwrap();
        }
        got
    }

    /// Fixture and setup, each statement a transaction of the owner.
    async fn prepare(&mut self, case: &Case) -> Result<(), String> {
        for statement in &case.setup {
            let owner = invocation(case, OWNER);
            let got = self.script(&owner, statement, &BTreeMap::new()).await;
            got.result.map_err(|failure| format!("setup failed: {statement}: {failure}"))?;
        }
        Ok(())
    }

    async fn run(&mut self, case: &Case) -> Got {
        let caller = invocation(case, &case.caller);
        match &case.run {
            Do::Parse(source) => {
                let result = kwil_lang::parse_script(source);
                let result = result.map(|_| QueryResult::default()).map_err(Failure::from);
                Got { result, log: String::new() }
            }
            Do::Script(source) => self.script(&caller, source, &case.parameters).await,
            Do::Call { namespace, action, arguments } => {
                self.call(&caller, (namespace, action), arguments.clone()).await
            }
            Do::Body(create) => {
                let owner = invocation(case, OWNER);
                let made = self.script(&owner, create, &BTreeMap::new()).await;
                if made.result.is_err() {
                    return made;
                }
                self.call(&caller, ("main", "t"), Vec::new()).await
            }
        }
    }

    async fn check(&mut self, case: &Case, source: &str) -> Got {
        let owner = invocation(case, OWNER);
        self.script(&owner, source, &BTreeMap::new()).await
    }
}

/// Runs a case in an open block. `Err` says what is not as expected.
async fn in_block(engine: &Engine, block: &mut Block<'_>, case: &Case) -> Result<(), String> {
    let mut tx = Tx { engine, block };
    tx.prepare(case).await?;
    let got = tx.run(case).await;
    let checked = match &case.check {
        Some(source) => Some(tx.check(case, source).await),
        None => None,
    };
    case.expect.compare(got, checked)
}

/// A committed genesis.
async fn genesis() -> (TestDatabase, Writer) {
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    genesis_with_language(&mut block, &identity(), OWNER).await.unwrap();
    commit(&mut writer).await;
    (database, writer)
}

#[tokio::test]
async fn every_case_gives_what_it_says() {
    let only = std::env::var("CASE").ok();
    let wanted = |case: &&Case| only.as_ref().is_none_or(|only| case.id.starts_with(only.as_str()));
    let cases = cases();
    assert!(cases.len() >= 359, "{} cases", cases.len());
    let (database, mut writer) = genesis().await;
    let mut engine = engine();
    let (mut failures, mut ran) = (Vec::new(), 0_usize);
    for case in cases.iter().filter(wanted).filter(|case| !case.readonly) {
        let mut block = next(&mut writer).await;
        let result = in_block(&engine, &mut block, case).await;
        ran += 1;
        failures.extend(result.err().map(|problem| format!("{}: {problem}", case.id)));
        if case.restart {
            failures.extend(again(&mut writer, &engine, case).await);
            writer.close().await;
            writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
            engine = self::engine();
        } else {
            writer.abort().await;
        }
    }
    for case in cases.iter().filter(wanted).filter(|case| case.readonly) {
        ran += 1;
        failures
            .extend(Box::pin(read_only(case)).await.err().map(|it| format!("{}: {it}", case.id)));
    }
    assert!(
        failures.is_empty(),
        "{} of {ran} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The case once more, in a database that was opened anew after its setup.
async fn again(writer: &mut Writer, engine: &Engine, case: &Case) -> Option<String> {
    writer.abort().await;
    let (database, mut fresh) = genesis().await;
    let mut block = next(&mut fresh).await;
    let prepared = Tx { engine, block: &mut block }.prepare(case).await;
    commit(&mut fresh).await;
    fresh.close().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = next(&mut writer).await;
    let rest = Case { setup: Vec::new(), ..case.clone() };
    let result = match prepared {
        Ok(()) => in_block(&self::engine(), &mut block, &rest).await,
        Err(problem) => Err(problem),
    };
    result.err().map(|problem| format!("{} after a restart: {problem}", case.id))
}

/// A case on a read connection, over what its setup committed.
async fn read_only(case: &Case) -> Result<(), String> {
    let (database, mut writer) = genesis().await;
    let mut block = next(&mut writer).await;
    Tx { engine: &engine(), block: &mut block }.prepare(case).await?;
    commit(&mut writer).await;
    let readers = Database::new(database.endpoint().clone(), 10);
    let reads = reads_of(&writer, engine(), &readers);
    let (caller, bounds) = (invocation(case, &case.caller), kwil_state::ReadBounds::default());
    let (result, log) = match &case.run {
        Do::Script(source) => {
            let parameters = case.parameters.clone();
            let read = reads.query(source, parameters, caller, bounds).await;
            (read.map(|answer| answer.result), String::new())
        }
        Do::Call { namespace, action, arguments } => {
            let read = reads.call(namespace, action, arguments.clone(), caller, bounds).await;
            match read {
                Ok(answer) => (Ok(answer.result), answer.logs),
                Err(error) => (Err(error), String::new()),
            }
        }
        Do::Parse(_) | Do::Body(_) => return Err("not a read".into()),
    };
    let result = result.map_err(|error| match error {
        kwil_state::ReadError::Failed(failure) => *failure,
        error => panic!("{error}"),
    });
    case.expect.compare(Got { result, log }, None)
}
