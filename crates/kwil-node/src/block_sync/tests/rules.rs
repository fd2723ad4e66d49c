//! Single rules, step by step.

use std::time::{Duration, Instant};

use kwil_crypto::NodeId;
use kwil_types::Height;

use super::super::pace::Progress;
use super::super::planner::{Planner, SyncLimits};
use super::super::step::{Action, Candidate, Fault, Input, RequestId, Verdict};
use super::world::{CHANGE, Chain, block, certified, genesis, peer, set_of};

fn planner(peers: &[(NodeId, u64, u64)], now: Instant) -> Planner {
    let peers: Vec<_> =
        peers.iter().map(|(peer, base, height)| (*peer, Height(*base), Height(*height))).collect();
    Planner::new(SyncLimits::default(), genesis(), &peers, now)
}

fn fetches(actions: &[Action]) -> Vec<(RequestId, NodeId, u64, u32)> {
    let fetch = |action: &Action| match action {
        Action::Fetch { request, peer, from, count, .. } => {
            Some((*request, *peer, from.get(), *count))
        }
        _ => None,
    };
    actions.iter().filter_map(fetch).collect()
}

fn tokens(actions: &[Action]) -> (Vec<u64>, Vec<u64>) {
    let (mut bodies, mut certificates) = (Vec::new(), Vec::new());
    for action in actions {
        match action {
            Action::CheckBody { token, .. } => bodies.push(*token),
            Action::CheckCertificate { token, .. } => certificates.push(*token),
            _ => {}
        }
    }
    (bodies, certificates)
}

/// Delivers a block and answers both checks well.
fn deliver(
    planner: &mut Planner,
    request: RequestId,
    candidate: &Candidate,
    now: Instant,
) -> Vec<Action> {
    let mut actions =
        planner.step(Input::Block { request, candidate: Box::new(candidate.clone()) }, now);
    let (bodies, certificates) = tokens(&actions);
    for token in bodies.into_iter().chain(certificates) {
        actions.extend(planner.step(Input::Checked { token, verdict: Verdict::Good }, now));
    }
    actions
}

#[test]
fn window_is_shared_out_among_peers_that_have_the_range() {
    let now = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 1000), (peer(2), 40, 1000)], now);
    let asked = fetches(&planner.step(Input::Tick, now));
    let ranges: Vec<_> = asked.iter().map(|(_, _, from, count)| (*from, *count)).collect();
    assert_eq!(ranges, [(1, 16), (17, 16), (33, 16), (49, 16)], "64 heights ahead and no more");
    let early = asked.iter().filter(|(_, _, from, _)| *from < 40);
    assert!(early.into_iter().all(|(_, asked, _, _)| *asked == peer(1)));
    assert!(asked.iter().any(|(_, asked, _, _)| *asked == peer(2)));
    assert!(fetches(&planner.step(Input::Tick, now)).is_empty());
}

#[test]
fn node_one_block_behind_leaves_the_rest_to_consensus() {
    let now = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 1)], now);
    let actions = planner.step(Input::Tick, now);
    assert!(matches!(actions.as_slice(), [Action::Done]), "{actions:?}");
    assert!(planner.step(Input::Tick, now).is_empty());
}

#[test]
fn block_is_appended_before_it_is_executed_and_both_in_order() {
    let now = Instant::now();
    let chain = Chain::new(4);
    let mut planner = planner(&[(peer(1), 1, 4)], now);
    let asked = fetches(&planner.step(Input::Tick, now));
    let request = asked[0].0;
    let first = deliver(&mut planner, request, chain.get(1).unwrap(), now);
    assert!(matches!(first.last(), Some(Action::Append(batch)) if batch.len() == 1));
    assert!(!first.iter().any(|action| matches!(action, Action::Execute(_))));
    // While the first is being written, two more become ready: they share the next fsync.
    for height in 2..=3 {
        let actions = deliver(&mut planner, request, chain.get(height).unwrap(), now);
        assert!(!actions.iter().any(|action| matches!(action, Action::Append(_))));
    }
    let actions = planner.step(Input::Appended(Height(1)), now);
    let appended: usize = actions
        .iter()
        .map(|action| if let Action::Append(batch) = action { batch.len() } else { 0 })
        .sum();
    assert_eq!(appended, 2);
    assert!(actions.iter().any(
        |action| matches!(action, Action::Execute(next) if next.block.header().height == Height(1))
    ));
    // Executed before the second batch is on disk: the next must wait.
    let next_validators = set_of(2).hash();
    let actions = planner.step(Input::Executed { height: Height(1), next_validators }, now);
    assert!(!actions.iter().any(|action| matches!(action, Action::Execute(_))));
    let actions = planner.step(Input::Appended(Height(3)), now);
    assert!(actions.iter().any(
        |action| matches!(action, Action::Execute(next) if next.block.header().height == Height(2))
    ));
}

