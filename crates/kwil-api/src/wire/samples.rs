//! Full values of the answers: what one form writes, both forms read back.

use kwil_crypto::{Hash, KeyType, PrivateKey, PublicKey};
use kwil_types::{Array, Decimal, Scalar, TypeKind, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Wire;
use crate::account::{Validator, account_of};
use crate::admin::{
    AdminHealth, Blacklist, BlacklistedPeer, BlockExecAnswer, BlockExecution, ConfigText,
    JoinRequest, JoinRequests, JoinStatus, NodeStatus, Nothing, Peer, Peers, ResolutionAnswer,
    ResolutionStatus, StateCheck, Status, Submitted, SyncStatus, TxProgress, Whitelist,
};
use crate::chain::{
    Block, BlockAnswer, BlockHeader, CommitInfo, HeaderAnswer, VoteInfo, VoteSignature,
};
use crate::method::{
    AdminBlockExecStatus, AdminConfig, AdminHealthCheck, AdminJoin, AdminJoinRequests,
    AdminJoinStatus, AdminListBlacklisted, AdminListPeers, AdminPeers, AdminReplaceLeader,
    AdminResolutionStatus, AdminStatus, AdminVerifyState, Call, ChainBlock, ChainBlockHeader,
    UserAuthenticatedQuery, UserCall, UserQuery, UserTxQuery, UserUpdateProposalStatus,
};
use crate::read::{CallResult, Column, QueryResult};
use crate::transaction::{Signature, Transaction, TxBody, TxQuery, TxResult};
use crate::user::{UpdateProposal, UpdateProposals};

fn both<C: Call>(value: C::Response)
where
    C::Response: Clone + Serialize + DeserializeOwned,
{
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<C::Response>(&text).unwrap(), value, "{text}");
    assert_eq!(C::Response::from_wire(value.clone().into_wire()).unwrap(), value);
}

fn key(seed: u8) -> PublicKey {
    PrivateKey::from_bytes(KeyType::Secp256k1, &[seed; 32]).unwrap().public_key()
}

