//! TLS to a server of the operator, in every mode.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use kwil_state::testing::connect_to;
use kwil_state::{ConnectProblem, Endpoint, External, ExternalError, Managed, Tls, TlsMode};

use crate::external::{start_server, stop_server};
use crate::managed::{config, private_root};

const WAIT: Duration = Duration::from_secs(60);

/// An authority and a certificate for `localhost` that it signed.
struct Certificates {
    authority: String,
    server: String,
    key: String,
}

fn certificates() -> Certificates {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = params.signed_by(&key, &issuer).unwrap();
    Certificates {
        authority: pem("CERTIFICATE", authority.der()),
        server: pem("CERTIFICATE", server.der()),
        key: pem("PRIVATE KEY", &key.serialize_der()),
    }
}

/// A file for the server that only its user may read.
fn private_file(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    let owner = std::fs::metadata(folder).unwrap();
    std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn tls(mode: TlsMode, authority: Option<&str>) -> Tls {
    Tls { mode, authorities: authority.map(|pem| pem.as_bytes().to_vec()) }
}

async fn refusal(endpoint: Endpoint) -> ConnectProblem {
    match External::check(endpoint, 20).await.unwrap_err() {
        ExternalError::Connect(error) => error.problem,
        other => panic!("{other}"),
    }
}

async fn encrypted(endpoint: &Endpoint) -> bool {
    let mut connection = connect_to(endpoint).await;
    sqlx::query_scalar(
        "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap()
}

struct Server {
    child: Child,
    port: u16,
    plain: Endpoint,
}

impl Server {
    fn start(root: &Path, managed: &Endpoint, program: &Path, ssl: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            &format!("ssl={ssl}"),
            "hba_file={folder}/data/test_hba.conf",
            "max_connections=60",
            "max_locks_per_transaction=256",
        ];
        let child = start_server(root, program, &settings);
        let plain = Endpoint::tcp("127.0.0.1", port, managed.database())
            .with_role(managed.user(), managed.password().clone());
        Self { child, port, plain }
    }

    fn at(&self, host: &str, tls: Tls) -> Endpoint {
        let plain = &self.plain;
        Endpoint::tcp(host, self.port, plain.database())
            .with_role(plain.user(), plain.password().clone())
            .with_tls(tls)
    }
}

#[tokio::test]
async fn every_mode_asks_for_what_it_says() {
    let root = private_root();
    let managed = Managed::start(config(root.path())).await.unwrap();
    let (endpoint, program) =
        (managed.endpoint().clone(), managed.binaries().folder().to_path_buf());
    managed.stop().await;
    let data = root.path().join("pg/data");
    let (ours, other) = (certificates(), certificates());
    private_file(&data, "server.crt", &ours.server);
    private_file(&data, "server.key", &ours.key);
    private_file(&data, "test_hba.conf", "hostssl all all all scram-sha-256\n");

    let mut server = Server::start(root.path(), &endpoint, &program, "on");
    let required = server.at("127.0.0.1", tls(TlsMode::Require, None));
    External::check_waiting(required.clone(), 20, WAIT).await.unwrap();
    let authority = Some(ours.authority.as_str());
    for accepted in [
        required,
        server.at("127.0.0.1", tls(TlsMode::Prefer, None)),
        server.at("127.0.0.1", tls(TlsMode::VerifyCa, authority)),
        server.at("localhost", tls(TlsMode::VerifyFull, authority)),
    ] {
        assert!(encrypted(&accepted).await, "{accepted:?}");
    }
    let plain = refusal(server.at("127.0.0.1", Tls::default())).await;
    assert!(matches!(plain, ConnectProblem::RoleRefused(_)), "{plain}");
    for (host, mode, authority, words) in [
        ("127.0.0.1", TlsMode::VerifyFull, authority, "not valid for name"),
        ("localhost", TlsMode::VerifyFull, None, "UnknownIssuer"),
        ("localhost", TlsMode::VerifyFull, Some(other.authority.as_str()), "certificate"),
        ("127.0.0.1", TlsMode::VerifyCa, Some(other.authority.as_str()), "certificate"),
    ] {
        let problem = refusal(server.at(host, tls(mode, authority))).await;
        let ConnectProblem::Tls(text) = &problem else { panic!("{host} {mode:?}: {problem}") };
        assert!(text.contains(words), "{host} {mode:?}: {text}");
    }
    stop_server(&mut server.child);

    private_file(&data, "test_hba.conf", "host all all all scram-sha-256\n");
    let mut server = Server::start(root.path(), &endpoint, &program, "off");
    let preferred = server.at("127.0.0.1", tls(TlsMode::Prefer, None));
    External::check_waiting(preferred.clone(), 20, WAIT).await.unwrap();
    assert!(!encrypted(&preferred).await);
    let problem = refusal(server.at("127.0.0.1", tls(TlsMode::Require, None))).await;
    assert!(
        matches!(&problem, ConnectProblem::Tls(text) if text.contains("does not support TLS")),
        "{problem}"
    );
    stop_server(&mut server.child);
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
