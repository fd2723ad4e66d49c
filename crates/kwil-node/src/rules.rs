//! From the agreed state to the rules of admission.

use std::sync::Arc;

use kwil_crypto::auth::Registry;
use kwil_state::NetworkState;
use kwil_types::{NetworkParams, ValidatorSet};

use crate::mempool::Rules;

/// What admission depends on beside the agreed state.
#[derive(Debug, Clone)]
pub(crate) struct RulesSource {
    pub(crate) chain_id: String,
    /// `mempool.max_tx_bytes`.
    pub(crate) max_tx_bytes: u64,
    pub(crate) authenticators: Arc<Registry>,
    pub(crate) has_engine: bool,
}

impl RulesSource {
    /// The rules in force for transactions of the next block.
    pub(crate) fn rules(&self, state: &NetworkState) -> Rules {
        Rules {
            chain_id: self.chain_id.clone(),
            params: NetworkParams::clone(state.params()),
            validators: ValidatorSet::clone(state.validators()),
            authenticators: Arc::clone(&self.authenticators),
            has_engine: self.has_engine,
            max_tx_bytes: self.max_tx_bytes,
        }
    }
}
