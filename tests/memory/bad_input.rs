//! What cannot work is refused by name, before anything is sent.

use std::time::Duration;

use redlock_core::{
    AcquireError, Acquisition, AdoptError, Backend, BackendError, Capabilities, Command, ConfigError, Inbox,
    KeyFormat, NodeName, Notifications, Parameter, Redlock, RedlockBuilder, Reply, RestartGuard, RetryPolicy,
    async_trait,
};
use tokio::time::Instant;

use crate::support::{Cluster, Link, TTL, ms};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn parameter(built: Result<Redlock, ConfigError>) -> Parameter {
    let error = built.expect_err("refused");
    assert!(!error.requirement().is_empty() && error.to_string().contains(error.value()), "{error}");
    error.parameter()
}

type Build = fn(RedlockBuilder) -> RedlockBuilder;

/// hazard: 50, 69
#[tokio::test(start_paused = true)]
async fn a_builder_with_a_bad_number_builds_nothing() {
    let cases: [(&str, Parameter, Build); 22] = [
        ("no ttl", Parameter::Ttl, |b| b.ttl(Duration::ZERO)),
        ("a ttl below a millisecond", Parameter::Ttl, |b| b.ttl(Duration::from_micros(999))),
        ("a ttl within its drift", Parameter::Ttl, |b| b.ttl(ms(2))),
        ("a ttl above max_ttl", Parameter::Ttl, |b| b.ttl(ms(300_001))),
        ("a ttl without end", Parameter::Ttl, |b| b.ttl(Duration::MAX)),
        ("no max_ttl", Parameter::MaxTtl, |b| b.max_ttl(Duration::ZERO)),
        ("a max_ttl without end", Parameter::MaxTtl, |b| b.max_ttl(Duration::MAX)),
        ("no clock skew", Parameter::MaxClockSkew, |b| b.max_clock_skew(Duration::ZERO)),
        ("clocks days apart", Parameter::MaxClockSkew, |b| b.max_clock_skew(2 * DAY)),
        ("a fence forgotten", Parameter::FenceRetention, |b| b.fence_retention(Duration::from_secs(300))),
        ("a fence without end", Parameter::FenceRetention, |b| b.fence_retention(Duration::MAX)),
        ("a negative drift", Parameter::DriftFactor, |b| b.drift_factor(-0.01)),
        ("a drift of all", Parameter::DriftFactor, |b| b.drift_factor(1.0)),
        ("a drift that is no number", Parameter::DriftFactor, |b| b.drift_factor(f64::NAN)),
        ("no node timeout", Parameter::NodeTimeout, |b| b.node_timeout(Duration::ZERO)),
        ("a node timeout of the ttl", Parameter::NodeTimeout, |b| b.node_timeout(TTL)),
        ("no threshold", Parameter::ExtendThreshold, |b| b.extend_threshold(Duration::ZERO)),
        ("a threshold of the ttl", Parameter::ExtendThreshold, |b| b.extend_threshold(TTL)),
        ("a deadline of nothing", Parameter::Deadline, |b| b.deadline(Duration::ZERO)),
        ("a label with a tilde", Parameter::Label, |b| b.label("~mine")),
        ("a label with a bar", Parameter::Label, |b| b.label("a|b")),
        ("a long name", Parameter::HolderName, |b| b.holder_name("n".repeat(129))),
    ];
    let cluster = Cluster::of(3);
    for (case, expected, build) in cases {
        assert_eq!(parameter(build(cluster.builder("a")).build()), expected, "{case}");
    }
    assert_eq!(cluster.sent(), 0);
}

/// hazard: 20, 69
#[tokio::test(start_paused = true)]
async fn a_builder_with_a_bad_set_of_nodes_builds_nothing() {
    assert_eq!(parameter(Redlock::builder().build()), Parameter::Nodes);
    let cluster = Cluster::of(3);
    let twice = cluster.builder("a").node(cluster.links[1].clone()).build();
    assert!(twice.as_ref().is_err_and(|error| error.to_string().contains("memory-2")), "{twice:?}");
    assert_eq!(parameter(twice), Parameter::Nodes);
    let unable = Redlock::builder().node(Claiming(Capabilities::SCAN, cluster.links[0].clone())).build();
    assert_eq!(parameter(unable), Parameter::Nodes);
}

/// hazard: 70
#[test]
fn a_prefix_with_braces_is_refused() {
    for prefix in ["", "a{b", "a}b", "{a}", &"p".repeat(257)] {
        let error = KeyFormat::prefixed(prefix).expect_err(prefix);
        assert_eq!(error.parameter(), Parameter::Prefix);
    }
}

async fn refused(acquisition: Acquisition) -> Parameter {
    match acquisition.await {
        Err(AcquireError::Config(error)) => error.parameter(),
        other => panic!("{other:?}"),
    }
}

/// hazard: 39, 69, 70
#[tokio::test(start_paused = true)]
async fn a_bad_list_of_resources_sends_nothing() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let (long, many) = ("x".repeat(1_025), (0..129).map(|number| number.to_string()).collect::<Vec<_>>());
    let lists: [Vec<&str>; 10] = [
        vec![],
        vec![""],
        vec!["a", ""],
        vec!["a", "b", "a"],
        vec!["sem:a"],
        vec!["a:fence"],
        vec!["{a}:queue"],
        vec!["{redlock}:member"],
        vec![&long],
        many.iter().map(String::as_str).collect(),
    ];
    for list in lists {
        assert_eq!(refused(client.acquire(list.clone())).await, Parameter::Resources, "{list:?}");
        assert_eq!(refused(client.try_acquire(list.clone())).await, Parameter::Resources, "{list:?}");
        let used = client.using(list.clone(), async |_| unreachable!("not without a lock")).await;
        used.expect_err("refused");
    }
    client.status("").await.expect_err("no such lock");
    client.force_release("sem:a").await.expect_err("no lock");
    assert_eq!(cluster.sent(), 0);
}

