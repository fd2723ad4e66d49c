//! Requests and answers between nodes.

use std::time::Duration;

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_p2p::{
    Body, CommittedBlock, InboundRequest, NetworkEvent, Part, RefuseCode, Request, RequestError,
};
use kwil_proto::p2p::v1 as proto;
use kwil_types::Height;
use prost::Message as _;

use crate::harness::{Setup, id, key, pair};
use crate::stranger::Stranger;

fn asked(event: NetworkEvent) -> Option<InboundRequest> {
    match event {
        NetworkEvent::Request(request) => Some(request),
        _ => None,
    }
}

#[tokio::test]
async fn body_is_answered_by_position_or_whole() {
    let (mut a, b) = pair().await;
    let serving = tokio::spawn(async move {
        for _ in 0..2 {
            let InboundRequest { from, request, mut responder } = a.wait(asked).await;
            assert_eq!(from, id(2));
            let Request::Body { block, missing } = request else { panic!("{request:?}") };
            assert_eq!(block, Hash([4; 32]));
            if missing.is_empty() {
                responder.send(Part::RawBlock(Bytes::from(vec![5; 3_000_000]))).await.unwrap();
            }
            for position in missing {
                responder.send(Part::Transaction(Bytes::from(position.to_string()))).await.unwrap();
            }
            responder.finish().await.unwrap();
        }
        a
    });
    let some = b.handle.fetch_body(&id(1), Hash([4; 32]), vec![1, 7]).await.unwrap();
    assert_eq!(some, Body::Transactions(vec![Bytes::from_static(b"1"), Bytes::from_static(b"7")]));
    let whole = b.handle.fetch_body(&id(1), Hash([4; 32]), Vec::new()).await.unwrap();
    assert_eq!(whole, Body::Block(Bytes::from(vec![5; 3_000_000])));
    serving.await.unwrap();
}

#[tokio::test]
async fn blocks_stream_one_after_the_other() {
    let (mut a, b) = pair().await;
    let block = |height: u64| CommittedBlock {
        raw: Bytes::from(vec![u8::try_from(height).unwrap(); 500_000]),
        certificate: Bytes::from(height.to_string()),
    };
    let serving = tokio::spawn(async move {
        let InboundRequest { request, mut responder, .. } = a.wait(asked).await;
        let Request::Blocks { from, count, .. } = request else { panic!("{request:?}") };
        for height in from.0..from.0 + u64::from(count) {
            responder.send(Part::Block(block(height))).await.unwrap();
        }
        responder.finish().await.unwrap();
        a
    });
    // More than allowed is asked for: the handle cuts it to sixteen.
    let mut blocks = b.handle.fetch_blocks(&id(1), Height(3), 99, u32::MAX).await.unwrap();
    for height in 3..19 {
        assert_eq!(blocks.next().await.unwrap(), Some(block(height)));
    }
    assert_eq!(blocks.next().await.unwrap(), None);
    serving.await.unwrap();
}

#[tokio::test]
async fn refusal_reaches_the_asker() {
    let (mut a, b) = pair().await;
    let serving = tokio::spawn(async move {
        let request = a.wait(asked).await;
        assert_eq!(request.request, Request::Certificate { height: Height(99) });
        request.responder.refuse(RefuseCode::NotFound).await.unwrap();
        a
    });
    let error = b.handle.fetch_certificate(&id(1), Height(99)).await.unwrap_err();
    assert!(matches!(error, RequestError::Refused { code: RefuseCode::NotFound, .. }), "{error}");
    serving.await.unwrap();
}

#[tokio::test]
async fn answer_given_up_halfway_is_not_taken_for_whole() {
    let (mut a, b) = pair().await;
    let serving = tokio::spawn(async move {
        let InboundRequest { mut responder, .. } = a.wait(asked).await;
        responder.send(Part::Transaction(Bytes::from_static(b"first"))).await.unwrap();
        drop(responder);
        a
    });
    let error = b.handle.fetch_body(&id(1), Hash([4; 32]), vec![0, 1]).await.unwrap_err();
    assert!(matches!(error, RequestError::Cut { .. }), "{error}");
    serving.await.unwrap();
}

