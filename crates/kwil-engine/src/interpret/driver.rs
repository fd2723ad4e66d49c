//! Runs a machine: does what it asks for, and waits where it cannot.

use kwil_lang::ErrorClass;
use kwil_lang::analyze::function;
use kwil_types::Value;

use super::access::{self, Callee, Caller};
use super::machine::{Effect, Machine, MethodCall};
use super::run::Run;
use super::sink::RowSink;
use crate::error::{EngineError, Failure, Origin};
use crate::extension::call_method;
use crate::session::{Row, Session};

/// Machines inside each other, through extensions: each costs stack.
const MAX_MACHINES: u32 = 32;

/// Calls an action or a method. `is_user` says that no action calls: then privileges are asked. Names are in lower case.
///
/// # Errors
/// The call failed: nothing of it may stay. Or the node did.
pub(crate) async fn call_action<S: Session>(
    run: &mut Run<'_, S>,
    (namespace, action): (&str, &str),
    arguments: Vec<Value>,
    out: &mut dyn RowSink,
) -> Result<(), EngineError<S::Fault>> {
    let called = call(run, Caller::User, (namespace, action), arguments, out).await;
    let settled = settle(run, called).await;
    settled.map_err(|error| run.located(error, inside(namespace, action)))
}

/// Calls an action or a method for a method that runs in the namespace `from`.
///
/// # Errors
/// As [`call_action`].
pub(crate) async fn call_from<S: Session>(
    run: &mut Run<'_, S>,
    from: &str,
    (namespace, action): (&str, &str),
    arguments: Vec<Value>,
    out: &mut dyn RowSink,
) -> Result<(), EngineError<S::Fault>> {
    call(run, Caller::Namespace(from), (namespace, action), arguments, out).await
}

/// A failure in something that has no text here.
fn inside(namespace: &str, action: &str) -> impl FnOnce(&mut Failure) {
    let (namespace, action) = (Some(namespace.into()), Some(action.into()));
    |failure| failure.set_origin(Origin { namespace, action, ..Origin::default() })
}

/// What waits in the session belongs to the call: its failure comes before that of anything behind it.
async fn settle<S: Session>(
    run: &mut Run<'_, S>,
    called: Result<(), EngineError<S::Fault>>,
) -> Result<(), EngineError<S::Fault>> {
    match called {
        Err(EngineError::Fault(fault)) => Err(EngineError::Fault(fault)),
        Ok(()) => run.finish().await,
        called => {
            if run.is_waiting() {
                run.flush().await?;
            }
            called
        }
    }
}

async fn call<S: Session>(
    run: &mut Run<'_, S>,
    caller: Caller<'_>,
    (namespace, name): (&str, &str),
    arguments: Vec<Value>,
    out: &mut dyn RowSink,
) -> Result<(), EngineError<S::Fault>> {
    let called = find_and_call(run, caller, (namespace, name), arguments, out).await;
    called.map_err(|error| run.located(error, inside(namespace, name)))
}

async fn find_and_call<S: Session>(
    run: &mut Run<'_, S>,
    caller: Caller<'_>,
    (namespace, name): (&str, &str),
    arguments: Vec<Value>,
    out: &mut dyn RowSink,
) -> Result<(), EngineError<S::Fault>> {
    run.step()?;
    let catalog = std::sync::Arc::clone(run.session.catalog());
    let Some(found) = catalog.namespaces.get(namespace) else {
        let detail = format!("namespace \"{namespace}\" does not exist");
        return Err(EngineError::failed(ErrorClass::NamespaceNotFound, detail));
    };
    if let Some(action) = found.actions.get(name) {
        let mut machine =
            Machine::start(caller, (namespace, name, action), arguments, &mut run.cx())?;
        out.columns(machine.columns());
        if run.machines >= MAX_MACHINES {
            return Err(too_deep().into());
        }
        run.machines = run.machines.saturating_add(1);
        let done = drive(run, &mut machine, out).await;
        run.machines = run.machines.saturating_sub(1);
        return done
            .map_err(|error| run.located(error, |failure| machine.locate(failure, &catalog)));
    }
    if let Some(extension) = found.extension.as_ref().filter(|found| found.has_method(name)) {
        let method = run.extensions().method(namespace, extension, name)?;
        let spec = &method.spec;
        let (view, owner) = (spec.view, spec.owner);
        let callee = Callee { namespace, name, access: spec.access, view, owner };
        let world = (&*catalog, run.invocation, run.session.access());
        access::check(callee, caller, world)?;
        if arguments.len() > spec.parameters.len() {
            return Err(too_many(name, spec.parameters.len(), arguments.len()).into());
        }
        out.columns(&spec.columns());
        let call = MethodCall { namespace: namespace.into(), method, arguments, depth: run.depth };
        for row in method_rows(run, call).await? {
            out.row(row)?;
        }
        return Ok(());
    }
    if function(name).is_some() {
        let detail =
            format!("action \"{name}\" is a built-in function and cannot be called directly");
        return Err(EngineError::failed(ErrorClass::Other, detail));
    }
    Err(unknown_action(namespace, name).into())
}

async fn drive<S: Session>(
    run: &mut Run<'_, S>,
    machine: &mut Machine,
    out: &mut dyn RowSink,
) -> Result<(), EngineError<S::Fault>> {
    loop {
        let effect = machine.advance(&mut run.cx())?;
        match effect {
            Effect::Pause => run.pause().await?,
            Effect::Row(row) => out.row(row)?,
            Effect::Flush => run.flush().await?,
            Effect::Execute { statement, arguments } => run.execute(&statement, &arguments).await?,
            Effect::Query { statement, arguments, limit, is_outside } => {
                let room = if is_outside { out.room() } else { None };
                let limit = limit.into_iter().chain(room).min();
                let rows = run.query(&statement, &arguments, limit).await?;
                machine.answer(rows, &mut run.cx())?;
            }
            Effect::Method(call) => {
                let rows = method_rows(run, *call).await?;
                machine.answer(rows, &mut run.cx())?;
            }
            Effect::Done => return Ok(()),
        }
    }
}

/// Runs a method. Methods may call actions: boxed, because machines are then inside each other.
async fn method_rows<S: Session>(
    run: &mut Run<'_, S>,
    call: MethodCall,
) -> Result<Vec<Row>, EngineError<S::Fault>> {
    run.flush().await?;
    let outside = std::mem::replace(&mut run.depth, call.depth);
    let MethodCall { namespace, method, arguments, .. } = call;
    let rows = Box::pin(call_method(run, &namespace, &method, arguments)).await;
    run.depth = outside;
    rows.map_err(|error| run.located(error, inside(&namespace, &method.spec.name)))
}

pub(super) fn too_deep() -> Failure {
    Failure::new(ErrorClass::Other, "maximum call depth exceeded")
}

pub(super) fn too_many(name: &str, most: usize, got: usize) -> Failure {
    let detail = format!("action \"{name}\" expected at most {most} arguments, but got {got}");
    Failure::new(ErrorClass::ActionInvocation, detail)
}

pub(super) fn unknown_action(namespace: &str, name: &str) -> Failure {
    Failure::new(ErrorClass::UnknownAction, format_args!("\"{name}\" in namespace \"{namespace}\""))
}
