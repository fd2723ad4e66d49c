use std::net::SocketAddr;
use std::time::Duration;

use kwil_crypto::{KeyType, PrivateKey};
use kwil_quic::{
    ClientAuth, ConnectError, Dial, Expect, HANDSHAKE_TIMEOUT, Identity, IdentityError, P2P_ALPN,
    Show, bind_udp, client_tls, connect, endpoint, negotiated_alpn, p2p_transport, peer_node_id,
    server_config, server_tls,
};
use quinn::Endpoint;

fn key(key_type: KeyType, seed: u8) -> PrivateKey {
    PrivateKey::generate(key_type, |bytes| {
        bytes.fill(seed);
        Ok::<(), std::convert::Infallible>(())
    })
    .unwrap()
}

fn identity(key_type: KeyType, seed: u8) -> Identity {
    Identity::new(key(key_type, seed)).unwrap()
}

fn listen_at(identity: &Identity, auth: ClientAuth, address: &str) -> (Endpoint, SocketAddr) {
    let tls = server_tls(identity, &[P2P_ALPN], auth).unwrap();
    let config = server_config(tls, p2p_transport()).unwrap();
    let socket = bind_udp(address.parse().unwrap()).unwrap().socket;
    let endpoint = endpoint(socket, &identity.stable_keys("p2p"), Some(config)).unwrap();
    let address = endpoint.local_addr().unwrap();
    (endpoint, address)
}

fn listen(identity: &Identity, auth: ClientAuth) -> (Endpoint, SocketAddr) {
    listen_at(identity, auth, "127.0.0.1:0")
}

fn dial(show: Show<'_>, expect: Expect) -> Dial {
    Dial {
        tls: client_tls(show, &[P2P_ALPN], expect).unwrap(),
        transport: p2p_transport(),
        timeout: HANDSHAKE_TIMEOUT,
    }
}

#[tokio::test]
async fn both_sides_learn_each_other_for_every_pair_of_key_types() {
    for server_type in KeyType::ALL {
        for client_type in KeyType::ALL {
            let (alice, bob) = (identity(server_type, 1), identity(client_type, 2));
            let (server, address) = listen(&alice, ClientAuth::Identity);
            let (client, _) = listen(&bob, ClientAuth::Identity);
            let expect = Expect::Node(alice.node_id());
            let (dialed, accepted) = tokio::join!(
                connect(&client, address, dial(Show::Identity(&bob), expect)),
                async { server.accept().await.unwrap().await }
            );
            let (dialed, accepted) = (dialed.unwrap(), accepted.unwrap());
            assert_eq!(peer_node_id(&dialed).unwrap(), alice.node_id());
            assert_eq!(peer_node_id(&accepted).unwrap(), bob.node_id());
            assert_eq!(negotiated_alpn(&accepted).unwrap(), P2P_ALPN);
        }
    }
}

#[tokio::test]
async fn dialer_refuses_another_node_and_says_which() {
    let (alice, bob, carol) = (
        identity(KeyType::Secp256k1, 1),
        identity(KeyType::Ed25519, 2),
        identity(KeyType::Ed25519, 3),
    );
    let (server, address) = listen(&alice, ClientAuth::Identity);
    let (client, _) = listen(&bob, ClientAuth::Identity);
    let expect = Expect::Node(carol.node_id());
    let (dialed, accepted) =
        tokio::join!(connect(&client, address, dial(Show::Identity(&bob), expect)), async {
            server.accept().await.unwrap().await
        });
    assert!(accepted.is_err());
    let error = dialed.unwrap_err();
    assert!(matches!(error, ConnectError::Identity(IdentityError::Mismatch { .. })), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("peer identity mismatch: dialed {}, got {}", carol.node_id(), alice.node_id())
    );
}

