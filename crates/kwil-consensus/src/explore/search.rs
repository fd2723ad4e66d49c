//! Breadth-first search over global states.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kwil_crypto::Hash;
use kwil_types::{Height, ValidatorSet};

use super::local::{Local, Reaction, Shared, Stimulus};
use super::network::Messages;
use super::table::{Table, fingerprint};
use super::{Bounds, Explored, Found, fair};
use crate::message::{CommitAnnounce, Message};
use crate::mutation::Mutation;

/// A fair run is made from one state in so many.
const FAIR_EVERY: u64 = 20_000;

/// One way a node reacts to a stimulus.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) local: u32,
    pub(crate) sent: Box<[u16]>,
    pub(crate) crashes: u8,
    pub(crate) lost_logs: u8,
    broken: Option<Box<str>>,
}

impl Branch {
    fn same(&self, other: &Self) -> bool {
        self.local == other.local
            && self.sent == other.sent
            && (self.crashes, self.lost_logs) == (other.crashes, other.lost_logs)
    }
}

/// A global state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) locals: Box<[u32]>,
    pub(crate) net: Box<[u16]>,
    crashes: u8,
    lost_logs: u8,
}

/// How a state was first reached.
#[derive(Debug, Clone, Copy)]
struct Step {
    parent: u32,
    node: u8,
    stimulus: Stimulus,
    dies: bool,
}

#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) shared: Shared,
    pub(crate) messages: Messages,
    pub(crate) locals: Vec<Local>,
    prints: Vec<u128>,
    numbers: BTreeMap<u128, u32>,
    /// Reactions by local state and stimulus.
    memo: Vec<Vec<Option<Arc<[Branch]>>>>,
    steps: Vec<Step>,
    transitions: u64,
}

impl Search {
    pub(crate) fn new(bounds: &Bounds, mutation: Option<Mutation>) -> Self {
        Self {
            shared: Shared::new(bounds, mutation),
            messages: Messages::default(),
            locals: Vec::new(),
            numbers: BTreeMap::new(),
            prints: Vec::new(),
            memo: Vec::new(),
            steps: Vec::new(),
            transitions: 0,
        }
    }

    fn number(&mut self, local: Local) -> u32 {
        let next = self.locals.len() as u32;
        let print = fingerprint(&local);
        let number = *self.numbers.entry(print).or_insert(next);
        if number == next {
            self.locals.push(local);
            self.prints.push(print);
            self.memo.push(Vec::new());
        }
        number
    }

