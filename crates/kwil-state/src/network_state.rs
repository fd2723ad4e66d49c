//! What the network has agreed on, in memory: validators, parameters, pending resolutions and votes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kwil_crypto::PublicKey;
use kwil_types::{NetworkParams, ResolutionType, Threshold, Validator, ValidatorSet};
use uuid::Uuid;

use crate::block::Block;
use crate::fault::NodeFault;
use crate::params_state::{ParamRow, params_of};
use crate::validators::ValidatorRow;
use crate::votes::{Resolution, ResolutionRow, Resolutions, VoteRow, Votes, kind_of};

/// The agreed state after a block. Cheap to clone; the rows are in the database, and these are read from there once.
#[derive(Clone, Debug)]
pub struct NetworkState {
    pub(crate) params: Arc<NetworkParams>,
    pub(crate) validators: Arc<ValidatorSet>,
    pub(crate) resolutions: Resolutions,
    pub(crate) votes: Votes,
}

/// A pending resolution with who has to decide on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingResolution {
    /// The resolution.
    pub resolution: Resolution,
    /// Voters first, then the other validators, each with whether it voted for it.
    pub board: Vec<(PublicKey, bool)>,
    /// Power that has voted for it.
    pub power: u64,
    /// Power that confirms it.
    pub needed: u64,
}

impl NetworkState {
    /// Reads the state of the last committed block.
    pub(crate) async fn load(block: &mut Block<'_>) -> Result<Self, NodeFault> {
        const WHAT: &str = "load the network state";
        let invariant = |error: &dyn std::fmt::Display| NodeFault::invariant(WHAT, error);
        let validators = block.scan::<ValidatorRow>().await?.into_iter().map(|row| row.0);
        let validators = ValidatorSet::new(validators).map_err(|error| invariant(&error))?;
        let params =
            params_of(&block.scan::<ParamRow>().await?).map_err(|error| invariant(&error))?;
        let resolutions: BTreeMap<Uuid, Resolution> = block
            .scan::<ResolutionRow>()
            .await?
            .into_iter()
            .map(|row| (row.0.id(), row.0))
            .collect();
        if let Some(unknown) =
            resolutions.values().find(|resolution| kind_of(resolution.event_type()).is_none())
        {
            let event_type = unknown.event_type();
            return Err(invariant(&format!(
                "resolution type {event_type} is used on this chain but not built into this binary"
            )));
        }
        let mut votes: BTreeMap<Uuid, BTreeSet<PublicKey>> = BTreeMap::new();
        for VoteRow { resolution, voter } in block.scan::<VoteRow>().await? {
            votes.entry(resolution).or_default().insert(voter);
        }
        Ok(Self {
            params: params.into(),
            validators: validators.into(),
            resolutions: resolutions.into(),
            votes: votes.into(),
        })
    }

    /// The parameters in force for the next block.
    #[must_use]
    pub fn params(&self) -> &Arc<NetworkParams> {
        &self.params
    }

    /// The validators of the next block.
    #[must_use]
    pub fn validators(&self) -> &Arc<ValidatorSet> {
        &self.validators
    }

    /// One pending resolution.
    #[must_use]
    pub fn resolution(&self, id: &Uuid) -> Option<PendingResolution> {
        self.resolutions.get(id).map(|resolution| self.pending(resolution))
    }

    /// Every pending resolution in id order.
    pub fn pending_resolutions(&self) -> impl Iterator<Item = PendingResolution> {
        self.resolutions.values().map(|resolution| self.pending(resolution))
    }

    /// The pending join requests in id order.
    pub fn join_requests(&self) -> impl Iterator<Item = PendingResolution> {
        let joins = |pending: &PendingResolution| {
            pending.resolution.event_type() == ResolutionType::ValidatorJoin.name()
        };
        self.pending_resolutions().filter(joins)
    }

    /// The pending join request of a node.
    #[must_use]
    pub fn join_request(&self, candidate: &PublicKey) -> Option<PendingResolution> {
        self.join_requests().find(|pending| pending.resolution.proposer == *candidate)
    }

    fn pending(&self, resolution: &Resolution) -> PendingResolution {
        let voters = self.votes.get(&resolution.id());
        let voted = |key: &PublicKey| voters.is_some_and(|voters| voters.contains(key));
        let approving = voters.into_iter().flatten().map(|voter| (*voter, true));
        let others = self
            .validators
            .iter()
            .filter(|member| !voted(&member.key))
            .map(|member| (member.key, false));
        let power = self
            .validators
            .iter()
            .filter(|member| voted(&member.key))
            .map(|Validator { power, .. }| *power);
        let threshold =
            kind_of(resolution.event_type()).map_or(Threshold::ALL, |kind| kind.threshold);
        PendingResolution {
            board: approving.chain(others).collect(),
            power: power.fold(0, u64::saturating_add),
            needed: threshold.required(self.validators.total_power()),
            resolution: resolution.clone(),
        }
    }
}
