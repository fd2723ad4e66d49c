//! When blocks are made.

use std::time::Duration;

use super::stage::{EPOCH, Stage};
use crate::config::Config;
use crate::message::Message;

fn solo(config: Config) -> Stage {
    let mut stage = Stage::closed(1, 0, config);
    stage.start(0);
    stage
}

#[test]
fn transactions_are_gathered_for_two_milliseconds() {
    let mut stage = solo(Config { empty_block_timeout: Duration::ZERO, ..Config::default() });
    stage.wait(100);
    stage.submit();
    stage.wait(1);
    stage.submit();
    assert_eq!(stage.height(0), 0);
    stage.wait(1);
    assert_eq!(stage.height(0), 1);
    assert_eq!(stage.block(0, 1).txs().len(), 2);
}

#[test]
fn proposals_keep_their_least_distance() {
    let mut stage = solo(Config { empty_block_timeout: Duration::ZERO, ..Config::default() });
    for _ in 0..100 {
        stage.submit();
        stage.wait(1);
    }
    assert_eq!(stage.height(0), 5, "one block in 20 ms");
}

#[test]
fn reference_pacing_pauses_after_each_commit() {
    let config = Config { eager: false, empty_block_timeout: Duration::ZERO, ..Config::default() };
    let mut stage = solo(config);
    for _ in 0..30 {
        stage.submit();
        stage.wait(100);
    }
    assert_eq!(stage.height(0), 3, "one block a second");
}

#[test]
fn an_idle_leader_makes_an_empty_block_when_its_time_has_come() {
    let mut stage = solo(Config::default());
    stage.wait(59_999);
    assert_eq!(stage.height(0), 0);
    stage.wait(1);
    assert_eq!(stage.height(0), 1);
    assert!(stage.block(0, 1).txs().is_empty());
}

#[test]
fn without_a_timeout_no_empty_block_is_ever_made() {
    let mut stage = solo(Config { empty_block_timeout: Duration::ZERO, ..Config::default() });
    stage.wait(200_000);
    assert_eq!(stage.height(0), 0);
}

#[test]
fn block_times_rise_although_the_clock_goes_back() {
    let mut stage = solo(Config { empty_block_timeout: Duration::ZERO, ..Config::default() });
    stage.submit();
    stage.wait(50);
    stage.actors[0].skew_ms = -5000;
    stage.submit();
    stage.wait(50);
    let [first, second] = [1, 2].map(|height| stage.block(0, height).header().time_ms);
    assert_eq!(second, first + 1);
}

#[test]
fn a_leader_whose_parent_is_too_far_ahead_waits() {
    let mut stage = solo(Config { empty_block_timeout: Duration::ZERO, ..Config::default() });
    stage.submit();
    stage.wait(50);
    stage.actors[0].skew_ms = -15_000;
    stage.submit();
    stage.wait(2000);
    assert_eq!(stage.height(0), 1);
    stage.wait(4000);
    assert_eq!(stage.height(0), 2);
    assert!(stage.block(0, 2).header().time_ms <= EPOCH + stage.now);
}

#[test]
fn a_block_from_the_future_is_rejected_and_its_leader_left() {
    let mut stage = Stage::new(3);
    stage.actors[0].skew_ms = 20_000;
    stage.submit();
    stage.wait(100);
    let nacks = |node: usize| {
        let sent = &stage.actors[node].sent;
        sent.iter().filter(|message| matches!(message, Message::Nack(_))).count()
    };
    assert_eq!([nacks(1), nacks(2)], [1, 1]);
    stage.wait_until(|stage| stage.height(1) >= 1);
    assert_ne!(stage.block(1, 1).header().proposer, stage.key(0));
}
