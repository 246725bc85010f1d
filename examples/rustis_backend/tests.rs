//! The published suite on this backend, on real servers.

use redlock_core::NodeName;
use redlock_testkit::conformance::{NetworkHarness, OnServer, assert_lock_family, contract_over_network};
use redlock_testkit::server::RedisServer;
use redlock_tests::one_of_each;
use rustis::client::{IntoConfig, ReconnectionConfig};
use rustis_backend::RustisNode;

/// A client that is set up to send again, at once, whatever got no reply: the node must not let it.
#[allow(
    clippy::expect_used,
    reason = "clippy.toml allows it in test functions, and this is what those share"
)]
fn node(url: String) -> RustisNode {
    let mut config = url.as_str().into_config().expect("a URL");
    config.retry_on_error = true;
    config.reconnection = ReconnectionConfig::new_constant(0, 1);
    RustisNode::new(NodeName::new(url), config)
}

#[tokio::test]
async fn it_conforms_on_every_server_and_no_check_is_skipped() {
    for server in one_of_each() {
        let report = assert_lock_family(&OnServer::new(server, |server| node(server.url()))).await;
        assert!(report.skipped().is_empty(), "{report}");
    }
}

/// hazard: 7, 50, 62
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract_over_a_faulty_network() {
    let server = RedisServer::start().expect("a server");
    let harness = NetworkHarness::new(server, node).expect("a harness");
    let report = contract_over_network(&harness).await.expect("the contract");
    assert!(report.skipped().is_empty(), "{report}");
}
