//! What happens in a run: made from a seed, or cut down from a longer one.

use std::fmt;

use super::rng::Rng;

/// Virtual milliseconds of trouble before the network has to recover.
pub(crate) const TROUBLE_MS: u64 = 20_000;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Seed of delays, losses and load.
    pub seed: u64,
    /// Nodes that start as validators.
    pub validators: usize,
    /// Nodes that only follow; they may join.
    pub followers: usize,
    /// How the network behaves while there is trouble.
    pub network: Network,
    /// Short timers: views change often.
    pub hasty: bool,
    /// The network stays slow when trouble is over.
    pub slow_calm: bool,
    /// A node that lies.
    pub liar: Option<(usize, Liar)>,
    /// When trouble ends: faults stop, cuts heal, everybody is restarted.
    pub trouble_ms: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// Behaviour of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Least delay.
    pub delay_ms: u64,
    /// Added at random; large values reorder.
    pub jitter_ms: u64,
    /// Lost messages per thousand.
    pub loss_permille: u64,
    /// Duplicated messages per thousand.
    pub duplicate_permille: u64,
    /// Proposals that travel without their body, per thousand.
    pub bodiless_permille: u64,
    /// Longest ordinary execution of a block.
    pub execution_ms: u64,
}

/// How a lying node lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liar {
    /// Two blocks and two votes per view it leads.
    Equivocates,
    /// Sends proposals and votes to one peer only.
    Withholds,
    /// Its view changes hide its votes.
    HidesVotes,
    /// Votes twice in a view, with different app hashes.
    VotesTwice,
    /// Enters views that are absurdly far away.
    JumpsViews,
    /// Proposes in views that nobody promised.
    Unjustified,
    /// Fills the buffers for the next height.
    Floods,
    /// Makes itself the preferred leader with its own order, several times over.
    ReusesOrders,
    /// Not a validator: false heights and forged certificates.
    Forges,
}

/// What a node does last before it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Sends a proposal.
    Proposal,
    /// Makes records durable.
    Persist,
    /// Sends a vote.
    Vote,
    /// Sends a view change.
    ViewChange,
    /// Makes a block durable.
    Commit,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: u64,
    /// What.
    pub kind: FaultKind,
}

/// Kinds of trouble. Nodes are named by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The process dies after so many more effects and comes back later.
    Crash {
        /// Who.
        node: usize,
        /// Effects it still performs.
        effects: u64,
        /// Milliseconds until it starts again.
        down_ms: u64,
        /// Unsynced records that survive, as in a torn page cache.
        kept: usize,
    },
    /// Every listed node dies right after the next time it does something, and comes back later.
    CrashAfter {
        /// Bit mask of nodes.
        nodes: u32,
        /// What it does last.
        deed: Deed,
        /// Milliseconds until it starts again.
        down_ms: u64,
    },
    /// The process stands still.
    Pause {
        /// Who.
        node: usize,
        /// For how long.
        ms: u64,
    },
    /// Links in one direction are cut.
    Cut {
        /// Bit mask of senders.
        from: u32,
        /// Bit mask of receivers.
        to: u32,
        /// For how long.
        ms: u64,
    },
    /// Two groups do not hear each other.
    Partition {
        /// Bit mask of one group.
        group: u32,
        /// For how long.
        ms: u64,
    },
    /// Executions take much longer.
    SlowExecution {
        /// Who.
        node: usize,
        /// Added to each.
        by_ms: u64,
        /// For how long.
        ms: u64,
    },
    /// The wall clock jumps.
    Clock {
        /// Who.
        node: usize,
        /// Milliseconds it is off from then on.
        skew_ms: i64,
    },
    /// The database gets every block from now on wrong.
    Diverge {
        /// Who.
        node: usize,
    },
    /// The database fails so many executions.
    Database {
        /// Who.
        node: usize,
        /// How many.
        failures: u32,
    },
    /// Disk space runs low for a while.
    Disk {
        /// Who.
        node: usize,
        /// For how long.
        ms: u64,
    },
    /// The process dies and its consensus log is gone when it comes back.
    LogLost {
        /// Who.
        node: usize,
        /// Milliseconds until it starts again.
        down_ms: u64,
    },
    /// Operators run replace-leader.
    ReplaceLeader {
        /// Bit mask of nodes whose operators do.
        nodes: u32,
        /// For whom.
        candidate: usize,
        /// Heights ahead of the first node's.
        ahead: u64,
    },
    /// A transaction that makes a node a validator.
    Join {
        /// Who.
        node: usize,
    },
    /// A transaction that removes a validator (unless it is the preferred leader or the last one).
    Leave {
        /// Who.
        node: usize,
    },
    /// Operators of every node order an abort; only the leader's can work.
    Abort,
    /// The node drains and stops, and starts again later.
    Drain {
        /// Who.
        node: usize,
        /// Milliseconds until it starts again.
        down_ms: u64,
    },
}

