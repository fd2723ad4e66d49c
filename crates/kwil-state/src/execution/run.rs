//! One block from its plan to its app hash.

use std::sync::Arc;

use kwil_crypto::auth::Registry;
use kwil_crypto::{Hash, context, hash};
use kwil_engine::Engine;
use kwil_types::wire::Writer;
use kwil_types::{
    Amount, Header, ParamUpdates, ParamValue, Payload, PayloadType, TxCode, TxResult, Validator,
    updates_hash,
};

use super::batch::{Batch, Job};
use super::end::end_of_block;
use super::engine::{LeaderForms, Statement, invocation_of, with_error};
use super::outcome::{BlockInput, BlockOutcome, ExecuteError, InvalidBlock};
use super::plan::{Plan, Planned, plan};
use super::progress::Progress;
use super::state::{BlockContext, BlockState, Loaded, TxContext};
use crate::accounts::{AccountRow, BalanceError, Spent, Unspent};
use crate::block::Block;
use crate::canon::Cell;
use crate::fault::NodeFault;
use crate::network_state::NetworkState;
use crate::routes::{self, RouteError};
use crate::votes::{ProcessedRow, ResolutionRow};

/// What execution needs beside the block and the database.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) chain_id: String,
    pub(crate) authenticators: Arc<Registry>,
    pub(crate) engine: Option<Arc<Engine>>,
    /// Where the running block stands.
    pub(crate) progress: Progress,
    /// Payloads of the engine may travel together.
    pub(crate) together: bool,
}

/// Executes a block in its open transaction. The caller seals, and rolls everything back when this fails.
pub(crate) async fn run(
    sources: &Sources,
    committed: &NetworkState,
    prev_app_hash: Hash,
    block: &mut Block<'_>,
    input: &BlockInput,
) -> Result<BlockOutcome, ExecuteError> {
    let plan = plan(input, &sources.chain_id, &sources.authenticators, committed)?;
    let loaded = load(block, &plan).await?;
    // The header has milliseconds; everything that execution sees is whole seconds.
    let seconds = input.header.time_ms.checked_div(1000).unwrap_or(0);
    let time = i64::try_from(seconds).unwrap_or(i64::MAX);
    let height = input.header.height.get();
    let context = BlockContext { height, time, proposer: input.header.proposer };
    let leader = LeaderForms::of(&context.proposer);
    let mut state = BlockState::new(context, committed, loaded);
    replace_leader(&mut state, input)?;
    let mut results = Vec::with_capacity(plan.txs.len());
    let progress = &sources.progress;
    let new_batch = |engine| Batch::new(engine, sources.together, progress.clone());
    let mut batch = sources.engine.as_deref().map(new_batch);
    for planned in &plan.txs {
        let result = match transaction(sources, &mut state, &leader, (results.len(), planned))? {
            Step::Done(result) => result,
            Step::Engine(job) => match &mut batch {
                Some(batch) => batch.run(block, job, &mut results).await?,
                None => return Err(NodeFault::invariant("execute a block", "no engine").into()),
            },
        };
        results.push(result);
    }
    if let Some(batch) = &mut batch {
        batch.settle(block, &mut results).await?;
    }
    progress.rest(results.len());
    let events = end_of_block(&mut state)?;
    store(block, &state).await?;
    let state_root = block.finish().await?;

    let (validator_updates, param_updates) =
        (state.validators.updates(), state.params.decided().clone());
    let (results_root, updates_hash) =
        (results_root(&results), updates_hash(&validator_updates, &param_updates));
    let app_hash = app_hash(height, &prev_app_hash, &state_root, &results_root, &updates_hash);
    // Accounts are never removed.
    let accounts = state
        .accounts
        .changes()
        .into_iter()
        .filter_map(|change| Some((change.key, change.new?)))
        .collect();
    let next = state.into_next();
    Ok(BlockOutcome {
        height,
        results,
        validator_updates,
        param_updates,
        events,
        accounts,
        state_root,
        results_root,
        updates_hash,
        app_hash,
        next,
    })
}

