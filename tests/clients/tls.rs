//! TLS sessions with a real server: whom a node trusts, what it shows, and by which cryptography.

use redlock_core::{Backend, BackendError, FaultKind, Reply, Sent};
use redlock_fred::FredNode;
use redlock_redis_rs::{Cryptography, RedisNode, Tls, TlsConfigError};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;

use super::certificates::{Authority, authority, trusting};
use super::subjects::*;

on_subjects! {
    [redis_tls: RedisTls, fred_tls: FredTls,]
    [
        each_cryptography_connects_where_both_are_there,
        a_server_of_another_authority_is_refused,
        a_server_of_another_name_is_refused,
        a_server_that_asks_for_a_certificate_is_shown_one,
        a_server_without_tls_is_an_error
    ]
}

/// A client that can be told whom to trust.
trait Secure: Subject {
    fn with(url: String, tls: Tls) -> Node;
}

impl Secure for RedisTls {
    fn with(url: String, tls: Tls) -> Node {
        Node::of(RedisNode::builder(url).tls(tls).build().expect("a node"))
    }
}

impl Secure for FredTls {
    fn with(url: String, tls: Tls) -> Node {
        Node::of(FredNode::builder(url).tls(tls).build().expect("a node"))
    }
}

async fn take(node: &impl Backend) -> Result<Reply, BackendError> {
    execute(node, acquire(&["a"], "mine", 60_000)).await
}

/// In this build both are compiled in, and nobody has chosen one for the process.
async fn each_cryptography_connects_where_both_are_there<S: Secure>() {
    for cryptography in [Cryptography::Ring, Cryptography::AwsLc] {
        let server = server::<S>();
        let node = S::with(server.url(), trusting().cryptography(cryptography));
        assert!(granted(&ask(&node, acquire(&["a"], "mine", 60_000)).await));
        assert_eq!(server.keys().expect("keys"), 1, "{cryptography:?}");
    }
}

/// Of the clients, one shows the reason as a text, and one as the name of a variant.
fn unspaced(error: &BackendError) -> String {
    error.to_string().replace(' ', "").to_lowercase()
}

/// What a node says where it does not trust its server, before any command is sent.
async fn assert_refused(node: &Node, reason: &str) {
    let error = take(node).await.expect_err("not trusted");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Protocol, Sent::No), "{error}");
    assert!(!error.is_retryable() && unspaced(&error).contains(reason), "{error}");
}

async fn a_server_of_another_authority_is_refused<S: Secure>() {
    let server = server::<S>();
    let tls = Tls::new().trust_only(Authority::new().text().as_bytes()).expect("a certificate");
    assert_refused(&S::with(server.url(), tls), "certificate").await;
    assert_eq!(server.calls("set").expect("calls"), 0);
}

async fn a_server_of_another_name_is_refused<S: Secure>() {
    let server = server::<S>();
    let url = server.url().replace("localhost", "127.0.0.1");
    assert_refused(&S::with(url, trusting()), "notvalidforname").await;
}

async fn a_server_that_asks_for_a_certificate_is_shown_one<S: Secure>() {
    let own = authority().sign("localhost");
    let mutual = RedisServer::builder().tls(&authority().text(), &own.text, &own.key, true);
    let server = mutual.start().expect("a server");
    let client = authority().sign("client");
    let tls = trusting().identify(client.text.as_bytes(), client.key.as_bytes()).expect("a certificate");
    take(&S::with(server.url(), tls)).await.expect("shown");
    let error = take(&S::with(server.url(), trusting())).await.expect_err("not shown");
    assert_eq!(error.sent(), Sent::No, "{error}");
}

async fn a_server_without_tls_is_an_error<S: Secure>() {
    let server = RedisServer::start().expect("a server");
    let url = server.url().replace("redis://", "rediss://");
    let error = take(&S::with(url, trusting())).await.expect_err("no TLS");
    assert_eq!(error.sent(), Sent::No, "{error}");
}

#[test]
fn tls_without_a_secure_url_is_refused() {
    let url = "redis://user:secret@host";
    let shown = || "redis://host".to_owned();
    let error = RedisNode::builder(url).tls(trusting()).build().expect_err("contradictory");
    assert_eq!(error, redlock_redis_rs::NodeConfigError::TlsWithoutSecureUrl { url: shown() });
    let error = FredNode::builder(url).tls(trusting()).build().expect_err("contradictory");
    assert_eq!(error, redlock_fred::NodeConfigError::TlsWithoutSecureUrl { url: shown() });
}

#[test]
fn tls_for_a_client_that_is_handed_over_is_refused() {
    let client = fred::clients::Client::default();
    let error = FredNode::client_builder(client).tls(trusting()).build().expect_err("not ours");
    assert!(matches!(error, redlock_fred::NodeConfigError::TlsWithoutSecureUrl { .. }), "{error}");
}

#[test]
fn parts_that_do_not_go_together_are_refused() {
    let (one, other) = (authority().sign("one"), authority().sign("other"));
    let tls =
        trusting().identify(one.text.as_bytes(), other.key.as_bytes()).expect("a certificate and a key");
    let error = RedisNode::builder("rediss://host").tls(tls.clone()).build().expect_err("unfit");
    assert!(matches!(error, redlock_redis_rs::NodeConfigError::Tls(TlsConfigError::Unfit { .. })), "{error}");
    let error = FredNode::builder("rediss://host").tls(tls).build().expect_err("unfit");
    assert!(matches!(error, redlock_fred::NodeConfigError::Tls(TlsConfigError::Unfit { .. })), "{error}");
}
