//! What the tests of this lane share.

use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;
pub(crate) use redlock_tests::support::*;

pub(crate) fn server() -> RedisServer {
    RedisServer::start().expect("a server")
}

pub(crate) fn node(server: &RedisServer) -> RedisNode {
    RedisNode::from_url(server.url()).expect("a node")
}

pub(crate) fn server_and_node() -> (RedisServer, RedisNode) {
    let server = server();
    let node = node(&server);
    (server, node)
}
