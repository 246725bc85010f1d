//! Where the data is: a store on Redis that refuses the holders of older locks.

use redlock_core::{FencedStore, FencedStoreError, FencingToken};
use redlock_redis_rs::RedisStore;
use redlock_testkit::conformance;
use redlock_testkit::server::RedisServer;
use redlock_tests::one_of_each;

async fn store(server: &RedisServer) -> RedisStore<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(server.url()).expect("a client");
    RedisStore::new(client.get_multiplexed_async_connection().await.expect("a connection"))
}

/// hazard: 25, 28
#[tokio::test]
async fn older_tokens_are_refused_on_every_server() {
    for server in one_of_each() {
        let report = conformance::fenced_store(&store(&server).await).await.expect("a fenced store");
        assert!(report.skipped().is_empty(), "{report}");
    }
}

/// hazard: 53
#[tokio::test]
async fn a_store_that_has_forgotten_its_scripts_works_on() {
    let server = RedisServer::start().expect("a server");
    let store = store(&server).await;
    for number in 1..=3 {
        server.command(["SCRIPT", "FLUSH"]).expect("SCRIPT FLUSH");
        let token = FencingToken::new(number).expect("a token");
        store.write("a", token, b"value").await.expect("written");
    }
}

/// What is no value of a store is an error of the store, and stays as it is.
#[tokio::test]
async fn a_foreign_key_is_left_alone() {
    let server = RedisServer::start().expect("a server");
    server.command(["SET", "a", "theirs"]).expect("SET");
    let outcome = store(&server).await.write("a", FencingToken::MIN, b"ours").await;
    assert!(matches!(outcome, Err(FencedStoreError::Store(_))), "{outcome:?}");
    assert_eq!(server.command(["GET", "a"]).expect("GET").as_text(), Some("theirs"));
}
