//! Every planted defect is found, by the explorer or by a seed.
#![allow(clippy::print_stdout, reason = "the figures belong into the test output")]

use crate::explore::{Bounds, explore};
use crate::mutation::Mutation;
use crate::sim::{Fault, FaultKind, Liar, Network, Script, run_script, run_seed};

/// Seeds that are looked at for one with the wanted trouble.
const SEEDS: u64 = 5000;
/// Runs before a defect counts as surviving.
const RUNS: usize = 40;

enum Hunt {
    /// The explorer finds it within these bounds.
    Explore(Bounds),
    /// This run finds it.
    Script(Script),
    /// A seed with this trouble finds it.
    Seed(fn(&Script) -> bool),
}

fn bounds(max_view: u64, crashes: u8) -> Bounds {
    let mut bounds = Bounds::new(3, max_view, crashes);
    bounds.single_votes = false;
    bounds.max_states = 400_000;
    bounds
}

fn flaky() -> Bounds {
    let mut bounds = Bounds::new(3, 1, 1);
    bounds.flaky = Some(2);
    bounds.choices = 1;
    bounds
}

/// Validators so far apart that a view needs longer than its first time-out, and a leader that restarts.
fn distant() -> Script {
    Script {
        seed: 1,
        validators: 3,
        followers: 0,
        network: Network {
            delay_ms: 150,
            jitter_ms: 1,
            loss_permille: 0,
            duplicate_permille: 0,
            bodiless_permille: 0,
            execution_ms: 3,
        },
        hasty: true,
        slow_calm: true,
        liar: None,
        trouble_ms: 5000,
        faults: vec![Fault {
            at: 4000,
            kind: FaultKind::Crash { node: 0, effects: 0, down_ms: 500, kept: 0 },
        }],
    }
}

fn lies(script: &Script, liar: Liar) -> bool {
    script.liar.is_some_and(|(_, kind)| kind == liar)
}

fn has(script: &Script, wanted: fn(&FaultKind) -> bool) -> bool {
    script.faults.iter().any(|fault| wanted(&fault.kind))
}

fn hunt_of(mutation: Mutation) -> Hunt {
    match mutation {
        Mutation::VoteBeforePersist
        | Mutation::ForgetPromise
        | Mutation::ForgetVotes
        | Mutation::HalfQuorum
        | Mutation::ChoiceIgnored
        | Mutation::VoteNotReported
        | Mutation::ProposeAfterRestart
        | Mutation::VoteBelowPromise => Hunt::Explore(bounds(1, 1)),
        Mutation::ChoiceLowestView => Hunt::Explore(bounds(2, 0)),
        Mutation::AppHashForgotten => Hunt::Explore(flaky()),
        Mutation::JustificationWithoutQuorum => Hunt::Seed(|s| lies(s, Liar::Unjustified)),
        Mutation::CertificateWithoutCount => Hunt::Seed(|s| lies(s, Liar::Forges)),
        Mutation::VoteTwice => Hunt::Seed(|s| lies(s, Liar::Equivocates)),
        Mutation::JoinWithoutBound => Hunt::Seed(|s| lies(s, Liar::JumpsViews)),
        Mutation::BufferUnbounded => Hunt::Seed(|s| lies(s, Liar::Floods)),
        Mutation::DirectiveCountedTwice => Hunt::Seed(|s| lies(s, Liar::ReusesOrders)),
        Mutation::TimerInExec => Hunt::Seed(|s| {
            s.hasty
                && s.validators > 1
                && has(s, |kind| matches!(kind, FaultKind::SlowExecution { .. }))
        }),
        Mutation::TimeNotRising => Hunt::Seed(|s| {
            has(s, |kind| matches!(kind, FaultKind::Clock { skew_ms, .. } if *skew_ms < -2000))
        }),
        Mutation::HeldVotes => Hunt::Seed(|s| {
            s.validators > 1
                && has(s, |kind| matches!(kind, FaultKind::Disk { .. } | FaultKind::Diverge { .. }))
        }),
        Mutation::TimeoutNeverGrows => Hunt::Script(distant()),
        Mutation::LeaveWithoutQuorum => {
            Hunt::Seed(|s| has(s, |kind| matches!(kind, FaultKind::Partition { .. })))
        }
    }
}

/// What found it, or that nothing did.
fn hunt(mutation: Mutation) -> Result<String, String> {
    match hunt_of(mutation) {
        Hunt::Explore(bounds) => {
            let explored = explore(&bounds, Some(mutation));
            match explored.violation {
                Some(found) => Ok(format!(
                    "explorer ({bounds}) after {} states: {}\n    {}",
                    explored.states,
                    found.what,
                    found.trace.join("\n    ")
                )),
                None => Err(format!("explorer ({bounds}), {} states", explored.states)),
            }
        }
        Hunt::Script(script) => {
            let honest = run_script(&script, None, false).violation;
            assert_eq!(honest, None, "the run is clean without the defect");
            match run_script(&script, Some(mutation), false).violation {
                Some(violation) => Ok(format!("script: {violation}\n{script}")),
                None => Err(format!("script\n{script}")),
            }
        }
        Hunt::Seed(wanted) => {
            let seeds = (0..SEEDS).filter(|seed| wanted(&Script::from_seed(*seed))).take(RUNS);
            let mut runs = 0;
            for seed in seeds {
                runs += 1;
                if let Some(violation) = run_seed(seed, Some(mutation)).violation {
                    return Ok(format!("seed {seed} (run {runs}): {violation}"));
                }
            }
            Err(format!("{runs} seeds"))
        }
    }
}

#[test]
fn every_planted_defect_is_found() {
    let mut survivors = Vec::new();
    let list: Vec<Mutation> = Mutation::ALL.to_vec();
    let (left, right) = list.split_at(list.len() / 2);
    let hunt_all = |list: &[Mutation]| list.iter().map(|m| (*m, hunt(*m))).collect::<Vec<_>>();
    let mut hunts = Vec::new();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| hunt_all(right));
        hunts = hunt_all(left);
        hunts.extend(other.join().unwrap());
    });
    for (mutation, found) in hunts {
        match found {
            Ok(how) => println!("{mutation:?}: {how}"),
            Err(tried) => survivors.push(format!("{mutation:?} survived {tried}")),
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
}
