//! The contract over a network with faults, on every client: nothing is sent twice, nobody gets another's reply, and every
//! deadline is kept.

use redlock_testkit::conformance::{NetworkHarness, contract_over_network};
use redlock_testkit::proxy::Proxy;

use super::subjects::*;

each_replacing_client! {
    it_keeps_the_contract_over_a_faulty_network,
}

/// hazard: 7, 50, 62
async fn it_keeps_the_contract_over_a_faulty_network<S: Subject>() {
    let server = server::<S>();
    let proxy = Proxy::of(&server).expect("a proxy");
    let node = S::connect(&server, proxy.url(&server)).await;
    let report =
        contract_over_network(&NetworkHarness::around(server, proxy, node)).await.expect("the contract");
    assert!(report.skipped().is_empty(), "{report}");
}
