//! What is as large as the limits allow blocks no server, and what is larger is not sent.

use std::time::Duration;

use redlock_core::{AcquireError, Holder, KeyFormat, Parameter, Redlock, RedlockBuilder};
use redlock_testkit::server::{RedisServer, RespValue};

use super::support::*;

/// Longer than any step may block a server, in microseconds; generous for a busy machine, and far below what a scan of
/// many keys or a quadratic script would take.
const SLOW: &str = "100000";

fn servers() -> [RedisServer; 3] {
    let start =
        || RedisServer::builder().args(["--slowlog-log-slower-than", SLOW]).start().expect("a server");
    [start(), start(), start()]
}

fn builder(servers: &[RedisServer]) -> RedlockBuilder {
    Redlock::builder().nodes(servers.iter().map(node)).ttl(Duration::from_secs(60))
}

fn names(count: usize, bytes: usize) -> Vec<String> {
    let name = |number: usize| format!("{}{number:04}", "n".repeat(bytes - 4));
    (0..count).map(name).collect()
}

/// hazard: 73
#[tokio::test]
async fn the_largest_acquisition_blocks_no_server() {
    let servers = servers();
    let longest = KeyFormat::prefixed("p".repeat(KeyFormat::MAX_PREFIX_BYTES)).expect("a prefix");
    let builder = builder(&servers).key_format(longest).label("l".repeat(64)).holder_name("n".repeat(128));
    let redlock = builder.build().expect("a redlock");
    for _ in 0..5 {
        let resources = names(KeyFormat::MAX_RESOURCES, KeyFormat::MAX_RESOURCE_BYTES);
        let guard = redlock.acquire(resources.clone()).await.expect("acquired");
        let refused = redlock.try_acquire(resources[7].clone()).await;
        assert!(matches!(refused, Err(AcquireError::Held(_))), "{refused:?}");
        guard.extend().await.expect("extended");
        assert!(guard.release().await.is_released());
    }
    assert!(redlock.shutdown(AMPLE).await.is_complete());
    for server in &servers {
        assert_eq!(server.keys().expect("keys"), 0);
        assert_eq!(server.command(["SLOWLOG", "LEN"]).expect("SLOWLOG"), RespValue::Int(0));
    }
}

/// hazard: 73
#[tokio::test]
async fn what_is_larger_is_refused_before_anything_is_sent() {
    let servers = servers();
    let redlock = builder(&servers).build().expect("a redlock");
    let too_large = [
        names(1, KeyFormat::MAX_RESOURCE_BYTES + 1),
        names(KeyFormat::MAX_RESOURCES + 1, 8),
        names(1, 10_000_000),
    ];
    for resources in too_large {
        match redlock.acquire(resources).await {
            Err(AcquireError::Config(error)) => {
                assert_eq!(error.parameter(), Parameter::Resources);
                assert!(error.to_string().len() < 1_000, "the message is as long as what it is about");
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
    for server in &servers {
        assert_eq!(server.calls("hello").expect("calls") + server.calls("client|id").expect("calls"), 0);
    }
    let huge = "x".repeat(1_000_000);
    let mut holder = Holder::named("a");
    holder.host = Some(huge.clone());
    for (builder, parameter) in [
        (builder(&servers).holder_name(huge.clone()), Parameter::HolderName),
        (builder(&servers).holder(Some(holder)), Parameter::HolderName),
        (builder(&servers).label(huge.clone()), Parameter::Label),
    ] {
        let error = builder.build().expect_err("too long");
        assert_eq!(error.parameter(), parameter);
        assert!(error.to_string().len() < 1_000, "the message is as long as what it is about");
    }
    assert!(KeyFormat::prefixed(huge).is_err());
}

/// An application's own large value under the lock's key: refused like any other, and left alone.
///
/// hazard: 57, 73
#[tokio::test]
async fn a_huge_foreign_value_is_a_refusal() {
    const MEGABYTES: u8 = 8;
    let servers = servers();
    let redlock = builder(&servers).node_timeout(Duration::from_secs(5)).build().expect("a redlock");
    for server in &servers {
        server.command(["SET", "redlock:a", &"x".repeat(usize::from(MEGABYTES) << 20)]).expect("SET");
    }
    match redlock.try_acquire("a").await {
        Err(AcquireError::Held(held)) => assert_eq!((held.holder, held.foreign), (None, None)),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert_eq!(
        servers[0].command(["STRLEN", "redlock:a"]).expect("STRLEN"),
        RespValue::Int(i64::from(MEGABYTES) << 20)
    );
}