async fn load(block: &mut Block<'_>, plan: &Plan) -> Result<Loaded, NodeFault> {
    let keys: Vec<Vec<Cell>> = plan.accounts.iter().map(AccountRow::key).collect();
    let accounts =
        if keys.is_empty() { Vec::new() } else { block.load::<AccountRow>(&keys).await? };
    let keys: Vec<Vec<Cell>> = plan.resolutions.iter().map(ProcessedRow::key).collect();
    let processed =
        if keys.is_empty() { Vec::new() } else { block.load::<ProcessedRow>(&keys).await? };
    Ok(Loaded {
        asked_accounts: plan.accounts.clone(),
        accounts: accounts.into_iter().map(|row| (row.id, row.account)).collect(),
        asked_processed: plan.resolutions.clone(),
        processed: processed.into_iter().map(|row| row.0).collect(),
    })
}

fn replace_leader(state: &mut BlockState, input: &BlockInput) -> Result<(), InvalidBlock> {
    let Some(leader) = input.header.new_leader else { return Ok(()) };
    if !state.validators.is_validator(&leader) {
        return Err(InvalidBlock::NewLeader(leader));
    }
    state.params.decide(&ParamUpdates::from_iter([ParamValue::Leader(leader)]));
    Ok(())
}

/// What is left to do for a transaction.
enum Step<'p> {
    Done(TxResult),
    /// It has paid; the engine runs its payload.
    Engine(Job<'p>),
}

/// Executes one transaction up to its SQL: pay, decode, run; a failure after paying undoes everything but the payment.
fn transaction<'p>(
    sources: &Sources,
    state: &mut BlockState,
    leader: &LeaderForms,
    (number, planned): (usize, &'p Planned),
) -> Result<Step<'p>, NodeFault> {
    let done = |result| Step::Done(result);
    let body = &planned.raw.transaction().body;
    let Some(payload_type) =
        planned.payload_type().filter(|known| is_enabled(*known, sources.engine.is_some()))
    else {
        return Ok(done(failed(
            TxCode::InvalidTxType,
            &Amount::ZERO,
            TxCode::InvalidTxType.text(),
        )));
    };
    let sender = match &planned.sender {
        Ok(sender) => sender,
        Err(error) => {
            return Ok(done(failed(TxCode::InvalidSender, &Amount::ZERO, &error.to_string())));
        }
    };
    let price = routes::price(state.params.in_force(), payload_type, planned.payload.as_ref().ok());
    let Some(price) = price else {
        let reason = planned.payload.as_ref().err().map(ToString::to_string).unwrap_or_default();
        return Ok(done(failed(TxCode::Unknown, &Amount::ZERO, &reason)));
    };
    let spent = state.accounts.spend(sender, body.nonce, &body.fee, &price);
    let Spent(taken) = match spent
        .map_err(|error: BalanceError| NodeFault::invariant("pay for a transaction", error))?
    {
        Ok(spent) => spent,
        Err(Unspent { taken, code, reason }) => return Ok(done(failed(code, &taken, &reason))),
    };
    let payload = match &planned.payload {
        Ok(payload) => payload,
        Err(error) => return Ok(done(failed(error.tx_code(), &taken, &error.to_string()))),
    };
    let tx = TxContext {
        id: planned.raw.id(),
        sender: sender.clone(),
        caller: planned.caller.clone(),
        auth_type: planned.raw.transaction().signature.auth_type.clone(),
    };
    if let Some(statement) = statement_of(payload) {
        let signer = &planned.raw.transaction().sender;
        let invocation = invocation_of(&tx, signer, &state.context, leader);
        return Ok(Step::Engine(Job { number, invocation, statement, taken }));
    }
    let point = state.checkpoint();
    match routes::run(state, &tx, payload) {
        Ok(()) => Ok(done(TxResult::ok(taken.saturating_i64()))),
        Err(RouteError::Failed { code, reason }) => {
            state.rollback_to(point);
            Ok(done(failed(code, &taken, &reason)))
        }
        Err(RouteError::Fault(fault)) => Err(fault),
    }
}