impl Script {
    /// The script of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 1);
        let validators = [1, 2, 3, 3, 3, 3, 4, 4, 5, 7][rng.index(10)];
        let followers = [0, 0, 1, 1, 2][rng.index(5)];
        let nodes = validators + followers;
        let network = draw_network(&mut rng);
        let liar = (validators >= 3 && rng.chance(300))
            .then(|| draw_liar(&mut rng, validators, followers));
        let liar = liar.flatten();
        let count = rng.within(0, 14);
        let mut script = Self {
            seed,
            validators,
            followers,
            network,
            hasty: rng.chance(600),
            slow_calm: rng.chance(300),
            liar,
            trouble_ms: TROUBLE_MS,
            faults: Vec::new(),
        };
        let mut diverged = 0;
        let mut lost = 0;
        for _ in 0..count {
            let at = rng.within(200, TROUBLE_MS - 500);
            let kind = draw_fault(&mut rng, validators, nodes);
            let minority = (validators - 1) / 2;
            let fits = match &kind {
                FaultKind::Diverge { node } => {
                    diverged += 1;
                    *node >= validators || (diverged <= minority && lost == 0 && liar.is_none())
                }
                FaultKind::LogLost { node, .. } => {
                    lost += 1;
                    *node >= validators || (lost <= minority && diverged == 0 && liar.is_none())
                }
                FaultKind::Join { .. } | FaultKind::Leave { .. } => {
                    liar.is_none() && diverged + lost == 0
                }
                _ => true,
            };
            if fits {
                script.faults.push(Fault { at, kind });
            }
        }
        let shrinks = script
            .faults
            .iter()
            .any(|f| matches!(f.kind, FaultKind::Diverge { .. } | FaultKind::LogLost { .. }));
        if shrinks {
            script
                .faults
                .retain(|f| !matches!(f.kind, FaultKind::Join { .. } | FaultKind::Leave { .. }));
        }
        script.faults.sort_by_key(|fault| fault.at);
        script
    }

    /// Nodes of the run.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.validators + self.followers
    }
}

fn draw_network(rng: &mut Rng) -> Network {
    let profile = rng.index(4);
    let (delay_ms, jitter_ms) = [(1, 2), (2, 20), (10, 60), (5, 400)][profile];
    Network {
        delay_ms,
        jitter_ms,
        loss_permille: [0, 0, 20, 100, 300][rng.index(5)],
        duplicate_permille: [0, 50, 300][rng.index(3)],
        bodiless_permille: [0, 200, 1000][rng.index(3)],
        execution_ms: [3, 30, 200][rng.index(3)],
    }
}

fn draw_liar(rng: &mut Rng, validators: usize, followers: usize) -> Option<(usize, Liar)> {
    let node = rng.index(validators);
    match rng.index(9) {
        0 => Some((node, Liar::Equivocates)),
        1 => Some((node, Liar::Withholds)),
        2 => Some((node, Liar::HidesVotes)),
        3 => Some((node, Liar::VotesTwice)),
        4 => Some((node, Liar::JumpsViews)),
        5 => Some((node, Liar::Unjustified)),
        6 => Some((node, Liar::Floods)),
        7 => Some((node, Liar::ReusesOrders)),
        _ => (followers > 0).then_some((validators, Liar::Forges)),
    }
}

fn draw_fault(rng: &mut Rng, validators: usize, nodes: usize) -> FaultKind {
    let node = rng.index(nodes);
    let mask = |rng: &mut Rng| rng.below(1 << nodes) as u32;
    match rng.below(100) {
        0..14 => FaultKind::CrashAfter {
            nodes: mask(rng),
            deed: [Deed::Proposal, Deed::Persist, Deed::Vote, Deed::ViewChange, Deed::Commit]
                [rng.index(5)],
            down_ms: rng.within(20, 2500),
        },
        14..32 => FaultKind::Crash {
            node: if rng.chance(600) { rng.index(validators) } else { node },
            effects: rng.within(0, 40),
            down_ms: rng.within(50, 4000),
            kept: rng.index(4),
        },
        32..40 => FaultKind::Pause { node, ms: rng.within(200, 6000) },
        40..47 => FaultKind::Cut { from: mask(rng), to: mask(rng), ms: rng.within(300, 6000) },
        47..56 => FaultKind::Partition { group: mask(rng), ms: rng.within(300, 8000) },
        56..61 => FaultKind::SlowExecution {
            node,
            by_ms: rng.within(500, 6000),
            ms: rng.within(500, 6000),
        },
        61..66 => FaultKind::Clock { node, skew_ms: rng.within(0, 24_000).cast_signed() - 12_000 },
        66..68 => FaultKind::Diverge { node },
        68..72 => FaultKind::Database { node, failures: rng.within(1, 6) as u32 },
        72..75 => FaultKind::Disk { node, ms: rng.within(500, 5000) },
        75..78 => FaultKind::LogLost { node, down_ms: rng.within(100, 3000) },
        78..84 => FaultKind::ReplaceLeader {
            nodes: mask(rng),
            candidate: rng.index(validators),
            ahead: rng.within(1, 4),
        },
        84..88 => FaultKind::Join { node },
        88..92 => FaultKind::Leave { node },
        92..96 => FaultKind::Abort,
        _ => FaultKind::Drain { node, down_ms: rng.within(100, 2000) },
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, validators, followers, network, liar, trouble_ms, .. } = self;
        writeln!(
            f,
            "seed {seed}: {validators} validators, {followers} followers, trouble until {trouble_ms} ms"
        )?;
        writeln!(f, "  {network:?}{}", if self.hasty { ", short timers" } else { "" })?;
        if self.slow_calm {
            writeln!(f, "  the network stays slow")?;
        }
        if let Some((node, liar)) = liar {
            writeln!(f, "  node {node} lies: {liar:?}")?;
        }
        for fault in &self.faults {
            writeln!(f, "  {:>6} ms  {:?}", fault.at, fault.kind)?;
        }
        Ok(())
    }
}
