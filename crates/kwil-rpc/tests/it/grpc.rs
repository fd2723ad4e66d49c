//! What gRPC has besides the methods: reflection, health, deadlines, identities.

use std::time::Duration;

use kwil_client::{Acquaintance, ClientOptions, KnownNodes, Provider, UserClient};
use kwil_crypto::{KeyType, NodeId, PrivateKey};
use kwil_proto::rpc::v1 as pb;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::ledger::{Ledger, node_key};
use crate::running::Running;

async fn channel(node: &Running) -> Channel {
    Channel::from_shared(format!("http://{}", node.address())).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn reflection_lists_what_is_served() {
    let node = Running::start(Ledger::new()).await;
    let mut client = ServerReflectionClient::new(channel(&node).await);
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.next().await.unwrap().unwrap().message_response
    else {
        panic!("no list")
    };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "kwil.rpc.v1.ChainService",
            "kwil.rpc.v1.FunctionService",
            "kwil.rpc.v1.UserService",
        ]
    );
}

#[tokio::test]
async fn the_health_service_follows_the_node() {
    let node = Running::start(Ledger::new()).await;
    let mut client = HealthClient::new(channel(&node).await);
    let watch = HealthCheckRequest { service: "kwil.rpc.v1.UserService".to_owned() };
    let mut changes = client.watch(watch).await.unwrap().into_inner();
    let mut until = async |wanted: ServingStatus| {
        while changes.next().await.unwrap().unwrap().status() != wanted {}
    };
    until(ServingStatus::Serving).await;
    *node.ledger.starting.lock().unwrap() = Some("starting".to_owned());
    until(ServingStatus::NotServing).await;
}

#[tokio::test]
async fn admin_methods_are_not_on_the_public_port() {
    let node = Running::start(Ledger::new()).await;
    let mut client = pb::admin_service_client::AdminServiceClient::new(channel(&node).await);
    let status = client.get_status(pb::GetStatusRequest {}).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unimplemented, "unknown method"));
}

#[tokio::test]
async fn a_deadline_ends_the_call_on_both_sides() {
    let node = Running::start(Ledger::new()).await;
    let mut client = pb::user_service_client::UserServiceClient::new(channel(&node).await);
    let raw = crate::same::signed_transfer(8).bytes().clone();
    let mut request = Request::new(pb::BroadcastRequest {
        tx: Some(pb::broadcast_request::Tx::Raw(raw)),
        wait: pb::broadcast_request::Wait::Commit.into(),
        wait_timeout_ms: 0,
    });
    request.set_timeout(Duration::from_millis(300));
    let status = client.broadcast(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert_eq!(node.ledger.mempool_len(), 1);
}

#[tokio::test]
async fn broken_messages_name_the_field() {
    let node = Running::start(Ledger::new()).await;
    let mut client = pb::user_service_client::UserServiceClient::new(channel(&node).await);
    let short = pb::UserServiceGetTransactionRequest { hash: vec![1, 2].into() };
    let status = client.get_transaction(short).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "hash: a hash has 32 bytes, got 2")
    );
    let raw = pb::broadcast_request::Tx::Raw(vec![0, 0, 9].into());
    let garbage = pb::BroadcastRequest { tx: Some(raw), ..pb::BroadcastRequest::default() };
    assert_eq!(client.broadcast(garbage).await.unwrap_err().code(), Code::InvalidArgument);
}

fn quic(node: &Running, id: Option<NodeId>) -> Provider {
    let address = node.handle.user_quic_addr().unwrap();
    let provider: Provider = format!("quic://{address}").parse().unwrap();
    match id {
        Some(id) => provider.pin(id),
        None => provider,
    }
}

#[tokio::test]
async fn quic_reaches_the_pinned_node_and_nobody_else() {
    let node = Running::start(Ledger::new()).await;
    let right = NodeId::new(node_key().public_key());
    let client = UserClient::new(&quic(&node, Some(right)), &ClientOptions::new()).unwrap();
    assert_eq!(client.ping().await.unwrap(), "pong");
    client.close().await;

    let wrong =
        NodeId::new(PrivateKey::from_bytes(KeyType::Secp256k1, &[9; 32]).unwrap().public_key());
    let client = UserClient::new(&quic(&node, Some(wrong)), &ClientOptions::new()).unwrap();
    let error = client.ping().await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains(&format!("dialed {wrong}, got {right}")), "{error}");
}

#[tokio::test]
async fn a_node_seen_before_may_not_change() {
    let node = Running::start(Ledger::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let known = KnownNodes::new(folder.path().join("known_nodes"));
    let options = ClientOptions::new().known_nodes(known.clone());
    let client = UserClient::new(&quic(&node, None), &options).unwrap();
    client.ping().await.unwrap();
    let address = node.handle.user_quic_addr().unwrap().to_string();
    let right = NodeId::new(node_key().public_key());
    assert_eq!(known.meet(&address, &right).unwrap(), Acquaintance::Known);

    known.forget(&address).unwrap();
    let other =
        NodeId::new(PrivateKey::from_bytes(KeyType::Secp256k1, &[9; 32]).unwrap().public_key());
    known.meet(&address, &other).unwrap();
    let client = UserClient::new(&quic(&node, None), &options).unwrap();
    let error = client.ping().await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("remembers"), "{error}");
}