#[test]
fn wrong_block_costs_its_sender_everything_it_sent() {
    let now = Instant::now();
    let chain = Chain::new(40);
    let mut planner = planner(&[(peer(1), 1, 40), (peer(2), 1, 40)], now);
    let asked = fetches(&planner.step(Input::Tick, now));
    let (bad_request, bad_peer, from, _) = asked[1];
    let mut actions = Vec::new();
    for height in from..from + 2 {
        let candidate = Box::new(chain.get(height).unwrap().clone());
        actions.extend(planner.step(Input::Block { request: bad_request, candidate }, now));
    }
    let (bodies, _) = tokens(&actions);
    let fault = Fault::Block("rule".to_owned());
    let actions = planner
        .step(Input::Checked { token: bodies[1], verdict: Verdict::Bad(fault.clone()) }, now);
    assert!(actions.iter().any(
        |action| matches!(action, Action::Punish { peer, fault: got } if *peer == bad_peer && *got == fault)
    ));
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::Cancel(request) if *request == bad_request))
    );
    let again = fetches(&actions);
    assert!(
        again.iter().any(|(_, peer, start, _)| *peer != bad_peer && *start == from),
        "{again:?}"
    );
    // A late verdict about the thrown-away sibling changes nothing.
    assert!(
        planner.step(Input::Checked { token: bodies[0], verdict: Verdict::Good }, now).is_empty()
    );
}

#[test]
fn certificate_of_another_block_and_heights_out_of_order_are_faults() {
    let now = Instant::now();
    let chain = Chain::new(5);
    let mut swapped = chain.get(1).unwrap().clone();
    swapped.certificate = chain.get(2).unwrap().certificate.clone();
    let skipped = chain.get(2).unwrap().clone();
    for (candidate, is_order) in [(swapped, false), (skipped, true)] {
        let mut planner = planner(&[(peer(1), 1, 5)], now);
        let request = fetches(&planner.step(Input::Tick, now))[0].0;
        let actions = planner.step(Input::Block { request, candidate: Box::new(candidate) }, now);
        let fault = actions.iter().find_map(|action| match action {
            Action::Punish { fault, .. } => Some(fault.clone()),
            _ => None,
        });
        assert_eq!(matches!(fault.unwrap(), Fault::Order { .. }), is_order);
    }
}

#[test]
fn peer_without_the_block_it_claimed_is_not_believed_for_ten_minutes() {
    let start = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 1_000_000)], start);
    let asked = fetches(&planner.step(Input::Tick, start));
    assert_eq!(planner.target(start), Height(1_000_000));
    let mut last = Vec::new();
    for (request, ..) in asked {
        last = planner.step(Input::Ended(request), start);
    }
    assert!(matches!(last.as_slice(), [Action::Refuted(_), Action::Done]), "{last:?}");
}

#[test]
fn silent_peer_is_asked_less_and_less_and_refuted_after_half_a_minute() {
    let start = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 500)], start);
    assert!(!fetches(&planner.step(Input::Tick, start)).is_empty());
    let mut done_after = None;
    for second in 1..=60 {
        let now = start + Duration::from_secs(second);
        let actions = planner.step(Input::Tick, now);
        if actions.iter().any(|action| matches!(action, Action::Done)) {
            done_after = Some(second);
            break;
        }
    }
    assert!(done_after.is_some_and(|second| (30..=45).contains(&second)), "{done_after:?}");
}

#[test]
fn failed_answer_goes_to_another_peer_and_the_failing_one_rests() {
    let now = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 500), (peer(2), 1, 500)], now);
    let asked = fetches(&planner.step(Input::Tick, now));
    let (request, failed, from, _) = asked[0];
    let again = fetches(&planner.step(Input::Failed(request), now));
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].1 != failed, again[0].2), (true, from));
}

