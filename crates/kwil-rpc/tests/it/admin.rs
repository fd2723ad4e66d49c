//! The operator's listener: socket file, password, TLS, QUIC.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use http::Request;
use kwil_client::{AdminClient, ClientOptions, Provider};
use kwil_quic::Identity;
use kwil_rpc::{
    AdminAddress, AdminListen, AdminListener, AdminTls, Apis, Password, RpcHandle, RpcServer,
    ServerCertificate, ServerConfig,
};
use tokio_util::sync::CancellationToken;

use crate::ledger::{Ledger, node_key};
use crate::running::{Running, loopback, send};
use crate::same::admin_walk;

async fn start(
    admin: AdminListener,
    stop: &CancellationToken,
) -> Result<RpcHandle, kwil_rpc::StartError> {
    let config = ServerConfig {
        admin: Some(admin),
        node_version: "0.1.0".to_owned(),
        ..ServerConfig::default()
    };
    let identity = Identity::new(node_key()).unwrap();
    RpcServer::start(config, Apis::of(Ledger::instant()), &identity, stop.clone()).await
}

fn tcp_address(handle: &RpcHandle) -> SocketAddr {
    match handle.admin_addr().unwrap() {
        AdminAddress::Tcp(address) => *address,
        AdminAddress::Unix(path) => panic!("a socket file: {}", path.display()),
    }
}

#[tokio::test]
async fn the_socket_file_is_private_and_goes_with_the_node() {
    let node = Running::start(Ledger::new()).await;
    let socket = node.socket.clone();
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(socket.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    node.stop.cancel();
    node.handle.stopped().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_live_socket_is_not_taken_and_a_dead_one_is_removed() {
    let node = Running::start(Ledger::new()).await;
    let stop = CancellationToken::new();
    let error = start(AdminListener::unix(&node.socket), &stop).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("admin socket {} is in use by another process", node.socket.display())
    );
    assert!(error.is_in_use());

    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.socket");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let handle = start(AdminListener::unix(&dead), &stop).await.unwrap();
    assert_eq!(
        client(&dead.display().to_string(), &ClientOptions::new()).user().ping().await.unwrap(),
        "pong"
    );
    stop.cancel();
    handle.stopped().await;

    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let error = start(AdminListener::unix(&file), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} exists and is no socket", file.display()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

fn client(endpoint: &str, options: &ClientOptions) -> AdminClient {
    AdminClient::new(&Provider::admin(endpoint).unwrap(), options).unwrap()
}

#[tokio::test]
async fn nobody_at_the_socket_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("kwild.socket").display().to_string();
    let error = client(&nowhere, &ClientOptions::new()).status().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach {nowhere}: No such file or directory"));
    assert_eq!((error.exit_code(), error.error_code()), (3, "unreachable"));
}

#[tokio::test]
async fn a_password_guards_everything_but_the_sign_of_life() {
    let stop = CancellationToken::new();
    let admin = AdminListener {
        listen: AdminListen::Plain(loopback()),
        password: Some(Password::new("s3cret".to_owned())),
        ..AdminListener::unix("")
    };
    let handle = start(admin, &stop).await.unwrap();
    let address = tcp_address(&handle);
    let endpoint = format!("http://{address}");
    for options in [ClientOptions::new(), ClientOptions::new().password("guess".to_owned())] {
        let error = client(&endpoint, &options).status().await.unwrap_err();
        assert_eq!((error.exit_code(), error.error_code()), (5, "unauthorized"));
    }
    let right = ClientOptions::new().password("s3cret".to_owned());
    admin_walk(&client(&endpoint, &right)).await;

    let health = send(Request::get(format!("{endpoint}/api/v1/health")), "").await;
    assert_eq!((health.status.as_u16(), health.text()), (200, r#"{"kwil_alive":true}"#));
    let other = send(Request::get(format!("{endpoint}/spec/v1")), "").await;
    assert_eq!((other.status.as_u16(), other.text()), (401, "Unauthorized"));
    assert_eq!(other.header("www-authenticate"), "Basic realm=\"kwild\"");

    let grpc: Provider = format!("grpc://{address}").parse().unwrap();
    let error = AdminClient::new(&grpc, &ClientOptions::new()).unwrap().status().await.unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(AdminClient::new(&grpc, &right).unwrap().status().await.is_ok());
    stop.cancel();
    handle.stopped().await;
}

/// A client's own certificate and key, as an operator makes them.
fn client_files(folder: &Path, name: &str) -> (ClientOptions, Vec<u8>) {
    let (certificate, key) =
        (folder.join(format!("{name}.cert")), folder.join(format!("{name}.key")));
    let made = ServerCertificate::open_or_create(&certificate, &key, &[name.to_owned()]).unwrap();
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    (ClientOptions::new().client_certificate(&certificate, &key).unwrap(), made.chain[0].clone())
}

#[tokio::test]
async fn tls_and_quic_let_listed_clients_in() {
    let folder = tempfile::tempdir().unwrap();
    let (listed, certificate) = client_files(folder.path(), "listed");
    let (stranger, _) = client_files(folder.path(), "stranger");
    let (pinned, own_key) = (folder.path().join("admin.cert"), folder.path().join("admin.key"));
    let names = ["127.0.0.1".to_owned()];
    let own = ServerCertificate::open_or_create(&pinned, &own_key, &names).unwrap();
    let again = ServerCertificate::open_or_create(&pinned, &own_key, &names).unwrap();
    assert_eq!((&own.chain, &own.key), (&again.chain, &again.key));
    assert_eq!(
        kwil_rpc::certificates_of(&folder.path().join("listed.cert")).unwrap(),
        std::slice::from_ref(&certificate)
    );
    let tls = AdminTls {
        listen: loopback(),
        quic: true,
        certificate: Some(own),
        clients: vec![certificate],
        allowed: Vec::new(),
    };
    let stop = CancellationToken::new();
    let admin = AdminListener { listen: AdminListen::Tls(tls), ..AdminListener::unix("") };
    let handle = start(admin, &stop).await.unwrap();
    let https = format!("https://{}", tcp_address(&handle));
    admin_walk(&client(&https, &listed.clone().server_certificate(&pinned).unwrap())).await;
    let error = client(&https, &stranger.clone().server_certificate(&pinned).unwrap())
        .status()
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("client certificate is not in clients.pem"), "{error}");
    // Without the pin nobody vouches for the server.
    let error = client(&https, &listed).status().await.unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");

    let quic = format!("quic://{}", handle.admin_quic_addr().unwrap());
    let by_identity = client(&quic, &listed);
    admin_walk(&by_identity).await;
    by_identity.close().await;
    let error = client(&quic, &stranger).status().await.unwrap_err();
    assert_eq!(error.exit_code(), 5, "{error}");
    assert!(error.to_string().contains("client certificate is not in clients.pem"), "{error}");
    stop.cancel();
    handle.stopped().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let listen = AdminListener { listen: AdminListen::Plain(address), ..AdminListener::unix("") };
    let error = start(listen, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on tcp {address} (admin.listen): the port is in use by another process"
        )
    );
    let udp = std::net::UdpSocket::bind(loopback()).unwrap();
    let mut user = kwil_rpc::UserListener::new(udp.local_addr().unwrap());
    user.quic = true;
    let config = ServerConfig { user: Some(user), ..ServerConfig::default() };
    let identity = Identity::new(node_key()).unwrap();
    let apis = Apis::of(Arc::clone(&Ledger::new()));
    let error =
        RpcServer::start(config, apis, &identity, CancellationToken::new()).await.unwrap_err();
    assert!(error.is_in_use() && error.to_string().contains("udp"), "{error}");
}
