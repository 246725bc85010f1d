//! TLS sessions with a real server: whom a node trusts, what it shows, and by which cryptography.

use redlock_core::{BackendError, FaultKind, Reply, Sent};
use redlock_redis_rs::{Cryptography, NodeConfigError, RedisNode, Tls};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;

use super::certificates::{Authority, authority, secure, trusting};

fn server() -> RedisServer {
    secure(RedisServer::builder()).start().expect("a server")
}

fn node(url: String, tls: Tls) -> RedisNode {
    RedisNode::builder(url).tls(tls).build().expect("a node")
}

async fn take(node: &RedisNode) -> Result<Reply, BackendError> {
    execute(node, acquire(&["a"], "mine", 60_000)).await
}

/// In this build both are compiled in, and nobody has chosen one for the process.
#[tokio::test]
async fn each_cryptography_connects_where_both_are_there() {
    for cryptography in [Cryptography::Ring, Cryptography::AwsLc] {
        let server = server();
        let node = node(server.url(), trusting().cryptography(cryptography));
        assert!(granted(&ask(&node, acquire(&["a"], "mine", 60_000)).await));
        assert_eq!(server.keys().expect("keys"), 1, "{cryptography:?}");
    }
}

/// What a node says where it does not trust its server, before any command is sent.
async fn assert_refused(node: &RedisNode, reason: &str) {
    let error = take(node).await.expect_err("not trusted");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Protocol, Sent::No), "{error}");
    assert!(!error.is_retryable() && error.to_string().contains(reason), "{error}");
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let server = server();
    let tls = Tls::new().trust_only(Authority::new().text().as_bytes()).expect("a certificate");
    assert_refused(&node(server.url(), tls), "certificate").await;
    assert_eq!(server.calls("set").expect("calls"), 0);
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let server = server();
    let url = server.url().replace("localhost", "127.0.0.1");
    assert_refused(&node(url, trusting()), "not valid for name").await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let own = authority().sign("localhost");
    let mutual = RedisServer::builder().tls(&authority().text(), &own.text, &own.key, true);
    let server = mutual.start().expect("a server");
    let client = authority().sign("client");
    let tls = trusting().identify(client.text.as_bytes(), client.key.as_bytes()).expect("a certificate");
    take(&node(server.url(), tls)).await.expect("shown");
    let error = take(&node(server.url(), trusting())).await.expect_err("not shown");
    assert_eq!(error.sent(), Sent::No, "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_an_error() {
    let server = RedisServer::start().expect("a server");
    let url = server.url().replace("redis://", "rediss://");
    let error = take(&node(url, trusting())).await.expect_err("no TLS");
    assert_eq!(error.sent(), Sent::No, "{error}");
}

#[test]
fn tls_without_a_secure_url_is_refused() {
    let built = RedisNode::builder("redis://user:secret@host").tls(trusting()).build();
    let error = built.expect_err("contradictory");
    assert_eq!(error, NodeConfigError::TlsWithoutSecureUrl { url: "redis://host".to_owned() });
}
