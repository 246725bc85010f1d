//! A connection that was given up, and what is still under way on it.

use std::time::Duration;

use redlock_core::{Backend, Sent};
use redlock_testkit::proxy::Proxy;
use redlock_tests::support::*;

use super::subjects::*;

each_replacing_client! {
    what_a_middlebox_delivers_late_takes_no_lock,
}

/// Without `CLIENT KILL` of the old connection each of these locks would be taken after its release, for all its ttl.
///
/// hazard: 7
async fn what_a_middlebox_delivers_late_takes_no_lock<S: Subject>() {
    let server = server::<S>();
    let middlebox = Proxy::of(&server).expect("a proxy");
    let node = S::connect(&server, middlebox.url(&server)).await;
    ask(&node, inspect(&["warm"])).await;
    middlebox.strand();
    for _ in 0..3 {
        let late = acquire(&["late"], "mine", 600_000);
        let error = node.execute(&late.into(), within(Duration::from_millis(50))).await;
        assert_eq!(error.expect_err("held back").sent(), Sent::Maybe);
    }
    eventually("released", async || execute(&node, release(&["late"], "mine")).await.is_ok()).await;
    middlebox.deliver();
    eventually("delivered", async || middlebox.counts().open == 1).await;
    eventually("the old connection is gone", async || {
        let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
        list.as_text().expect("text").lines().count() == 2
    })
    .await;
    assert_eq!(server.keys().expect("keys"), 0);
}
