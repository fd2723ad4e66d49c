//! Planted defects. Each must be found by the simulator or the explorer; shipped code never has one.
#![cfg_attr(
    not(any(test, feature = "testing")),
    allow(unreachable_pub, dead_code, reason = "named by the checks that tests switch on")
)]

/// One defect of the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutation {
    /// The vote is sent before its record is durable.
    VoteBeforePersist,
    /// The promise is not read back after a restart.
    ForgetPromise,
    /// Votes are not read back after a restart.
    ForgetVotes,
    /// A quorum is half of the validators, rounded down.
    HalfQuorum,
    /// The choice rule takes the lowest reported view.
    ChoiceLowestView,
    /// The choice rule is ignored: a new leader always builds freely and acceptors do not check.
    ChoiceIgnored,
    /// A proposal is accepted without a quorum of view changes.
    JustificationWithoutQuorum,
    /// View changes never report the own vote.
    VoteNotReported,
    /// A certificate is accepted without counting distinct validators.
    CertificateWithoutCount,
    /// A restarted leader proposes again in the view that it led before.
    ProposeAfterRestart,
    /// The app hash of an earlier vote for the same block is not compared.
    AppHashForgotten,
    /// Votes below the promise are given.
    VoteBelowPromise,
    /// A second, different vote in one view is given.
    VoteTwice,
    /// A view above the own one is joined for any number a single message names.
    JoinWithoutBound,
    /// View timers run while a block is executing.
    TimerInExec,
    /// The block time may equal its parent's.
    TimeNotRising,
    /// The early-message buffer has no bound.
    BufferUnbounded,
    /// One validator's directive counts twice.
    DirectiveCountedTwice,
    /// A held node goes on voting.
    HeldVotes,
    /// The view timeout never grows.
    TimeoutNeverGrows,
    /// Views are left although no quorum is alive.
    LeaveWithoutQuorum,
}

impl Mutation {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::VoteBeforePersist,
        Self::ForgetPromise,
        Self::ForgetVotes,
        Self::HalfQuorum,
        Self::ChoiceLowestView,
        Self::ChoiceIgnored,
        Self::JustificationWithoutQuorum,
        Self::VoteNotReported,
        Self::CertificateWithoutCount,
        Self::ProposeAfterRestart,
        Self::AppHashForgotten,
        Self::VoteBelowPromise,
        Self::VoteTwice,
        Self::JoinWithoutBound,
        Self::TimerInExec,
        Self::TimeNotRising,
        Self::BufferUnbounded,
        Self::DirectiveCountedTwice,
        Self::HeldVotes,
        Self::TimeoutNeverGrows,
        Self::LeaveWithoutQuorum,
    ];
}