#[tokio::test]
async fn client_without_certificate_is_not_let_in() {
    let alice = identity(KeyType::Secp256k1, 1);
    let (server, address) = listen(&alice, ClientAuth::Identity);
    let (client, _) = listen(&identity(KeyType::Ed25519, 2), ClientAuth::Identity);
    let (dialed, accepted) =
        tokio::join!(connect(&client, address, dial(Show::Nothing, Expect::AnyNode)), async {
            server.accept().await.unwrap().await
        });
    assert!(accepted.is_err());
    // The client finishes its half of TLS 1.3 before the server looks for the certificate.
    if let Ok(connection) = dialed {
        connection.closed().await;
    }
}

#[tokio::test]
async fn rpc_server_lets_clients_in_without_certificate() {
    let alice = identity(KeyType::Secp256k1, 1);
    let (server, address) = listen(&alice, ClientAuth::None);
    let (client, _) = listen(&identity(KeyType::Ed25519, 2), ClientAuth::Identity);
    let expect = Expect::Node(alice.node_id());
    let (dialed, accepted) =
        tokio::join!(connect(&client, address, dial(Show::Nothing, expect)), async {
            server.accept().await.unwrap().await
        });
    dialed.unwrap();
    assert!(matches!(peer_node_id(&accepted.unwrap()), Err(IdentityError::NoCertificate)));
}

#[tokio::test]
async fn pinned_certificate_is_compared_byte_by_byte() {
    let alice = identity(KeyType::Secp256k1, 1);
    let (server, address) = listen(&alice, ClientAuth::None);
    let (client, _) = listen(&identity(KeyType::Ed25519, 2), ClientAuth::Identity);
    let again = identity(KeyType::Secp256k1, 1);
    for (pinned, accepted) in
        [(alice.certificate().clone(), true), (again.certificate().clone(), false)]
    {
        let (dialed, _) = tokio::join!(
            connect(&client, address, dial(Show::Nothing, Expect::Certificate(pinned))),
            async { server.accept().await.unwrap().await }
        );
        assert_eq!(dialed.is_ok(), accepted);
    }
}

/// Accepts one connection on a runtime of its own and then dies like a killed process: nothing more is sent.
fn accept_one_and_die(address: tokio::sync::oneshot::Sender<SocketAddr>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (accepted, mut died) = tokio::sync::mpsc::channel(1);
    runtime.spawn(async move {
        let (server, listening) = listen(&identity(KeyType::Secp256k1, 1), ClientAuth::Identity);
        address.send(listening).unwrap();
        let connection = server.accept().await.unwrap().await.unwrap();
        connection.accept_uni().await.unwrap();
        accepted.send(()).await.unwrap();
        std::future::pending::<()>().await;
        drop(server);
    });
    runtime.block_on(died.recv());
}

#[tokio::test]
async fn restarted_listener_ends_old_connections_at_once() {
    let bob = identity(KeyType::Ed25519, 2);
    let (client, _) = listen(&bob, ClientAuth::Identity);
    let (send, address) = tokio::sync::oneshot::channel();
    let first_life = tokio::task::spawn_blocking(|| accept_one_and_die(send));
    let address = address.await.unwrap();
    let connection =
        connect(&client, address, dial(Show::Identity(&bob), Expect::AnyNode)).await.unwrap();
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(b"x").await.unwrap();
    first_life.await.unwrap();

    let (_second_life, _) =
        listen_at(&identity(KeyType::Secp256k1, 1), ClientAuth::Identity, &address.to_string());
    // The keep-alive meets a process that does not know the connection but recognises its id.
    assert!(matches!(connection.closed().await, quinn::ConnectionError::Reset));
}

#[tokio::test]
async fn nobody_there_is_a_timeout() {
    let bob = identity(KeyType::Ed25519, 2);
    let (client, _) = listen(&bob, ClientAuth::Identity);
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut dial = dial(Show::Identity(&bob), Expect::AnyNode);
    dial.timeout = Duration::from_millis(50);
    let error = connect(&client, silent.local_addr().unwrap(), dial).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { waited_ms: 50, .. }), "{error:?}");
}

#[tokio::test]
async fn port_in_use_names_the_address() {
    let (server, address) = listen(&identity(KeyType::Ed25519, 2), ClientAuth::Identity);
    let error = bind_udp(address).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open udp socket {address}"));
    drop(server);
}