/// Whether this network executes a payload type.
pub(crate) fn is_enabled(payload_type: PayloadType, has_engine: bool) -> bool {
    match payload_type {
        PayloadType::RawStatement | PayloadType::Execute => has_engine,
        PayloadType::DeleteResolution | PayloadType::MaaExec => false,
        PayloadType::Transfer
        | PayloadType::ValidatorJoin
        | PayloadType::ValidatorLeave
        | PayloadType::ValidatorApprove
        | PayloadType::ValidatorRemove
        | PayloadType::ValidatorVoteIds
        | PayloadType::ValidatorVoteBodies
        | PayloadType::CreateResolution
        | PayloadType::ApproveResolution => true,
    }
}

fn statement_of(payload: &Payload) -> Option<Statement<'_>> {
    match payload {
        Payload::RawStatement(statement) => Some(Statement::Raw(statement)),
        Payload::Execute(execute) => Some(Statement::Execute(execute)),
        Payload::Transfer(_)
        | Payload::ValidatorJoin(_)
        | Payload::ValidatorLeave(_)
        | Payload::ValidatorApprove(_)
        | Payload::ValidatorRemove(_)
        | Payload::ValidatorVoteIds(_)
        | Payload::ValidatorVoteBodies(_)
        | Payload::CreateResolution(_)
        | Payload::ApproveResolution(_)
        | Payload::DeleteResolution(_)
        | Payload::MaaExec(_) => None,
    }
}

/// A failed result.
fn failed(code: TxCode, taken: &Amount, reason: &str) -> TxResult {
    TxResult::failed(code, taken.saturating_i64(), with_error(String::new(), reason))
}

/// Writes every changed row, each table in one statement.
async fn store(block: &mut Block<'_>, state: &BlockState) -> Result<(), NodeFault> {
    let accounts: Vec<_> = state.accounts.changes().into_iter().map(AccountRow::change).collect();
    block.store(&accounts).await?;
    block.store(&state.validators.row_changes()).await?;
    let resolutions: Vec<_> =
        state.book.resolution_changes().into_iter().map(ResolutionRow::change).collect();
    block.store(&resolutions).await?;
    block.store(&state.book.vote_changes()).await?;
    let processed: Vec<_> =
        state.book.processed_changes().iter().map(ProcessedRow::change).collect();
    block.store(&processed).await?;
    let params = state
        .params
        .row_changes()
        .map_err(|error| NodeFault::invariant("store parameters", error))?;
    block.store(&params).await
}

/// The app hash of a block from what it left: the root over the tables, its results and its updates.
#[must_use]
pub fn app_hash_after(
    header: &Header,
    state_root: &Hash,
    results: &[TxResult],
    (validators, params): (&[Validator], &ParamUpdates),
) -> Hash {
    let (results, updates) = (results_root(results), updates_hash(validators, params));
    app_hash(header.height.get(), &header.prev_app_hash, state_root, &results, &updates)
}

/// Hash of codes and gas. Logs are not covered: their texts may differ between nodes.
fn results_root(results: &[TxResult]) -> Hash {
    let mut writer = Writer::with_capacity(results.len().saturating_mul(12).saturating_add(4));
    writer.count_u32_be(results.len());
    for result in results {
        writer.u32_be(result.code.code()).i64_be(result.gas);
    }
    hash(context::RESULTS, &writer.into_bytes())
}

/// The hash that validators vote for.
pub(crate) fn app_hash(
    height: u64,
    prev: &Hash,
    state_root: &Hash,
    results_root: &Hash,
    updates_hash: &Hash,
) -> Hash {
    let mut writer = Writer::with_capacity(136);
    writer.u64_be(height).hash(prev).hash(state_root).hash(results_root).hash(updates_hash);
    hash(context::APP, &writer.into_bytes())
}

/// The app hash of the genesis state: as after a block without transactions and updates.
pub(crate) fn genesis_app_hash(height: u64, state_root: &Hash) -> Hash {
    let (results, updates) = (results_root(&[]), updates_hash(&[], &ParamUpdates::new()));
    app_hash(height, &Hash::ZERO, state_root, &results, &updates)
}