#[tokio::test]
async fn silent_node_is_a_timeout_for_the_asker() {
    let (mut a, b) = pair().await;
    let patience = Duration::from_millis(100);
    let mut answer = b.handle.request(&id(1), &Request::Snapshots, patience).await.unwrap();
    let (error, held) = tokio::join!(answer.next(), a.wait(asked));
    assert!(matches!(error, Err(RequestError::Timeout { waited_ms: 100, .. })), "{error:?}");
    // Dropping the answer tells the node that nobody waits.
    drop(answer);
    let mut responder = held.responder;
    while responder.send(Part::Manifest(Bytes::from(vec![0; 1 << 20]))).await.is_ok() {}
}

#[tokio::test]
async fn nobody_connected_is_an_error_of_its_own() {
    let (_a, b) = pair().await;
    let error = b.handle.fetch_certificate(&id(9), Height(1)).await.unwrap_err();
    assert!(matches!(error, RequestError::NotConnected { peer } if peer == id(9)));
}

#[tokio::test]
async fn asker_that_goes_away_ends_the_answer() {
    let (mut a, b) = pair().await;
    let asking =
        b.handle.request(&id(1), &Request::Snapshots, Duration::from_secs(20)).await.unwrap();
    let mut responder = a.wait(asked).await.responder;
    b.halt().await;
    drop(asking);
    while responder.send(Part::Manifest(Bytes::from(vec![0; 1 << 20]))).await.is_ok() {}
}

#[tokio::test]
async fn large_part_on_a_slow_line_has_time() {
    let mut node = Setup::new(1).start();
    let (slow, _send, _receive) = Stranger::greet(&node, key(20)).await;
    node.connected_to(id(20)).await;
    let raw = Bytes::from(vec![5; 300_000]);
    let answer = proto::Answer { code: 0, part: Some(proto::answer::Part::RawBlock(raw.clone())) };
    let serving = async {
        let (mut send, _request) = slow.connection.accept_bi().await.unwrap();
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        for piece in answer.encode_length_delimited_to_vec().chunks(10_000) {
            pace.tick().await;
            send.write_all(piece).await.unwrap();
        }
        send.finish().unwrap();
        send.stopped().await.unwrap();
    };
    // Patience for silence is 400 ms; the part alone takes 1.5 s.
    let patience = Duration::from_millis(400);
    let asking = async {
        let mut answer = node.handle.request(&id(20), &Request::Snapshots, patience).await.unwrap();
        answer.next().await
    };
    let (part, ()) = tokio::join!(asking, serving);
    assert_eq!(part.unwrap(), Some(Part::RawBlock(raw)));
}

#[tokio::test]
async fn sending_blocks_ends_when_its_time_is_over() {
    let mut a = Setup::new(1).with(|config| config.block_send = Duration::from_millis(300)).start();
    let patient = |config: &mut kwil_p2p::Config| {
        config.block_requests.gap = Duration::from_secs(60);
    };
    let mut b = Setup::new(2).knowing(&[&a]).with(patient).start();
    a.connected_to(id(2)).await;
    b.connected_to(id(1)).await;
    let mut blocks = b.handle.fetch_blocks(&id(1), Height(1), 2, u32::MAX).await.unwrap();
    let InboundRequest { mut responder, .. } = a.wait(asked).await;
    let block = CommittedBlock { raw: vec![1; 10].into(), certificate: vec![2].into() };
    responder.send(Part::Block(block.clone())).await.unwrap();
    assert_eq!(blocks.next().await.unwrap(), Some(block));
    // The node takes its time with the second one, and the asker would wait a minute for it.
    let error = blocks.next().await.unwrap_err();
    assert!(matches!(error, RequestError::Cut { .. }), "{error:?}");
    drop(responder);
}
