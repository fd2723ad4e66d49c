//! From any state, once crashes stop and messages arrive, everybody decides.

use super::local::Stimulus;
use super::search::{Search, State};

/// Rounds of delivery and time-outs that must be enough.
const ROUNDS: usize = 40;

/// Restarts everybody, delivers everything, lets time pass when nothing else changes.
pub(crate) fn run(search: &mut Search, from: &State) -> Result<(), String> {
    let bounds = search.shared.bounds.clone();
    // Views are not bounded here.
    search.shared.bounds.max_view = u64::MAX;
    let result = rounds(search, from);
    search.shared.bounds = bounds;
    result
}

fn rounds(search: &mut Search, from: &State) -> Result<(), String> {
    let mut state = from.clone();
    for _ in 0..ROUNDS {
        if decided(search, &state) {
            return Ok(());
        }
        let before = state.clone();
        for node in 0..state.locals.len() {
            let stimuli = search.stimuli(node, &state);
            for stimulus in stimuli {
                if matches!(stimulus, Stimulus::Start | Stimulus::Deliver(_)) {
                    state = give(search, state, node, stimulus)?;
                }
            }
        }
        if state == before {
            for node in 0..state.locals.len() {
                state = give(search, state, node, Stimulus::Timeout)?;
            }
        }
    }
    if decided(search, &state) {
        return Ok(());
    }
    Err(format!("no decision after {ROUNDS} fair rounds"))
}

fn decided(search: &Search, state: &State) -> bool {
    state.locals.iter().all(|local| search.locals[*local as usize].done)
}

/// The crash-free reaction of a node, computed afresh: bounds differ from those of the search.
fn give(
    search: &mut Search,
    state: State,
    node: usize,
    stimulus: Stimulus,
) -> Result<State, String> {
    let Some(branch) = search.whole_branch(node, state.locals[node], stimulus) else {
        return Ok(state);
    };
    Ok(search.follow(&state, node, &branch)?.unwrap_or(state))
}
