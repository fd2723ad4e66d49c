#![allow(clippy::print_stdout, reason = "the figures belong into the test output")]

use std::collections::BTreeSet;

use super::{FaultKind, Liar, Script, run_many, run_script, run_seed};

/// Seeds of the ordinary test run; `cargo xtask sim` takes others.
const SEEDS: u64 = 300;
const WORKERS: u64 = 2;

#[test]
fn no_seed_breaks_an_invariant() {
    let share = SEEDS / WORKERS;
    let summaries: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || run_many(worker * share, share, |_, _| {})))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let (mut steps, mut blocks, mut seconds) = (0, 0, 0);
    for summary in summaries {
        let summary = summary.unwrap_or_else(|failure| panic!("{failure}"));
        steps += summary.steps;
        blocks += summary.heights;
        seconds += summary.virtual_ms / 1000;
    }
    println!("{SEEDS} seeds, {steps} steps, {blocks} blocks, {seconds} virtual seconds");
    assert!(blocks > SEEDS * 10, "the networks hardly moved: {blocks} blocks");
}

#[test]
fn a_seed_gives_the_same_trace_twice() {
    for seed in [3, 71, 224] {
        assert_eq!(run_seed(seed, None), run_seed(seed, None), "seed {seed}");
    }
    assert_ne!(run_seed(3, None).trace_hash, run_seed(4, None).trace_hash);
}

#[test]
fn the_seeds_cover_every_kind_of_trouble() {
    let mut kinds = BTreeSet::new();
    let mut views = 0;
    for seed in 0..SEEDS {
        let script = Script::from_seed(seed);
        for fault in &script.faults {
            let name = format!("{:?}", fault.kind);
            kinds.insert(name.split([' ', '{']).next().unwrap_or_default().to_owned());
        }
        if let Some((_, liar)) = script.liar {
            kinds.insert(format!("{liar:?}"));
        }
        if seed < 20 {
            views += run_script(&script, None, false).highest_view.min(1000);
        }
    }
    let names = [
        "Crash",
        "CrashAfter",
        "Pause",
        "Cut",
        "Partition",
        "SlowExecution",
        "Clock",
        "Diverge",
        "Database",
        "Disk",
        "LogLost",
        "ReplaceLeader",
        "Join",
        "Leave",
        "Abort",
        "Drain",
        "Equivocates",
        "Withholds",
        "HidesVotes",
        "VotesTwice",
        "JumpsViews",
        "Unjustified",
        "Floods",
        "ReusesOrders",
        "Forges",
    ];
    let missing: Vec<_> = names.iter().filter(|name| !kinds.contains(**name)).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
    assert!(views > 20, "hardly a view change: {views}");
}

#[test]
fn a_failing_run_is_cut_down_to_what_is_needed() {
    // A planted defect makes runs fail; the cut-down script breaks the same invariant with less.
    let mutation = Some(crate::mutation::Mutation::LeaveWithoutQuorum);
    let seed = (0..50).find(|seed| run_seed(*seed, mutation).violation.is_some()).unwrap();
    let script = Script::from_seed(seed);
    let failure = super::minimise(&script, mutation);
    assert!(failure.script.faults.len() <= script.faults.len());
    assert!(!failure.trace.is_empty());
    let again = run_script(&failure.script, mutation, false).violation.unwrap();
    assert_eq!(again, failure.violation);
    let needed = failure.script.faults.len();
    let crashes = failure.script.faults.iter().filter(|fault| {
        matches!(fault.kind, FaultKind::Crash { .. } | FaultKind::CrashAfter { .. })
    });
    println!(
        "seed {seed}: {} of {} faults left, {} crashes",
        needed,
        script.faults.len(),
        crashes.count()
    );
    let liars = [script.liar, failure.script.liar].map(|liar| liar.map(|(_, liar)| liar));
    assert_ne!(liars, [Some(Liar::Forges), None]);
}
