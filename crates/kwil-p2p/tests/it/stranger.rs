//! A peer that speaks QUIC with a valid identity and does what it likes.

use bytes::Bytes;
use kwil_crypto::PrivateKey;
use kwil_proto::p2p::v1 as proto;
use kwil_quic::{
    ClientAuth, Dial, Expect, HANDSHAKE_TIMEOUT, Identity, P2P_ALPN, Show, bind_udp, client_tls,
    connect, endpoint, p2p_transport, server_config, server_tls,
};
use prost::Message as _;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::time::timeout;

use crate::harness::{Node, PATIENCE, chain};

/// A connection without any of our code behind it.
pub(crate) struct Stranger {
    pub(crate) connection: Connection,
    _endpoint: quinn::Endpoint,
}

impl Stranger {
    pub(crate) async fn dial(node: &Node, key: PrivateKey) -> Self {
        let identity = Identity::new(key).unwrap();
        let tls = server_tls(&identity, &[P2P_ALPN], ClientAuth::Identity).unwrap();
        let server = server_config(tls, p2p_transport()).unwrap();
        let socket = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap().socket;
        let endpoint = endpoint(socket, &identity.stable_keys("stranger"), Some(server)).unwrap();
        let tls =
            client_tls(Show::Identity(&identity), &[P2P_ALPN], Expect::Node(node.id)).unwrap();
        let dial = Dial { tls, transport: p2p_transport(), timeout: HANDSHAKE_TIMEOUT };
        let connection = connect(&endpoint, node.address(), dial).await.unwrap();
        Self { connection, _endpoint: endpoint }
    }

    /// Dials and says a proper hello.
    pub(crate) async fn greet(node: &Node, key: PrivateKey) -> (Self, SendStream, RecvStream) {
        let stranger = Self::dial(node, key).await;
        let (send, receive) = stranger.hello(hello()).await;
        (stranger, send, receive)
    }

    pub(crate) async fn hello(&self, hello: proto::Hello) -> (SendStream, RecvStream) {
        let (mut send, mut receive) = self.connection.open_bi().await.unwrap();
        send.write_all(&[0]).await.unwrap();
        send.write_all(&control(proto::control_frame::Message::Hello(hello))).await.unwrap();
        // The answer tells that the node has taken this peer in.
        let mut byte = [0];
        receive.read_exact(&mut byte).await.unwrap();
        (send, receive)
    }

    pub(crate) async fn open(&self, kind: u8) -> SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(&[kind]).await.unwrap();
        stream
    }

    /// Code and reason with which the node closed.
    pub(crate) async fn closed(&self) -> (u64, String) {
        match timeout(PATIENCE, self.connection.closed()).await.expect("the node does not close") {
            ConnectionError::ApplicationClosed(close) => {
                (close.error_code.into_inner(), String::from_utf8_lossy(&close.reason).into_owned())
            }
            other => panic!("{other}"),
        }
    }
}

/// Whether a connection ended as one that the other side gave up ends. Among lost packets the reason may be lost too.
pub(crate) fn is_given_up(error: &ConnectionError, code: u32) -> bool {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            close.error_code == quinn::VarInt::from_u32(code)
        }
        ConnectionError::Reset => true,
        _ => false,
    }
}

pub(crate) fn control(message: proto::control_frame::Message) -> Vec<u8> {
    proto::ControlFrame { message: Some(message) }.encode_length_delimited_to_vec()
}

pub(crate) fn hello() -> proto::Hello {
    proto::Hello {
        chain_hash: Bytes::copy_from_slice(chain().hash.as_bytes()),
        chain_id: chain().id,
        release: "0.1.0".to_owned(),
        incarnation: 77,
        status: Some(proto::Status {
            base: 0,
            height: 0,
            best_hash: Bytes::from(vec![0; 32]),
            flags: 0,
        }),
        ..proto::Hello::default()
    }
}
