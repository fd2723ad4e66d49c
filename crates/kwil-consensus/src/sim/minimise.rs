//! From a failing run to the shortest one that still fails.

use std::fmt;

use super::check::{Invariant, Violation};
use super::script::Script;
use super::{Outcome, run_script};
use crate::mutation::Mutation;

/// A failing run, cut down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was broken.
    pub violation: Violation,
    /// The shortest script found that breaks the same invariant.
    pub script: Script,
    /// Its trace, one line an event.
    pub trace: Vec<String>,
}

impl Failure {
    pub(crate) fn not_repeatable(seed: u64) -> Self {
        let detail = "two runs of the seed differ".to_owned();
        Self {
            violation: Violation { at: 0, node: 0, invariant: Invariant::Contract, detail },
            script: Script::from_seed(seed),
            trace: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        write!(f, "{}", self.script)?;
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Removes whatever is not needed for the same invariant to break: late faults, single faults, network trouble,
/// followers.
#[must_use]
pub fn minimise(script: &Script, mutation: Option<Mutation>) -> Failure {
    let first = run_script(script, mutation, false);
    let Some(violation) = first.violation else {
        return Failure::not_repeatable(script.seed);
    };
    let wanted = violation.invariant;
    let fails = |candidate: &Script| {
        let outcome = run_script(candidate, mutation, false);
        outcome.violation.filter(|found| found.invariant == wanted)
    };
    let mut best = script.clone();
    let mut found = violation;
    let mut keep = |candidate: Script, best: &mut Script| match fails(&candidate) {
        Some(violation) => {
            found = violation;
            *best = candidate;
            true
        }
        None => false,
    };
    let mut candidate = best.clone();
    candidate.faults.retain(|fault| fault.at <= first.virtual_ms);
    keep(candidate, &mut best);
    shorten(&mut best, &mut keep);
    remove_faults(&mut best, &mut keep);
    for simplify in SIMPLER {
        let mut candidate = best.clone();
        simplify(&mut candidate);
        if candidate != best {
            keep(candidate, &mut best);
        }
    }
    remove_faults(&mut best, &mut keep);
    let Outcome { violation, trace, .. } = run_script(&best, mutation, true);
    Failure { violation: violation.unwrap_or(found), script: best, trace }
}

type Keep<'a> = dyn FnMut(Script, &mut Script) -> bool + 'a;

/// Halves the time of trouble as long as the run still fails.
fn shorten(best: &mut Script, keep: &mut Keep<'_>) {
    loop {
        let mut candidate = best.clone();
        candidate.trouble_ms /= 2;
        candidate.faults.retain(|fault| fault.at < candidate.trouble_ms);
        if candidate.trouble_ms < 300 || !keep(candidate, best) {
            return;
        }
    }
}

fn remove_faults(best: &mut Script, keep: &mut Keep<'_>) {
    let mut index = best.faults.len();
    while index > 0 {
        index -= 1;
        let mut candidate = best.clone();
        candidate.faults.remove(index);
        keep(candidate, best);
    }
}

const SIMPLER: [fn(&mut Script); 5] = [
    |script| script.network.loss_permille = 0,
    |script| script.network.duplicate_permille = 0,
    |script| script.network.bodiless_permille = 0,
    |script| script.network.jitter_ms = 1,
    |script| script.network.execution_ms = 3,
];