fn tx() -> Transaction {
    Transaction {
        signature: Some(Signature { sig: vec![1, 2, 3], r#type: "secp256k1_ep".to_owned() }),
        body: Some(TxBody {
            desc: "text".to_owned(),
            payload: vec![0, 0, 7],
            r#type: "execute".to_owned(),
            fee: "12".to_owned(),
            nonce: 8,
            chain_id: "prod-chain".to_owned(),
        }),
        serialization: "concat".to_owned(),
        sender: vec![9; 20],
    }
}

fn result() -> TxResult {
    TxResult { code: 6, gas: 4, log: "poor".to_owned() }
}

#[test]
fn chain_answers() {
    let header = BlockHeader {
        version: 1,
        height: 5,
        num_txns: 1,
        prev_hash: Hash([1; 32]),
        prev_app_hash: Hash([2; 32]),
        stamp_ms: 1_738_000_000_000,
        merkle_root: Hash([3; 32]),
        vals_hash: Hash([4; 32]),
        params_hash: Hash([5; 32]),
        new_leader: Some(key(1)),
        chain_hash: Some(Hash([6; 32])),
        view: 2,
        proposer: Some(key(2)),
    };
    let vote = |ack, app_hash| VoteInfo {
        ack,
        app_hash,
        sig: VoteSignature {
            key: key(1).as_bytes().to_vec(),
            key_type: "secp256k1".to_owned(),
            sig: vec![8; 64],
        },
    };
    both::<ChainBlockHeader>(HeaderAnswer { header: header.clone(), hash: Hash([7; 32]) });
    both::<ChainBlock>(BlockAnswer {
        hash: Hash([7; 32]),
        block: Some(Block { header, txns: vec![tx()], sig: vec![5; 64] }),
        raw_block: vec![1],
        tx_ids: vec![Hash([9; 32])],
        commit_info: Some(CommitInfo {
            app_hash: Hash([1; 32]),
            votes: vec![vote(1, None), vote(2, Some(Hash([3; 32])))],
            param_updates: [("join_expiry".to_owned(), "1h".into())].into_iter().collect(),
            validator_updates: vec![Validator { key: key(3), power: 0 }],
            view: 2,
            certificate: vec![4; 10],
        }),
    });
    let found = TxQuery { tx_hash: Hash([9; 32]), height: -1, tx: tx(), tx_result: None };
    both::<UserTxQuery>(TxQuery { height: 5, tx_result: Some(result()), ..found.clone() });
    both::<UserTxQuery>(found);
    both::<UserUpdateProposalStatus>(UpdateProposals {
        proposals: vec![UpdateProposal {
            id: Uuid::from_bytes([1; 16]),
            description: "d".to_owned(),
            updates: [("max_block_size".to_owned(), 5000.into())].into_iter().collect(),
            board: vec![account_of(&key(1))],
            approved: vec![true],
            expires_at: Some(1_738_000_000_001),
        }],
    });
}

#[test]
fn rows_of_every_type() {
    let numeric = TypeKind::numeric(6, 2).unwrap();
    let items = vec![Some(Scalar::Int8(1)), None];
    let row = vec![
        Value::from("text"),
        Value::from(-5),
        Value::from(false),
        Scalar::Bytea(vec![0, 255].into()).into(),
        Scalar::Uuid(Uuid::from_bytes([7; 16])).into(),
        Scalar::Numeric(Decimal::parse("-1.5", 6, 2).unwrap()).into(),
        Value::Array(Array::new(TypeKind::Int8, items).unwrap()),
        Value::Array(Array::new(numeric, Vec::new()).unwrap()),
        Value::NULL,
    ];
    let column = |value: &Value| Column { name: "c".to_owned(), data_type: value.data_type() };
    let columns: Vec<Column> = row.iter().map(column).collect();
    let nulls = columns.iter().map(|column| Value::Null(column.data_type)).collect();
    let result = QueryResult { columns, rows: vec![row, nulls], height: 0 };
    both::<UserQuery>(result.clone());
    both::<UserAuthenticatedQuery>(QueryResult { rows: Vec::new(), ..result.clone() });
    both::<UserCall>(CallResult {
        query_result: result,
        logs: "1. hello".to_owned(),
        error: Some("no".to_owned()),
    });
    both::<UserCall>(CallResult::default());
}

#[test]
fn status_and_peers() {
    both::<AdminStatus>(Status {
        node: NodeStatus {
            chain_id: "c".to_owned(),
            node_id: "n".to_owned(),
            app_ver: 1,
            listen_addr: "l".to_owned(),
            role: "sentry".to_owned(),
            rpc_addr: "r".to_owned(),
            version: "v".to_owned(),
            uptime_ms: 9,
        },
        sync: SyncStatus {
            app_hash: Some(Hash([1; 32])),
            best_block_hash: None,
            best_block_height: 3,
            best_block_time: 4,
            syncing: true,
            target_height: 9,
            phase: "blocksync".to_owned(),
            progress: 0.5,
        },
        validator: Validator { key: key(1), power: 0 },
    });
    both::<AdminPeers>(Peers {
        peers: vec![Peer {
            rtt_ms: 0.25,
            connected_since: Some(1),
            inbound: true,
            ..Peer::default()
        }],
    });
    both::<AdminHealthCheck>(AdminHealth {
        version: "0.2.0".to_owned(),
        healthy: true,
        pubkey: key(1).as_bytes().to_vec(),
        num_validators: 3,
    });
    both::<AdminConfig>(ConfigText { config: b"[db]".to_vec() });
    both::<AdminListPeers>(Whitelist { peers: vec!["a".to_owned()] });
    both::<AdminListBlacklisted>(Blacklist {
        blacklisted_peers: vec![
            BlacklistedPeer { timestamp: 1, permanent: true, ..BlacklistedPeer::default() },
            BlacklistedPeer {
                timestamp: 1_000,
                expires_at: Some(2_000),
                ..BlacklistedPeer::default()
            },
        ],
    });
}

#[test]
fn votes_and_execution() {
    let request = JoinRequest {
        candidate: account_of(&key(1)),
        power: 1,
        expires_at: 1_738_430_489_000,
        board: vec![account_of(&key(2))],
        approved: vec![true],
        needed: 2,
    };
    let text = serde_json::to_string(&request).unwrap();
    assert!(text.contains(r#""expires_at":"2025-02-01T17:21:29Z""#), "{text}");
    both::<AdminJoinStatus>(JoinStatus { join_request: request.clone() });
    both::<AdminJoinRequests>(JoinRequests {
        join_requests: vec![request],
        needed: 2,
        total_power: 3,
    });
    both::<AdminJoin>(Submitted {
        tx_hash: Hash([1; 32]),
        result: Some(result()),
        height: Some(5),
    });
    both::<AdminReplaceLeader>(Nothing);
    both::<AdminResolutionStatus>(ResolutionAnswer {
        status: ResolutionStatus {
            r#type: "param_updates".to_owned(),
            resolution_id: Uuid::from_bytes([2; 16]),
            expires_at: 5_000,
            board: vec![account_of(&key(2))],
            approved: vec![false],
        },
    });
    both::<AdminBlockExecStatus>(BlockExecAnswer(None));
    both::<AdminBlockExecStatus>(BlockExecAnswer(Some(BlockExecution {
        start_time: 1_000,
        end_time: Some(2_000),
        height: 4,
        tx_info: vec![TxProgress { id: Hash([1; 32]), status: true }],
    })));
    both::<AdminVerifyState>(StateCheck {
        height: 4,
        ok: false,
        want_app_hash: Hash([1; 32]),
        got_app_hash: Hash([2; 32]),
        tables: 2,
        rows: 9,
        differing_tables: vec!["main.users".to_owned()],
    });
}
