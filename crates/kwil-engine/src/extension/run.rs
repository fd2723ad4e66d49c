//! Calls into extensions.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_types::Value;

use super::context::{ContextRunner, ExtensionContext, ExtensionError, Stopped};
use super::{ExtensionInstance, Method};
use crate::interpret::{Run, call_from};
use crate::script::{Authority, Collector, Hook, run_in};
use crate::{EngineError, Failure, QueryResult, ReadLimits, Results, Row, Session};

/// Runs a method whose caller may call it.
pub(crate) async fn call_method<S: Session>(
    run: &mut Run<'_, S>,
    namespace: &str,
    method: &Method,
    arguments: Vec<Value>,
) -> Result<Vec<Row>, EngineError<S::Fault>> {
    let arguments = method.spec.check_arguments(arguments)?;
    let invocation = run.invocation;
    let mut runner = Runner { run, failed: None };
    let answer = {
        let mut context = ExtensionContext::new(namespace, invocation, &mut runner);
        method.instance.call(&method.spec.name, arguments, &mut context).await
    };
    let rows = runner.finish(answer)?;
    Ok(method.spec.check_rows(rows)?)
}

/// Runs a hook of an instance.
pub(crate) async fn run_hook<S: Session>(
    run: &mut Run<'_, S>,
    namespace: &str,
    instance: Arc<dyn ExtensionInstance>,
    hook: Hook,
) -> Result<(), EngineError<S::Fault>> {
    let invocation = run.invocation;
    let mut runner = Runner { run, failed: None };
    let answer = {
        let mut context = ExtensionContext::new(namespace, invocation, &mut runner);
        match hook {
            Hook::Use => instance.on_use(&mut context).await,
            Hook::Unuse => instance.on_unuse(&mut context).await,
        }
    };
    runner.finish(answer)
}

/// Rows that a statement of an extension may bring into memory.
const ROWS: ReadLimits = ReadLimits { rows: 100_000, bytes: 64 << 20 };

struct Runner<'a, 'r, S: Session> {
    run: &'a mut Run<'r, S>,
    /// The first failure; the extension only knows that there is one.
    failed: Option<EngineError<S::Fault>>,
}

impl<S: Session> Runner<'_, '_, S> {
    fn finish<T>(self, answer: Result<T, ExtensionError>) -> Result<T, EngineError<S::Fault>> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        answer.map_err(|error| Failure::new(kwil_lang::ErrorClass::Other, error).into())
    }

    fn answer(
        &mut self,
        ran: Result<(), EngineError<S::Fault>>,
        rows: Collector,
    ) -> Result<QueryResult, Stopped> {
        match ran {
            Ok(()) => Ok(rows.finish()),
            Err(error) => {
                self.failed.get_or_insert(error);
                Err(Stopped::new())
            }
        }
    }
}

impl<S: Session> ContextRunner for Runner<'_, '_, S> {
    fn run<'r>(
        &'r mut self,
        namespace: &'r str,
        source: &'r str,
        parameters: BTreeMap<String, Value>,
    ) -> super::context::Running<'r, QueryResult> {
        Box::pin(async move {
            let mut rows = Collector::new(Results::Collect(ROWS));
            let authority = Authority::Extension;
            let ran = run_in(self.run, namespace, authority, (source, parameters), &mut rows).await;
            self.answer(ran, rows)
        })
    }

    fn call<'r>(
        &'r mut self,
        from: &'r str,
        namespace: &'r str,
        action: &'r str,
        arguments: Vec<Value>,
    ) -> super::context::Running<'r, QueryResult> {
        Box::pin(async move {
            let mut rows = Collector::new(Results::Collect(ROWS));
            let ran = call_from(self.run, from, (namespace, action), arguments, &mut rows).await;
            self.answer(ran, rows)
        })
    }

    fn notice(&mut self, text: String) {
        self.run.notice(&text);
    }
}
