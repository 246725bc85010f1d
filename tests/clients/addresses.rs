//! Unix sockets, databases, users and both protocols, in every way in which a node is made.

use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;

use super::subjects::*;

// A client of fred that is handed over has its address in words of its own.
on_subjects! {
    [
        redis_url: RedisUrl,
        redis_client: RedisClient,
        redis_connection: RedisConnection,
        redis_manager: RedisManager,
        redis_pool: RedisPool,
        fred_url: FredUrl,
    ]
    [a_unix_socket, a_database, a_user_with_a_password, resp3]
}

/// Everything that a lock does, and what the node says of itself.
async fn assert_of_use(node: &Node) {
    ask(node, inspect(&["{t}:a"])).await;
    assert!(granted(&ask(node, acquire(&["{t}:a"], "mine", 60_000)).await));
    assert!(!granted(&ask(node, acquire(&["{t}:a", "{t}:b"], "other", 60_000)).await));
    ask(node, extend(&["{t}:a"], "mine", 60_000)).await;
    assert_eq!(description(node).await.run_id.map(|id| id.len()), Some(40));
    assert_eq!(ask(node, release(&["{t}:a"], "mine")).await, released(1, 0));
}

fn keyspace(server: &RedisServer) -> String {
    server.command(["INFO", "keyspace"]).expect("INFO").as_text().expect("text").to_owned()
}

async fn a_unix_socket<S: Subject>() {
    let server = server_with::<S>(S::server().unix_socket().password("secret"));
    assert_of_use(&node::<S>(&server).await).await;
}

async fn a_database<S: Subject>() {
    let server = server::<S>();
    let node = S::connect(&server, format!("{}/3", server.url())).await;
    assert_of_use(&node).await;
    ask(&node, acquire(&["a"], "mine", 60_000)).await;
    let keys = keyspace(&server);
    assert!(keys.contains("db3:keys=1") && !keys.contains("db0"), "{keys}");
}

async fn a_user_with_a_password<S: Subject>() {
    let server = server::<S>();
    server.command(["ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all"]).expect("ACL SETUSER");
    let node = S::connect(&server, server.url().replace("://", "://app:pw@")).await;
    assert_of_use(&node).await;
    let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
    assert!(list.as_text().expect("text").contains("user=app"));
}

async fn resp3<S: Subject>() {
    let server = server::<S>();
    let node = S::connect(&server, format!("{}?protocol=resp3", server.url())).await;
    assert_of_use(&node).await;
    let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
    assert!(list.as_text().expect("text").contains("resp=3"));
}
