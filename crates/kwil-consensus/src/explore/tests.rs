#![allow(clippy::print_stdout, reason = "the figures belong into the test output")]

use super::{Bounds, explore};

fn clean(bounds: &Bounds) {
    let explored = explore(bounds, None);
    println!("{bounds}: {explored}");
    assert!(explored.violation.is_none(), "{bounds}: {explored}");
    assert!(explored.complete, "{bounds}: {explored}");
    assert!(explored.decided > 0, "{bounds}: nobody ever decided");
}

#[test]
fn one_validator_with_two_crashes() {
    clean(&Bounds::new(1, 3, 2));
}

#[test]
fn two_validators_with_two_crashes_over_three_views() {
    clean(&Bounds::new(2, 2, 2));
}

#[test]
fn three_validators_with_two_crashes_over_two_views() {
    let mut bounds = Bounds::new(3, 1, 2);
    bounds.single_votes = false;
    clean(&bounds);
}

#[test]
fn three_validators_with_every_vote_delivered_by_itself() {
    clean(&Bounds::new(3, 1, 1));
}

#[test]
fn three_validators_over_three_views_without_crashes() {
    let mut bounds = Bounds::new(3, 2, 0);
    bounds.choices = 1;
    bounds.single_votes = false;
    clean(&bounds);
}

/// The bound of the design, as far as the ordinary test run can afford it; `cargo xtask sim --exhaustive` goes on.
#[test]
fn three_validators_with_two_crashes_over_three_views_cut_off() {
    let mut bounds = Bounds::new(3, 2, 2);
    bounds.choices = 1;
    bounds.single_votes = false;
    bounds.max_states = 300_000;
    let explored = explore(&bounds, None);
    println!("{bounds}: {explored}");
    assert!(explored.violation.is_none(), "{explored}");
}

#[test]
fn a_set_that_grows_between_two_heights() {
    let mut bounds = Bounds::new(1, 1, 1);
    bounds.followers = 1;
    bounds.heights = 2;
    bounds.joins = Some(1);
    bounds.single_votes = false;
    clean(&bounds);
}

#[test]
fn a_set_that_shrinks_between_two_heights() {
    let mut bounds = Bounds::new(2, 1, 1);
    bounds.heights = 2;
    bounds.leaves = Some(1);
    bounds.choices = 1;
    bounds.single_votes = false;
    clean(&bounds);
}

#[test]
fn a_validator_with_another_app_hash_is_never_followed() {
    let mut bounds = Bounds::new(3, 1, 1);
    bounds.diverged = Some(2);
    bounds.choices = 1;
    let explored = explore(&bounds, None);
    println!("{bounds}: {explored}");
    assert!(explored.violation.is_none(), "{explored}");
    assert!(explored.complete, "{explored}");
}

#[test]
fn a_validator_whose_app_hash_changes_with_a_restart_never_signs_both() {
    let mut bounds = Bounds::new(3, 1, 1);
    bounds.flaky = Some(1);
    bounds.choices = 1;
    let explored = explore(&bounds, None);
    println!("{bounds}: {explored}");
    assert!(explored.violation.is_none(), "{explored}");
    assert!(explored.complete, "{explored}");
}

#[test]
fn a_lost_log_costs_no_agreement() {
    let mut bounds = Bounds::new(3, 1, 1);
    bounds.lost_logs = 1;
    bounds.choices = 1;
    bounds.single_votes = false;
    let explored = explore(&bounds, None);
    println!("{bounds}: {explored}");
    assert!(explored.violation.is_none(), "{explored}");
    assert!(explored.complete, "{explored}");
}
