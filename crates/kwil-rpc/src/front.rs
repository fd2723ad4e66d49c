//! What every request passes, whichever way it came: switched-off services, readiness, rates, concurrency, deadline.

mod challenge;
mod gate;
mod rate;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use kwil_api::user::{Health, Mode};
use kwil_api::{Call, Class, Method, RpcCode, RpcError, Service};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::Apis;
use crate::config::Limits;
use crate::metrics::CallMetrics;

pub(crate) use challenge::Challenges;
use gate::Gates;
use rate::Rates;

/// A method and the handler behind it.
pub(crate) trait Handle: Call {
    /// Checks the parameters, asks the node, shapes the answer.
    fn handle(
        front: &Front,
        context: &Context,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Response, RpcError>> + Send;
}

/// How long a read waits for the height that its client wants to see.
const HEIGHT_WAIT: Duration = Duration::from_secs(5);

/// One request.
#[derive(Debug)]
pub(crate) struct Context {
    /// Named in answers and in the log.
    pub(crate) request_id: String,
    /// Who asks; `None` on a socket file.
    pub(crate) client: Option<IpAddr>,
    /// After this moment nobody waits for the answer.
    pub(crate) deadline: Instant,
    /// Reads wait until this height can be seen.
    pub(crate) min_height: Option<u64>,
    /// What [`Context::answers_at`] was told last.
    height: AtomicI64,
}

impl Context {
    pub(crate) const fn new(
        request_id: String,
        client: Option<IpAddr>,
        deadline: Instant,
        min_height: Option<u64>,
    ) -> Self {
        Self { request_id, client, deadline, min_height, height: AtomicI64::new(-1) }
    }

    /// Tells the height of the state that an answer shows.
    pub(crate) fn answers_at(&self, height: i64) {
        self.height.store(height, Ordering::Relaxed);
    }

    /// The height of the state that the last answer shows, when it was told.
    pub(crate) fn height(&self) -> Option<i64> {
        Some(self.height.swap(-1, Ordering::Relaxed)).filter(|height| *height >= 0)
    }

    /// Who counts as one client.
    pub(crate) fn network(&self) -> Option<IpAddr> {
        self.client.map(rate::network)
    }

    /// Time left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Settings that differ between the public and the operator's listener.
#[derive(Clone, Debug)]
pub(crate) struct FrontSettings {
    pub(crate) services: BTreeSet<Service>,
    pub(crate) private: bool,
    /// Ad-hoc queries are refused.
    pub(crate) disable_query: bool,
    /// Who names itself must prove it.
    pub(crate) signed_callers: bool,
    /// The operator sees everything.
    pub(crate) redact: bool,
    pub(crate) limits: Limits,
    pub(crate) challenge_expiry: Duration,
    pub(crate) challenge_rate: f64,
    pub(crate) node_version: String,
    pub(crate) calls: CallMetrics,
}

/// The node as one listener shows it.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) apis: Apis,
    settings: FrontSettings,
    gates: Gates,
    rates: Rates,
    challenge_rates: Rates,
    challenges: Challenges,
    /// Ends what still runs when the drain time is over.
    cancel: CancellationToken,
    next_request: AtomicU64,
    /// Tells requests of different starts of the node apart.
    run_id: u32,
}

impl Front {
    pub(crate) fn new(
        apis: Apis,
        settings: FrontSettings,
        cancel: CancellationToken,
    ) -> Result<Self, getrandom::Error> {
        let limits = settings.limits;
        let mut run = [0; 4];
        getrandom::fill(&mut run)?;
        Ok(Self {
            apis,
            gates: Gates::new(&limits),
            rates: Rates::new(limits.rate, limits.rate * 2.0),
            challenge_rates: Rates::new(settings.challenge_rate, settings.challenge_rate * 6.0),
            challenges: Challenges::new(settings.challenge_expiry)?,
            cancel,
            settings,
            next_request: AtomicU64::new(1),
            run_id: u32::from_be_bytes(run),
        })
    }