    /// A sum, so that the order of messages makes no difference.
    fn print(&self, state: &State) -> u128 {
        let budget = u128::from(state.crashes) << 8 | u128::from(state.lost_logs);
        let budget = (budget + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let locals = state.locals.iter().map(|local| self.prints[*local as usize]);
        let net = state.net.iter().map(|number| self.messages.print(*number));
        locals.chain(net).fold(budget, u128::wrapping_add) | 1
    }

    pub(crate) fn run(mut self) -> Explored {
        let bounds = self.shared.bounds.clone();
        let nodes = bounds.validators + bounds.followers;
        let fair = bounds.diverged.is_none() && bounds.flaky.is_none() && bounds.lost_logs == 0;
        let locals: Vec<u32> = (0..nodes).map(|node| self.number(Local::new(node as u8))).collect();
        let first = State {
            locals: locals.into(),
            net: Box::default(),
            crashes: bounds.crashes,
            lost_logs: bounds.lost_logs,
        };
        let mut seen = Table::new();
        seen.insert(self.print(&first));
        let mut queue = VecDeque::from([(first, 0_u32, 0_u64)]);
        self.steps.push(Step { parent: 0, node: 0, stimulus: Stimulus::Start, dies: false });
        let mut found = Explored {
            states: 1,
            depth: 0,
            local_states: 0,
            transitions: 0,
            complete: true,
            decided: 0,
            fair_runs: 0,
            violation: None,
        };
        while let Some((state, number, depth)) = queue.pop_front() {
            found.depth = depth;
            if self.all_done(&state) {
                found.decided += 1;
                continue;
            }
            if u64::from(number) % FAIR_EVERY == 0 && fair {
                match fair::run(&mut self, &state) {
                    Ok(()) => found.fair_runs += 1,
                    Err(what) => {
                        found.violation = Some(self.explain(what, number, None));
                        break;
                    }
                }
            }
            if let Err(violation) = self.expand(&state, number, depth, &mut seen, &mut queue) {
                found.violation = Some(violation);
                break;
            }
            if seen.len() as u64 > bounds.max_states {
                found.complete = false;
                break;
            }
        }
        found.states = seen.len() as u64;
        found.local_states = self.locals.len() as u64;
        found.transitions = self.transitions;
        found.complete &= found.violation.is_none();
        found
    }

    fn all_done(&self, state: &State) -> bool {
        state.locals.iter().all(|local| self.locals[*local as usize].done)
    }

    /// Everything that may happen in a state.
    fn expand(
        &mut self,
        state: &State,
        number: u32,
        depth: u64,
        seen: &mut Table,
        queue: &mut VecDeque<(State, u32, u64)>,
    ) -> Result<(), Found> {
        // Starting depends on nothing but the disk and hinders nobody, so a dead node may as well start first.
        let dead = |node: &usize| {
            let local = &self.locals[state.locals[*node] as usize];
            local.machine.is_none() && !local.done
        };
        let nodes = match (0..state.locals.len()).find(dead) {
            Some(node) => node..node + 1,
            None => 0..state.locals.len(),
        };
        for node in nodes {
            for stimulus in self.stimuli(node, state) {
                let branches = self.branches(node, state.locals[node], stimulus);
                for branch in branches.iter() {
                    let dies = branch.crashes > 0;
                    let step = Step { parent: number, node: node as u8, stimulus, dies };
                    if branch.crashes > state.crashes || branch.lost_logs > state.lost_logs {
                        continue;
                    }
                    let next = match self.follow(state, node, branch) {
                        Ok(Some(next)) => next,
                        Ok(None) => continue,
                        Err(what) => return Err(self.explain(what, number, Some(step))),
                    };
                    self.transitions += 1;
                    if seen.insert(self.print(&next)) {
                        let number = self.steps.len() as u32;
                        self.steps.push(step);
                        queue.push_back((next, number, depth + 1));
                    }
                }
            }
        }
        Ok(())
    }

    /// Stimuli that a node can get.
    pub(crate) fn stimuli(&self, node: usize, state: &State) -> Vec<Stimulus> {
        let local = &self.locals[state.locals[node] as usize];
        if local.done {
            return Vec::new();
        }
        if local.machine.is_none() {
            return vec![Stimulus::Start];
        }
        let me = self.shared.keys.public(node);
        let mut stimuli = Vec::new();
        for number in &state.net {
            if !self.messages.is_for(*number, &me) {
                continue;
            }
            match self.messages.get(*number).message() {
                Message::Vote(_) if !self.shared.bounds.single_votes => {}
                // A node that is two heights behind would fetch blocks; that is the simulator's subject.
                Message::Commit(announce) if announce.certificate.height().0 > local.height() => {}
                Message::ViewChange(_) => {
                    stimuli.push(Stimulus::Deliver(*number));
                    stimuli.push(Stimulus::DeliverLeaderless(*number));
                }
                _ => stimuli.push(Stimulus::Deliver(*number)),
            }
        }
        stimuli.push(Stimulus::Timeout);
        stimuli.push(Stimulus::TimeoutLeaderless);
        stimuli
    }

    /// All ways in which a node reacts, computed once.
    pub(crate) fn branches(
        &mut self,
        node: usize,
        local: u32,
        stimulus: Stimulus,
    ) -> Arc<[Branch]> {
        let code = stimulus.code();
        if let Some(Some(known)) = self.memo[local as usize].get(code) {
            return Arc::clone(known);
        }
        let mut branches = Vec::new();
        let mut choices = 1;
        let mut choice = 0;
        while choice < choices {
            let whole = self.react(node, local, stimulus, choice);
            if whole.built {
                choices = self.shared.bounds.choices;
            }
            let mut crashes = Vec::new();
            if self.shared.bounds.crashes > 0 {
                let before = &self.locals[local as usize];
                let dead = whole.crashes(before, false);
                crashes.extend(dead.into_iter().map(|(dead, sent)| (dead, sent, 0)));
                if self.shared.bounds.lost_logs > 0 {
                    let dead = whole.crashes(before, true);
                    crashes.extend(dead.into_iter().map(|(dead, sent)| (dead, sent, 1)));
                }
            }
            let Reaction { local: after, sent, broken, .. } = whole;
            self.keep(local, (after, sent), broken, (0, 0), &mut branches);
            for (dead, sent, lost) in crashes {
                self.keep(local, (dead, sent), None, (1, lost), &mut branches);
            }
            choice += 1;
        }
        // With and without a leader most things end the same way.
        if let Some(plain) = stimulus.with_leader() {
            let known = self.branches(node, local, plain);
            branches
                .retain(|branch| branch.broken.is_some() || !known.iter().any(|k| k.same(branch)));
        }
        let branches: Arc<[Branch]> = branches.into();
        let row = &mut self.memo[local as usize];
        if row.len() <= code {
            row.resize(code + 1, None);
        }
        row[code] = Some(Arc::clone(&branches));
        branches
    }

    /// The reaction without a crash, outside of the bounds of the search.
    pub(crate) fn whole_branch(
        &mut self,
        node: usize,
        local: u32,
        stimulus: Stimulus,
    ) -> Option<Branch> {
        let mut branches = Vec::new();
        let Reaction { local: after, sent, broken, .. } = self.react(node, local, stimulus, 0);
        self.keep(local, (after, sent), broken, (0, 0), &mut branches);
        branches.pop()
    }

    fn react(&mut self, node: usize, local: u32, stimulus: Stimulus, choice: u8) -> Reaction {
        let message = match stimulus {
            Stimulus::Deliver(number) | Stimulus::DeliverLeaderless(number) => {
                Some(self.messages.get(number))
            }
            Stimulus::Start | Stimulus::Timeout | Stimulus::TimeoutLeaderless => None,
        };
        let state = &self.locals[local as usize];
        self.shared.react(node, state, (stimulus, message), choice)
    }

    /// Numbers a reaction, unless it changes nothing, leaves the bounds or is known.
    fn keep(
        &mut self,
        before: u32,
        (local, sent): (Local, Vec<Message>),
        broken: Option<String>,
        (crashes, lost_logs): (u8, u8),
        branches: &mut Vec<Branch>,
    ) {
        let max_view = self.shared.bounds.max_view;
        if local.machine.as_ref().is_some_and(|machine| machine.view().0 > max_view)
            && broken.is_none()
        {
            return;
        }
        let tip = local.chain.last().map_or(Hash::ZERO, |(block, _)| block.hash());
        let set = self.shared.state(&tip).next().validators;
        let chain = self.shared.chain;
        let within = |message: &Message| message.view().is_none_or(|view| view.0 <= max_view);
        let mut numbers: Vec<u16> = Vec::new();
        for message in sent.into_iter().filter(within) {
            numbers.push(self.messages.number(message, chain, &set));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let number = self.number(local.settled(self.shared.bounds.heights));
        let broken = broken.map(Into::into);
        let idle = number == before && numbers.is_empty() && broken.is_none();
        let known = branches.iter().any(|branch| {
            branch.local == number
                && branch.sent.as_ref() == numbers
                && branch.crashes <= crashes
                && branch.lost_logs <= lost_logs
                && broken.is_none()
        });
        if !idle && !known {
            let sent = numbers.into();
            branches.push(Branch { local: number, sent, crashes, lost_logs, broken });
        }
    }

    /// The state after a branch; `None` when nothing changes.
    pub(crate) fn follow(
        &mut self,
        state: &State,
        node: usize,
        branch: &Branch,
    ) -> Result<Option<State>, String> {
        if let Some(broken) = &branch.broken {
            return Err(broken.to_string());
        }
        let said = |number: &u16| state.net.binary_search(number).is_ok();
        if branch.local == state.locals[node] && branch.crashes == 0 && branch.sent.iter().all(said)
        {
            return Ok(None);
        }
        let mut next = state.clone();
        next.locals[node] = branch.local;
        next.crashes = next.crashes.saturating_sub(branch.crashes);
        next.lost_logs = next.lost_logs.saturating_sub(branch.lost_logs);
        let mut net = state.net.to_vec();
        for number in &branch.sent {
            if net.binary_search(number).is_ok() {
                continue;
            }
            // A validator that lost its log may repeat itself only by mistake; that is what the check is for.
            if let Some(what) = self.messages.conflict(&net, *number) {
                return Err(what);
            }
            let at = net.partition_point(|known| known < number);
            net.insert(at, *number);
        }
        if net.len() != state.net.len() {
            self.agree(&mut net)?;
            next.net = net.into();
        }
        let [before, after] =
            [state.locals[node], branch.local].map(|local| &self.locals[local as usize]);
        if before.chain.len() != after.chain.len() {
            self.agree_on_chains(&next)?;
        }
        Ok(Some(next))
    }

    /// Certificates of one height have one value; as messages they enter the network when votes do not travel.
    fn agree(&mut self, net: &mut Vec<u16>) -> Result<(), String> {
        let sets = self.sets();
        let lookup = |height: Height| sets.get(&height).cloned();
        let certified = self.messages.certified(net, &lookup);
        for pair in certified.windows(2) {
            let [(height, _, block, app), (other, _, other_block, other_app)] = pair else {
                continue;
            };
            if height == other && (block, app) != (other_block, other_app) {
                return Err(format!("two certified values at height {height}"));
            }
        }
        if self.shared.bounds.single_votes {
            return Ok(());
        }
        for value in certified {
            let Some(set) = sets.get(&value.0) else { continue };
            let Some(certificate) = self.messages.certificate(net, value, set) else { continue };
            let Some(block) = self.shared.block(&value.2) else { continue };
            let announce = CommitAnnounce {
                header: block.header().clone(),
                block_signature: *block.signature(),
                certificate,
            };
            let message = Message::Commit(Arc::new(announce));
            let number = self.messages.number(message, self.shared.chain, set);
            if let Err(at) = net.binary_search(&number) {
                net.insert(at, number);
            }
        }
        Ok(())
    }

    /// Validators by height. The content of the first block decides those of the second, whichever block it is.
    fn sets(&self) -> BTreeMap<Height, Arc<ValidatorSet>> {
        let mut sets = BTreeMap::from([(Height(1), self.shared.genesis.next().validators)]);
        if let Some(second) = self.shared.any_second_set() {
            sets.insert(Height(2), second);
        }
        sets
    }

    fn agree_on_chains(&self, state: &State) -> Result<(), String> {
        let chains = state.locals.iter().map(|local| &self.locals[*local as usize].chain);
        let mut longest: &[(Arc<kwil_types::Block>, Arc<CommitAnnounce>)] = &[];
        for chain in chains {
            let (short, long) = if chain.len() < longest.len() {
                (chain.as_slice(), longest)
            } else {
                (longest, chain.as_slice())
            };
            for ((block, a), (other, b)) in short.iter().zip(long) {
                let same = block.hash() == other.hash();
                if !same || a.certificate.app_hash() != b.certificate.app_hash() {
                    return Err(format!(
                        "two committed values at height {}",
                        a.certificate.height()
                    ));
                }
            }
            longest = long;
        }
        Ok(())
    }

    /// The way to a state, and the step that broke something.
    fn explain(&self, what: String, number: u32, last: Option<Step>) -> Found {
        let mut way: Vec<Step> = Vec::from_iter(last);
        let mut at = number;
        while at != 0 {
            let step = self.steps[at as usize];
            way.push(step);
            at = step.parent;
        }
        way.reverse();
        let trace = way.iter().map(|step| self.describe(step)).collect();
        Found { what, trace }
    }

    fn describe(&self, step: &Step) -> String {
        let message =
            |number: u16| crate::sim::describe_message(self.messages.get(number).message());
        let stimulus = match step.stimulus {
            Stimulus::Start => "starts".to_owned(),
            Stimulus::Deliver(number) => format!("gets {}", message(number)),
            Stimulus::DeliverLeaderless(number) => {
                format!("misses its leader, gets {}", message(number))
            }
            Stimulus::Timeout => "waits too long".to_owned(),
            Stimulus::TimeoutLeaderless => "misses its leader".to_owned(),
        };
        let dies = if step.dies { ", and dies" } else { "" };
        format!("node {}  {stimulus}{dies}", step.node)
    }
}
