//! From a method's name to its handler.

use std::pin::Pin;

use kwil_api::RpcError;
use serde_json::{Map, Value};

use super::envelope::{self, Id};
use crate::front::{Context, Front, Handle, unknown_method};

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, RpcError>> + Send + 'a>>;

async fn json<C: Handle>(
    front: &Front,
    context: &Context,
    id: &Id,
    params: Map<String, Value>,
) -> Result<Vec<u8>, RpcError> {
    let request = serde_json::from_value::<C::Request>(Value::Object(params))
        .map_err(|error| RpcError::invalid_params(error.to_string()));
    // A method that does not answer here is unknown whatever its parameters are.
    if !front.serves(C::METHOD.service) {
        return Err(unknown_method());
    }
    let response = front.run::<C>(context, request?).await?;
    envelope::result(id, &response, front.limits().max_response)
}

macro_rules! routes {
    ($($call:ident)*) => {
        #[cfg(test)]
        const JSON_METHODS: &[&str] = &[$(<kwil_api::$call as kwil_api::Call>::METHOD.name),*];

        /// Runs the method of this name and encodes its answer.
        pub(super) fn dispatch<'a>(
            front: &'a Front,
            context: &'a Context,
            id: &'a Id,
            name: &str,
            params: Map<String, Value>,
        ) -> Answer<'a> {
            $(if name == <kwil_api::$call as kwil_api::Call>::METHOD.name {
                return Box::pin(json::<kwil_api::$call>(front, context, id, params));
            })*
            let error = unknown(front, name);
            Box::pin(async move { Err(error) })
        }
    };
}

routes! {
    UserVersion UserPing UserHealth UserChainInfo UserAccount UserNumAccounts UserEstimatePrice UserBroadcast
    UserCall UserQuery UserAuthenticatedQuery UserTxQuery UserChallenge UserListUpdateProposals UserUpdateProposalStatus
    ChainVersion ChainHealthCheck ChainBlock ChainBlockHeader ChainBlockResult ChainTransaction ChainGenesis
    ChainConsensusParams ChainValidators ChainUnconfirmed
    FunctionVersion FunctionVerifySig
    AdminVersion AdminHealthCheck AdminStatus AdminPeers AdminConfig AdminJoin AdminLeave AdminApprove AdminRemove
    AdminValidators AdminJoinRequests AdminJoinStatus AdminReplaceLeader AdminAddPeer AdminRemovePeer AdminListPeers
    AdminBlacklistPeer AdminRemoveBlacklisted AdminListBlacklisted AdminCreateResolution AdminApproveResolution
    AdminResolutionStatus AdminBlockExecStatus AdminAbortBlockExecution AdminVerifyState
}

/// "Unknown method", with the nearest name that answers here.
fn unknown(front: &Front, name: &str) -> RpcError {
    let served = |candidate: &&kwil_api::Method| front.serves(candidate.service);
    let near = kwil_api::METHODS
        .iter()
        .filter(served)
        .map(|method| (distance(name, method.name), method.name))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    match near {
        Some((_, near)) => unknown_method().with("did_you_mean", near),
        None => unknown_method(),
    }
}

/// Edits between two names; names far apart in length count as far.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let right: Vec<u8> = right.bytes().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.bytes().enumerate() {
        let mut diagonal = line;
        let mut before = line.saturating_add(1);
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let change = diagonal.saturating_add(usize::from(a != *b));
            diagonal = *cell;
            before = change.min(cell.saturating_add(1)).min(before.saturating_add(1));
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = line.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("user.ping", "user.ping"), 0);
        assert_eq!(distance("user.pong", "user.ping"), 1);
        assert_eq!(distance("user.acount", "user.account"), 1);
        assert_eq!(distance("usr.png", "user.ping"), 2);
        assert_eq!(distance("x", "user.ping"), usize::MAX);
    }

    #[test]
    fn json_rpc_has_every_method_of_the_table() {
        let table: Vec<&str> = kwil_api::METHODS.iter().map(|method| method.name).collect();
        assert_eq!(JSON_METHODS, table);
    }
}
