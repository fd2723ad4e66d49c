//! Peers that break the rules lose their connection and harm nobody else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kwil_consensus::{Message, Proposal};
use kwil_crypto::{Hash, NetworkSignature};
use kwil_p2p::CloseCode;
use kwil_proto::p2p::v1 as proto;
use kwil_quic::{Expect, Identity, P2P_ALPN, Show, client_tls};
use kwil_types::{Header, Height, ProposalBody, Signed, View};
use prost::Message as _;
use proto::control_frame::Message as Control;
use tokio::time::timeout;

use crate::flood::{commit, vote, voted};
use crate::harness::{Node, PATIENCE, Setup, chain, eventually, id, key};
use crate::stranger::{Stranger, control, hello, is_given_up};

/// A node with one honest peer.
async fn busy() -> (Node, Node) {
    let mut node =
        Setup::new(1).with(|config| config.timing.frame = Duration::from_millis(300)).start();
    let mut honest = Setup::new(2).knowing(&[&node]).start();
    honest.connected_to(node.id).await;
    node.connected_to(honest.id).await;
    (node, honest)
}

/// The honest peer still gets and gives messages.
async fn still_works(node: &mut Node, honest: &mut Node, number: u64) {
    honest.handle.broadcast(&vote(2, 11, number), 0);
    assert_eq!(node.wait(voted).await.2, id(2));
    node.handle.broadcast(&vote(1, 11, number), 0);
    assert_eq!(honest.wait(voted).await.2, id(1));
}

const PROTOCOL: u64 = 8;
const TIMEOUT: u64 = 10;

