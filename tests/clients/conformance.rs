//! The published suite on every client.

use redlock_testkit::conformance::{OnServer, assert_lock_family};

use super::subjects::*;

each_client! {
    it_conforms_and_no_check_is_skipped,
}

async fn it_conforms_and_no_check_is_skipped<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let report = assert_lock_family(&OnServer::new(server, |_| node)).await;
    assert!(report.skipped().is_empty(), "{report}");
}