    pub(crate) const fn settings(&self) -> &FrontSettings {
        &self.settings
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub(crate) const fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// A name for the next request.
    pub(crate) fn request_id(&self) -> String {
        format!("{:08x}-{:x}", self.run_id, self.next_request.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a service answers here.
    pub(crate) fn serves(&self, service: Service) -> bool {
        self.settings.services.contains(&service)
    }

    /// Services that answer here, in order of their names.
    pub(crate) fn services(&self) -> Vec<Service> {
        let mut services: Vec<Service> = self.settings.services.iter().copied().collect();
        services.sort_by_key(|service| service.name());
        services
    }

    /// The node's health with what only the listener knows.
    pub(crate) fn health(&self) -> Health {
        let mut health = self.apis.user.health();
        if let Some(step) = self.apis.user.starting() {
            health.healthy = false;
            health.reasons.push(format!("starting: {step}"));
            health.phase =
                if step.starts_with("statesync:") { step } else { "starting".to_owned() };
        }
        health.mode = if self.settings.private { Mode::Private } else { Mode::Open };
        health.version = Service::User.version_text();
        health.node_version.clone_from(&self.settings.node_version);
        health
    }

    /// One more challenge for this client, or not.
    pub(crate) fn may_ask_challenge(&self, client: Option<IpAddr>) -> bool {
        self.challenge_rates.take(client, 1.0).is_ok()
    }

    /// Runs a method within its limits, and says so in the log.
    pub(crate) async fn run<C: Handle>(
        &self,
        context: &Context,
        request: C::Request,
    ) -> Result<C::Response, RpcError> {
        let started = Instant::now();
        let answer = self.limited::<C>(context, request).await;
        self.settings.calls.count(C::METHOD.name, answer.is_ok(), started.elapsed());
        note(&C::METHOD, context, started, answer.as_ref().err());
        answer
    }

    async fn limited<C: Handle>(
        &self,
        context: &Context,
        request: C::Request,
    ) -> Result<C::Response, RpcError> {
        let method = C::METHOD;
        self.admit(&method, context)?;
        self.reach(&method, context).await?;
        let _permit = self.gates.enter(method.class, context.deadline).await?;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(shutting_down()),
            answer = tokio::time::timeout_at(context.deadline, C::handle(self, context, request)) => {
                answer.unwrap_or_else(|_elapsed| Err(RpcError::new(RpcCode::TIMEOUT, "RPC timeout")))
            }
        }
    }

    /// Waits until reads see the height that the client saw elsewhere.
    async fn reach(&self, method: &Method, context: &Context) -> Result<(), RpcError> {
        let Some(height) = context.min_height.filter(|_| method.class == Class::Read) else {
            return Ok(());
        };
        let limit = HEIGHT_WAIT.min(context.left());
        let reached = tokio::select! {
            () = self.cancel.cancelled() => return Err(shutting_down()),
            reached = tokio::time::timeout(limit, self.apis.user.reached(height)) => reached,
        };
        reached.map_err(|_elapsed| {
            RpcError::new(RpcCode::NODE, format!("not yet at height {height}"))
                .with("height", self.apis.user.best_height())
                .with("retry_after_ms", 1000)
        })
    }

    fn admit(&self, method: &Method, context: &Context) -> Result<(), RpcError> {
        if !self.serves(method.service) {
            return Err(unknown_method());
        }
        if self.cancel.is_cancelled() {
            return Err(shutting_down());
        }
        if !method.always
            && let Some(phase) = self.apis.user.starting()
        {
            return Err(RpcError::starting(&phase));
        }
        self.rates.take(context.client, weight(method)).map_err(|wait| too_many(wait, "rate limit"))
    }
}

/// One line per request; what the operator should see is a warning, what clients did wrong is their business.
fn note(method: &Method, context: &Context, started: Instant, error: Option<&RpcError>) {
    let method = method.name;
    let elapsed_ms = started.elapsed().as_millis();
    let Context { request_id, client, .. } = context;
    let Some(error) = error else {
        tracing::debug!(method, elapsed_ms, request_id, ?client, "rpc.call");
        return;
    };
    let (code, message) = (error.code().0, error.message());
    if matches!(error.code(), RpcCode::INTERNAL | RpcCode::TIMEOUT) {
        tracing::warn!(method, code, message, elapsed_ms, request_id, ?client, "rpc.call failed");
    } else {
        tracing::debug!(method, code, message, elapsed_ms, request_id, ?client, "rpc.call refused");
    }
}

/// What a request counts against the rate of its address.
fn weight(method: &Method) -> f64 {
    match method.class {
        Class::Free | Class::Admin => 0.0,
        Class::Read | Class::Chain => 1.0,
        Class::Check => 2.0,
    }
}

pub(crate) fn unknown_method() -> RpcError {
    RpcError::new(RpcCode::UNKNOWN_METHOD, "unknown method")
}

pub(crate) fn shutting_down() -> RpcError {
    RpcError::new(RpcCode::SHUTTING_DOWN, "node is shutting down").with("retry_after_ms", 1000)
}

fn too_many(wait: Duration, what: &str) -> RpcError {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    RpcError::new(RpcCode::TOO_MANY_REQUESTS, format!("too many requests: {what}"))
        .with("retry_after_ms", millis)
}