#[tokio::test]
async fn garbage_on_any_stream_ends_the_connection() {
    let (mut node, mut honest) = busy().await;
    let seeds = 20..;
    let too_long = |limit: usize| {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(limit as u64 + 1, &mut bytes);
        bytes
    };
    let empty_frame = vec![0];
    let unknown_field = vec![3, 0x9a, 0x06, 0x00];
    let uni: [(u8, Vec<u8>, &str); 9] = [
        (1, vec![0xff; 64], "consensus stream: malformed frame length"),
        (1, too_long(4 << 20), "consensus stream: frame of 4194305 bytes"),
        (1, vec![4, 1, 2, 3, 4], "malformed consensus message"),
        (1, empty_frame.clone(), "empty consensus message"),
        (1, unknown_field, "unknown fields"),
        (2, vec![0xff; 64], "gossip stream: malformed frame length"),
        (2, empty_frame, "gossip of an unknown kind"),
        (2, vec![5, 0x0a, 3, 0x0a, 1, 7], "malformed announcement"),
        (9, vec![], "a stream of another or a repeated kind"),
    ];
    for ((kind, bytes, reason), seed) in uni.into_iter().zip(seeds) {
        let (stranger, _send, _receive) = Stranger::greet(&node, key(seed)).await;
        node.connected_to(id(seed)).await;
        let mut stream = stranger.open(kind).await;
        stream.write_all(&bytes).await.unwrap();
        let (code, text) = stranger.closed().await;
        assert!(code == PROTOCOL && text.contains(reason), "{code} {text}, want {reason}");
        node.disconnected_from(id(seed)).await;
    }
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn garbage_on_the_control_stream_ends_the_connection() {
    let (mut node, mut honest) = busy().await;
    for (bytes, seed, reason) in [
        (vec![0xff; 64], 20, "malformed frame length"),
        (vec![0], 21, "control message of an unknown kind"),
        (control(Control::Hello(hello())), 22, "a second hello"),
        (control(Control::Status(proto::Status::default())), 23, "malformed status"),
    ] {
        let (stranger, mut send, _receive) = Stranger::greet(&node, key(seed)).await;
        send.write_all(&bytes).await.unwrap();
        let (code, text) = stranger.closed().await;
        assert!(code == PROTOCOL && text.contains(reason), "{code} {text}, want {reason}");
    }
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn garbage_as_a_request_ends_the_connection_and_an_unknown_one_does_not() {
    let (mut node, mut honest) = busy().await;
    let (stranger, _send, _receive) = Stranger::greet(&node, key(20)).await;
    let ask = async |bytes: &[u8]| {
        let (mut send, receive) = stranger.connection.open_bi().await.unwrap();
        send.write_all(&[3]).await.unwrap();
        send.write_all(bytes).await.unwrap();
        send.finish().unwrap();
        receive
    };
    let mut unknown = ask(&[3, 0x9a, 0x06, 0x00]).await;
    let answer = unknown.read_to_end(1000).await.unwrap();
    let answer = proto::Answer::decode_length_delimited(answer.as_slice()).unwrap();
    assert_eq!(answer.code(), proto::AnswerCode::Unsupported);
    let _answer = ask(&[2, 0xff, 0xff]).await;
    let (code, text) = stranger.closed().await;
    assert!(code == PROTOCOL && text.contains("malformed request"), "{code} {text}");
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn forged_signature_is_not_delivered_and_ends_the_connection() {
    let (mut node, mut honest) = busy().await;
    let (stranger, _send, _receive) = Stranger::greet(&node, key(20)).await;
    let Message::Vote(mut forged) = vote(3, 11, 0) else { panic!("a vote") };
    forged.signature = NetworkSignature([1; 64]);
    let message =
        proto::consensus_frame::Message::Vote(proto::Vote { signed_vote: forged.encode().into() });
    let frame = proto::ConsensusFrame { resend: 0, message: Some(message) };
    let mut stream = stranger.open(1).await;
    stream.write_all(&frame.encode_length_delimited_to_vec()).await.unwrap();
    let (code, text) = stranger.closed().await;
    assert!(code == PROTOCOL && text.contains("signature"), "{code} {text}");
    // The true vote is not taken for a repetition of the forged one.
    honest.handle.broadcast(&vote(3, 11, 0), 0);
    assert_eq!(node.wait(voted).await, (id(3), Height(11), id(2)));
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn forged_certificate_bans_at_once() {
    let (mut node, mut honest) = busy().await;
    let (stranger, _send, _receive) = Stranger::greet(&node, key(20)).await;
    // Height 12 under votes for height 11.
    let (announce, other) = (commit(&[1, 2, 3], 12, &[1, 2]), commit(&[1, 2, 3], 11, &[1, 2]));
    let (mut bytes, donor) = (announce.certificate.encode(), other.certificate.encode());
    let signatures = bytes.len() - 128;
    bytes[signatures..].copy_from_slice(&donor[signatures..]);
    let message = proto::consensus_frame::Message::CommitAnnounce(proto::CommitAnnounce {
        header: announce.header.encode().into(),
        block_signature: Bytes::copy_from_slice(announce.block_signature.as_bytes()),
        certificate: bytes.into(),
    });
    let frame = proto::ConsensusFrame { resend: 0, message: Some(message) };
    let mut stream = stranger.open(1).await;
    stream.write_all(&frame.encode_length_delimited_to_vec()).await.unwrap();
    assert_eq!(stranger.closed().await.0, u64::from(CloseCode::Banned.code()));
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn frame_that_stalls_ends_the_connection() {
    let (mut node, mut honest) = busy().await;
    for (kind, seed) in [(1, 20), (2, 21)] {
        let (stranger, _send, _receive) = Stranger::greet(&node, key(seed)).await;
        let mut stream = stranger.open(kind).await;
        stream.write_all(&[100, 1, 2, 3]).await.unwrap();
        let (code, text) = stranger.closed().await;
        assert!(code == TIMEOUT && text.contains("frame stalled"), "{code} {text}");
    }
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn large_frame_on_a_slow_line_has_time() {
    let (mut node, mut honest) = busy().await;
    let (stranger, _send, _receive) = Stranger::greet(&node, key(20)).await;
    let mut stream = stranger.open(1).await;
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(400_000, &mut bytes);
    bytes.resize(bytes.len() + 400_000, 0xff);
    // 40 KB each 50 ms: more than the 64 KiB in 300 ms that the node wants, far longer than 300 ms in all.
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    for piece in bytes.chunks(40_000) {
        pace.tick().await;
        stream.write_all(piece).await.unwrap();
    }
    // It was read to the end and only then found to be nonsense.
    let (code, text) = stranger.closed().await;
    assert!(code == PROTOCOL && text.contains("malformed consensus message"), "{code} {text}");
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn peer_that_never_greets_is_dropped() {
    let mut node =
        Setup::new(1).with(|config| config.timing.handshake = Duration::from_millis(300)).start();
    let mut honest = Setup::new(2).knowing(&[&node]).start();
    honest.connected_to(node.id).await;
    node.connected_to(honest.id).await;
    let silent = Stranger::dial(&node, key(20)).await;
    let half = Stranger::dial(&node, key(21)).await;
    let (mut send, _receive) = half.connection.open_bi().await.unwrap();
    send.write_all(&[0, 100, 1]).await.unwrap();
    for stranger in [silent, half] {
        assert_eq!(stranger.closed().await, (TIMEOUT, "no hello in time".to_owned()));
    }
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn first_message_must_be_hello() {
    let (node, _honest) = busy().await;
    for (bytes, seed) in [
        (vec![1], 20),
        (vec![7], 21),
        ([vec![0], control(Control::Status(proto::Status::default()))].concat(), 22),
    ] {
        let stranger = Stranger::dial(&node, key(seed)).await;
        let (mut send, _receive) = stranger.connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        assert_eq!(stranger.closed().await.0, PROTOCOL);
    }
}

#[tokio::test]
async fn peers_that_do_not_speak_tls_hold_nobody_up() {
    let (mut node, mut honest) = busy().await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for size in [0, 1, 20, 1200] {
        for byte in [0, 0x40, 0xc0, 0xff] {
            socket.send_to(&vec![byte; size], node.address()).unwrap();
        }
    }
    still_works(&mut node, &mut honest, 1).await;
}

#[tokio::test]
async fn half_open_handshakes_do_not_keep_others_out() {
    let mut node = Setup::new(1).start();
    // First packets of three hundred real handshakes, caught on their way to nowhere.
    let nowhere = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let identity = Identity::new(key(20)).unwrap();
    let socket = kwil_quic::bind_udp("127.0.0.1:0".parse().unwrap()).unwrap().socket;
    let endpoint = kwil_quic::endpoint(socket, &identity.stable_keys("flood"), None).unwrap();
    let tls = client_tls(Show::Identity(&identity), &[P2P_ALPN], Expect::AnyNode).unwrap();
    let config = kwil_quic::client_config(tls.config, kwil_quic::p2p_transport()).unwrap();
    let attacker = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut pending = Vec::new();
    for _ in 0..300 {
        let address = nowhere.local_addr().unwrap();
        pending.push(endpoint.connect_with(config.clone(), address, "kwil").unwrap());
        let mut packet = [0; 2000];
        let (length, _) = nowhere.recv_from(&mut packet).await.unwrap();
        attacker.send_to(&packet[..length], node.address()).await.unwrap();
    }
    let mut honest = Setup::new(2).knowing(&[&node]).start();
    honest.connected_to(node.id).await;
    node.connected_to(honest.id).await;
    still_works(&mut node, &mut honest, 1).await;
    drop(pending);
}

/// A proposal of about a megabyte.
fn large_proposal(view: u64) -> Message {
    let header = Header {
        chain_hash: chain().hash,
        height: Height(11),
        view: View(view),
        prev_hash: Hash::ZERO,
        prev_app_hash: Hash::ZERO,
        tx_count: 30_000,
        tx_root: Hash::ZERO,
        validators_hash: Hash::ZERO,
        params_hash: Hash::ZERO,
        time_ms: 1,
        proposer: key(1).public_key(),
        new_leader: None,
    };
    let body = ProposalBody {
        chain_hash: chain().hash,
        height: Height(11),
        view: View(view),
        block_hash: header.hash(),
        justification: Hash::ZERO,
    };
    Message::Proposal(Arc::new(Proposal {
        signed: Signed { body, signer: key(1).public_key(), signature: NetworkSignature([0; 64]) },
        header,
        block_signature: NetworkSignature([0; 64]),
        tx_ids: vec![Hash([3; 32]); 30_000],
        inline: None,
        directives: Vec::new(),
        justification: Vec::new(),
    }))
}

#[tokio::test]
async fn slow_reader_is_dropped_and_others_get_everything() {
    let mut node =
        Setup::new(1).with(|config| config.timing.frame = Duration::from_millis(300)).start();
    // The slow one greets and then never reads its consensus stream.
    let (slow, _send, _receive) = Stranger::greet(&node, key(20)).await;
    node.connected_to(id(20)).await;
    for view in 0..6 {
        node.handle.send(&id(20), &large_proposal(view), 0);
    }
    let mut honest = Setup::new(2).knowing(&[&node]).start();
    honest.connected_to(node.id).await;
    node.connected_to(honest.id).await;
    still_works(&mut node, &mut honest, 1).await;
    let end = timeout(PATIENCE, slow.connection.closed()).await.unwrap();
    assert!(is_given_up(&end, CloseCode::Timeout.code()), "{end}");
    eventually(|| (!node.handle.is_connected(&id(20))).then_some(())).await;
    still_works(&mut node, &mut honest, 2).await;
}

#[tokio::test]
async fn flood_of_announcements_does_not_delay_consensus() {
    let (mut node, mut honest) = busy().await;
    let (stranger, _send, _receive) = Stranger::greet(&node, key(20)).await;
    let mut stream = stranger.open(2).await;
    let flooding = tokio::spawn(async move {
        let mut number = 0_u64;
        loop {
            let mut ids = Vec::new();
            for _ in 0..256 {
                number += 1;
                let mut id = [0; 32];
                id[..8].copy_from_slice(&number.to_be_bytes());
                ids.extend_from_slice(&id);
            }
            let announce = proto::TxAnnounce { tx_ids: Bytes::from(ids) };
            let frame = proto::GossipFrame {
                message: Some(proto::gossip_frame::Message::TxAnnounce(announce)),
            };
            if stream.write_all(&frame.encode_length_delimited_to_vec()).await.is_err() {
                return;
            }
        }
    });
    for number in 0..20 {
        still_works(&mut node, &mut honest, number).await;
    }
    flooding.abort();
}