/// hazard: 50, 69
#[tokio::test(start_paused = true)]
async fn an_acquisition_with_a_bad_number_sends_nothing() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let x = || client.acquire("x");
    let endless = RetryPolicy { retries: None, delay: DAY, jitter: ms(1) };
    let cases = [
        (x().ttl(Duration::ZERO), Parameter::Ttl),
        (x().ttl(ms(2)), Parameter::Ttl),
        (x().ttl(ms(300_001)), Parameter::Ttl),
        (x().ttl(Duration::MAX), Parameter::Ttl),
        (x().node_timeout(Duration::ZERO), Parameter::NodeTimeout),
        (x().node_timeout(TTL), Parameter::NodeTimeout),
        (x().ttl(ms(100)).node_timeout(ms(100)), Parameter::NodeTimeout),
        (x().extend_threshold(TTL), Parameter::ExtendThreshold),
        (x().extend_threshold(Duration::ZERO), Parameter::ExtendThreshold),
        (x().deadline(Duration::ZERO), Parameter::Deadline),
        (x().deadline(Duration::MAX), Parameter::Deadline),
        (x().auto_extend().max_hold(Some(Duration::ZERO)), Parameter::MaxHold),
        (x().retry(endless), Parameter::RetryDelay),
        (x().retry_unreachable(endless), Parameter::RetryDelay),
        (x().label("~reserved"), Parameter::Label),
        (x().label("a|b"), Parameter::Label),
        (x().label("l".repeat(65)), Parameter::Label),
        (x().holder_name("n".repeat(129)), Parameter::HolderName),
    ];
    for (acquisition, expected) in cases {
        assert_eq!(refused(acquisition).await, expected);
    }
    assert_eq!(cluster.sent(), 0);
}

/// A node that claims other capabilities than its own.
struct Claiming(Capabilities, Link);

#[async_trait]
impl Backend for Claiming {
    fn node(&self) -> &NodeName {
        self.1.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.0
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.1.execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.1.notifications(inbox)
    }
}

/// hazard: 56
#[tokio::test(start_paused = true)]
async fn keys_in_several_slots_of_a_cluster_send_nothing() {
    let cluster = Cluster::of(3);
    let nodes = cluster.links.iter().cloned();
    let slotted = nodes.map(|link| Claiming(Capabilities::LOCK | Capabilities::SLOTS, link));
    let builder = Redlock::builder().nodes(slotted).restart_guard(RestartGuard::Off);
    let client = builder.clock(redlock_core::TokioClock::new()).build().unwrap();
    match client.acquire(["a", "b"]).await {
        Err(AcquireError::Config(error)) => {
            assert_eq!(error.parameter(), Parameter::Resources);
            assert!(error.requirement().contains("hash tag"), "the remedy: {error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.sent(), 0);
    let ticket = cluster.client("b").acquire(["a", "b"]).await.unwrap().detach().await.unwrap();
    let sent = cluster.sent();
    assert!(matches!(client.adopt(&ticket).await, Err(AdoptError::Config(_))));
    assert_eq!(cluster.sent(), sent);
    client.acquire(["{user:7}:a", "{user:7}:b"]).await.expect("one slot").release().await;
}

/// hazard: 50
#[tokio::test(start_paused = true)]
async fn a_fenced_lock_over_a_node_without_counters_sends_nothing_and_names_it() {
    let cluster = Cluster::of(3);
    let all = Capabilities::LOCK | Capabilities::FENCE;
    let able = [all, Capabilities::LOCK, all];
    let nodes = able.into_iter().zip(cluster.links.iter().cloned()).map(|(can, link)| Claiming(can, link));
    let builder = Redlock::builder().nodes(nodes).restart_guard(RestartGuard::Off);
    let client = builder.clock(redlock_core::TokioClock::new()).build().unwrap();
    match client.acquire("x").fenced().await {
        Err(AcquireError::Config(error)) => {
            assert_eq!(error.parameter(), Parameter::Nodes);
            assert!(error.requirement().contains("memory-2"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.sent(), 0);
    let ticket = cluster.client("b").acquire("x").fenced().await.unwrap().detach().await.unwrap();
    let sent = cluster.sent();
    assert!(matches!(client.adopt(&ticket).await, Err(AdoptError::Config(_))));
    assert_eq!(cluster.sent(), sent);
    assert!(client.acquire("y").await.is_ok(), "without a token");
}

/// hazard: 56
#[tokio::test(start_paused = true)]
async fn a_counter_in_another_slot_than_its_key_sends_nothing() {
    let cluster = Cluster::of(3);
    let claims = Capabilities::LOCK | Capabilities::FENCE | Capabilities::SLOTS;
    let slotted = cluster.links.iter().cloned().map(|link| Claiming(claims, link));
    let builder = Redlock::builder().nodes(slotted).restart_guard(RestartGuard::Off);
    let client = builder.clock(redlock_core::TokioClock::new()).build().unwrap();
    match client.acquire("a}b").fenced().await {
        Err(AcquireError::Config(error)) => assert_eq!(error.parameter(), Parameter::Resources),
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.sent(), 0);
    for name in ["a", "{user:7}:a", "a{b"] {
        assert!(client.acquire(name).fenced().await.is_ok(), "{name}");
    }
    assert!(cluster.client("b").acquire("a}b").fenced().await.is_ok(), "no cluster");
}
