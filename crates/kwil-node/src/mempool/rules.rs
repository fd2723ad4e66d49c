//! The parameters that admission depends on, and the checks that need no account.

use std::sync::Arc;

use kwil_crypto::auth::Registry;
use kwil_state::{AdmissionRules, Admitted as Envelope, check_envelope, verify_signature};
use kwil_types::{AccountId, NetworkParams, RawTx, ValidatorSet};

use super::Rejected;

/// What the network and this node demand of a transaction. Replaced when a block changes it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Network that transactions must be for.
    pub chain_id: String,
    /// Parameters in force for the next height.
    pub params: NetworkParams,
    /// Validators of the next height.
    pub validators: ValidatorSet,
    /// Authenticators of the network.
    pub authenticators: Arc<Registry>,
    /// Whether SQL and actions can run.
    pub has_engine: bool,
    /// Longest transaction in bytes that this node takes; the size of a block bounds it as well.
    pub max_tx_bytes: u64,
}

/// A transaction that passed [`Rules::check`].
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) raw: RawTx,
    pub(crate) envelope: Envelope,
}

impl Rules {
    /// Everything but signature and account, cheapest first.
    pub(crate) fn check(&self, raw: &RawTx) -> Result<Checked, Rejected> {
        let rules = AdmissionRules {
            chain_id: &self.chain_id,
            params: &self.params,
            validators: &self.validators,
            authenticators: &self.authenticators,
            has_engine: self.has_engine,
            max_tx_bytes: self.max_tx_bytes,
        };
        Ok(Checked { raw: raw.clone(), envelope: check_envelope(raw, &rules)? })
    }

    /// The account that pays for and orders the transaction; `None` for a sender that no account can belong to.
    pub(crate) fn sender_of(&self, raw: &RawTx) -> Option<AccountId> {
        let tx = raw.transaction();
        let key_type = self.authenticators.get(&tx.signature.auth_type).ok()?.key_type();
        AccountId::new(key_type, &tx.sender).ok()
    }

    /// Checks the signature: about 0.1 ms of CPU time.
    pub(crate) fn verify_signature(&self, raw: &RawTx) -> Result<(), Rejected> {
        verify_signature(raw, &self.authenticators)?;
        Ok(())
    }
}