#[test]
fn stall_is_reported_with_who_was_asked_for_what() {
    let start = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 500)], start);
    let asked = fetches(&planner.step(Input::Tick, start));
    let chain = Chain::new(1);
    // One block keeps the claim alive, its check never ends.
    let late = start + Duration::from_secs(25);
    planner
        .step(
            Input::Block {
                request: asked[0].0,
                candidate: Box::new(chain.get(1).unwrap().clone()),
            },
            late,
        )
        .clear();
    let actions = planner.step(Input::Tick, start + Duration::from_secs(30));
    let stalled = actions.iter().find_map(|action| match action {
        Action::Stalled { height, open, .. } => Some((*height, open.len())),
        _ => None,
    });
    assert!(stalled.is_some_and(|(height, _)| height == Height(0)), "{actions:?}");
}

#[test]
fn certified_block_on_another_parent_is_a_fork() {
    let now = Instant::now();
    let chain = Chain::new(4);
    let mut planner = planner(&[(peer(1), 1, 4)], now);
    let request = fetches(&planner.step(Input::Tick, now))[0].0;
    deliver(&mut planner, request, chain.get(1).unwrap(), now);
    let other = certified(block(2, kwil_crypto::Hash([9; 32])), 2);
    let mut actions = deliver(&mut planner, request, &other, now);
    actions.extend(planner.step(Input::Appended(Height(1)), now));
    assert!(matches!(actions.last(), Some(Action::Fork { height: Height(2), .. })), "{actions:?}");
    assert!(planner.step(Input::Tick, now).is_empty(), "nothing happens after a fork");
}

#[test]
fn large_blocks_close_the_byte_window_and_never_stop_it() {
    let now = Instant::now();
    let peers = [(peer(1), Height(1), Height(500))];
    let limits = SyncLimits { window_bytes: 2_000, ..SyncLimits::default() };
    let mut planner = Planner::new(limits, genesis(), &peers, now);
    let chain = Chain::new(9);
    let asked = fetches(&planner.step(Input::Tick, now));
    assert_eq!(asked.len(), 1, "one answer may exceed the window, a second may not");
    let actions = planner.step(
        Input::Block { request: asked[0].0, candidate: Box::new(chain.get(1).unwrap().clone()) },
        now,
    );
    assert!(fetches(&actions).is_empty());
}

#[test]
fn report_comes_every_hundred_blocks_or_ten_seconds_with_rate_and_time_left() {
    let start = Instant::now();
    let mut planner = planner(&[(peer(1), 1, 500)], start);
    let reports = |actions: Vec<Action>| -> Vec<Progress> {
        actions
            .into_iter()
            .filter_map(
                |action| if let Action::Report(progress) = action { Some(progress) } else { None },
            )
            .collect()
    };
    assert!(reports(planner.step(Input::Tick, start + Duration::from_secs(9))).is_empty());
    let report = reports(planner.step(Input::Tick, start + Duration::from_secs(10)));
    let zero = Progress {
        height: Height(0),
        target: Height(500),
        percent: 0,
        rate: 0,
        eta: None,
        peers: 1,
    };
    assert_eq!(report, [zero]);
}

#[test]
fn verdict_under_the_old_set_does_not_count_after_a_change() {
    let now = Instant::now();
    let chain = Chain::new(2);
    let mut planner = planner(&[(peer(1), 1, 5)], now);
    let request = fetches(&planner.step(Input::Tick, now))[0].0;
    deliver(&mut planner, request, chain.get(1).unwrap(), now);
    let candidate = Box::new(chain.get(2).unwrap().clone());
    let (_, certificates) = tokens(&planner.step(Input::Block { request, candidate }, now));
    planner.step(Input::Checked { token: certificates[0], verdict: Verdict::Good }, now).clear();
    planner.step(Input::Appended(Height(1)), now).clear();
    let next_validators = set_of(CHANGE).hash();
    let actions = planner.step(Input::Executed { height: Height(1), next_validators }, now);
    assert_eq!(
        tokens(&actions).1.len(),
        1,
        "the certificate of block 2 is checked under the new set"
    );
}
