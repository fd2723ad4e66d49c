//! Servers that misbehave, on real sockets.

use std::time::Duration;

use kwil_api::user::{Empty, Version};
use kwil_api::{AdminJoin, UserVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Transport;
use crate::error::ClientError;
use crate::options::ClientOptions;

const VERSION: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"service":"user","api_ver":"0.2.0","major":0,"minor":2,"patch":0,"kwil_ver":"1"}}"#;

async fn listener() -> (TcpListener, Transport) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let transport = Transport::new(&url.parse().unwrap(), &ClientOptions::new()).unwrap();
    (listener, transport)
}

/// Reads a request up to the end of its body, which is the only `}}` of the tests.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}}") {
        let mut more = [0; 1024];
        let read = stream.read(&mut more).await.unwrap();
        assert_ne!(read, 0, "the client left");
        bytes.extend_from_slice(&more[..read]);
    }
    String::from_utf8(bytes).unwrap()
}

async fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
}

async fn call(transport: &Transport) -> Result<Version, ClientError> {
    transport.call::<UserVersion>(Empty {}, Duration::from_secs(10)).await
}

#[tokio::test]
async fn a_lost_connection_is_tried_again_when_that_is_harmless() {
    let (listener, transport) = listener().await;
    let server = async {
        let (mut first, _) = listener.accept().await.unwrap();
        request(&mut first).await;
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        assert!(request(&mut second).await.contains("\"method\":\"user.version\""));
        answer(&mut second, "200 OK", VERSION).await;
    };
    let (version, ()) = tokio::join!(call(&transport), server);
    assert_eq!(version.unwrap().kwil_ver, "1");
}

#[tokio::test]
async fn a_command_that_makes_a_transaction_is_sent_once() {
    let (listener, transport) = listener().await;
    let server = async {
        let (mut only, _) = listener.accept().await.unwrap();
        request(&mut only).await;
    };
    let join = transport
        .call::<AdminJoin>(kwil_api::admin::SubmitRequest::default(), Duration::from_secs(10));
    let (joined, ()) = tokio::join!(join, server);
    assert!(matches!(joined, Err(ClientError::Unreachable { .. })), "{joined:?}");
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_answer() {
    let (listener, transport) = listener().await;
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        answer(&mut stream, "502 Bad Gateway", "<html>bad gateway</html>").await;
    };
    let (version, ()) = tokio::join!(call(&transport), server);
    let error = version.unwrap_err();
    assert!(
        error.to_string().contains("HTTP 502 Bad Gateway: <html>bad gateway</html>"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);
}

#[tokio::test]
async fn a_silent_server_is_a_timeout() {
    let (listener, transport) = listener().await;
    let version = transport.call::<UserVersion>(Empty {}, Duration::from_millis(50)).await;
    assert!(matches!(version, Err(ClientError::Timeout { .. })), "{version:?}");
    drop(listener);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let (listener, transport) = listener().await;
    drop(listener);
    let error = call(&transport).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot reach {}: Connection refused", transport.endpoint())
    );
    assert_eq!(error.exit_code(), 3);
}
