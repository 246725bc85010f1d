//! Who holds the lock keeps the other out, whoever it is, and neither touches the other's key.

use std::time::Duration;

use redlock_core::{
    AcquireError, Backend, Command, Extend, Held, Key, Keys, LockCommand, LockReply, LockValue, Ownership,
    Redlock, Release, ReleaseVerdict, Released, Ttl,
};

use super::foreign::{Foreign, Rslock};
use super::node_redlock::NodeRedlock;
use super::support::Nodes;

const LONG: Duration = Duration::from_secs(20);
/// Meant to run out, and long enough to be granted on a busy machine.
const SHORT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn node_redlock_and_ours_exclude_each_other() {
    for nodes in Nodes::of_each() {
        all_cases(&nodes, &mut NodeRedlock::on(&nodes)).await;
    }
}

#[tokio::test]
async fn rslock_and_ours_exclude_each_other() {
    for nodes in Nodes::of_each() {
        all_cases(&nodes, &mut Rslock::on(&nodes)).await;
    }
}

/// Several names in one step, which rslock does not have.
#[tokio::test]
async fn one_common_name_of_several_is_enough() {
    for nodes in Nodes::of_each() {
        let (ours, mut theirs) = (nodes.redlock(), NodeRedlock::on(&nodes));
        let guard = ours.try_acquire(["a", "b"]).await.expect("free");
        assert!(!theirs.acquire("b,c", LONG).await, "{}", nodes.edition);
        assert!(theirs.acquire("c,d", LONG).await, "{}", nodes.edition);
        assert_eq!(refused(&ours, &["d", "e"]).await.resource, "d");
        assert!(guard.release().await.is_released());
    }
}

async fn all_cases(nodes: &Nodes, theirs: &mut impl Foreign) {
    let ours = nodes.redlock();
    holding_keeps_out(nodes, &ours, theirs).await;
    a_late_holder_of_ours_leaves_theirs_alone(nodes, &ours, theirs).await;
    a_late_holder_of_theirs_leaves_ours_alone(nodes, &ours, theirs).await;
}

async fn holding_keeps_out(nodes: &Nodes, ours: &Redlock, theirs: &mut impl Foreign) {
    let on = &nodes.edition;
    let guard = ours.try_acquire("a").await.expect("free");
    assert!(!theirs.acquire("a", LONG).await, "{on}: let in beside ours");
    guard.extend().await.expect("still ours");
    assert!(guard.release().await.is_released());
    assert!(theirs.acquire("a", LONG).await, "{on}: kept out after our release");
    let held = refused(ours, &["a"]).await;
    assert_eq!((held.resource.as_str(), &held.holder, &held.foreign), ("a", &None, &None), "{on}");
    let remaining = held.remaining.expect("a lease");
    assert!(remaining <= LONG && remaining > LONG / 2, "{on}: {remaining:?}");
    assert!(theirs.extend("a", LONG * 2).await, "{on}: our attempt took their lock from them");
    theirs.release("a").await;
    let guard = ours.try_acquire("a").await.expect("free after their release");
    assert!(guard.release().await.is_released());
    nodes.emptied().await;
}

/// hazard: 5, 11
async fn a_late_holder_of_ours_leaves_theirs_alone(nodes: &Nodes, ours: &Redlock, theirs: &mut impl Foreign) {
    let on = &nodes.edition;
    let guard = ours.try_acquire("b").ttl(SHORT).await.expect("free");
    let value = LockValue::from_bytes(guard.identifier());
    nodes.emptied().await;
    assert!(theirs.acquire("b", LONG).await, "{on}: kept out after our lease");
    // The guard would not even ask, so its commands are sent behind its back.
    for node in nodes.backends() {
        let keys = Keys::of(Key::new("b"));
        let extend = Extend::new(keys.clone(), value.clone(), Ttl::SECOND);
        let extended = ask(&node, LockCommand::Extend(extend)).await;
        assert_eq!(extended, LockReply::Extended(Ownership::Other), "{on}");
        let released = ask(&node, LockCommand::Release(Release::new(keys, value.clone()))).await;
        assert_eq!(released, LockReply::Released(Released::new(0, 1)), "{on}");
    }
    assert_eq!(guard.release().await.verdict, ReleaseVerdict::TakenByAnother, "{on}");
    assert!(theirs.extend("b", LONG).await, "{on}: a late release of ours deleted their lock");
    theirs.release("b").await;
    nodes.emptied().await;
}

/// hazard: 5, 11
async fn a_late_holder_of_theirs_leaves_ours_alone(nodes: &Nodes, ours: &Redlock, theirs: &mut impl Foreign) {
    let on = &nodes.edition;
    assert!(theirs.acquire("c", SHORT).await, "{on}: kept out though free");
    nodes.emptied().await;
    let guard = ours.try_acquire("c").await.expect("free after their lease");
    assert!(!theirs.extend("c", LONG).await, "{on}: extended over ours");
    theirs.release("c").await;
    guard
        .extend()
        .await
        .unwrap_or_else(|error| panic!("{on}: a late release of theirs deleted ours: {error}"));
    assert!(guard.release().await.is_released(), "{on}");
    nodes.emptied().await;
}

async fn refused(ours: &Redlock, names: &[&str]) -> Held {
    match ours.try_acquire(names).await {
        Err(AcquireError::Held(held)) => *held,
        other => panic!("let in beside theirs: {other:?}"),
    }
}

async fn ask(node: &impl Backend, command: LockCommand) -> LockReply {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let reply = node.execute(&Command::Lock(command), deadline).await.expect("a reply");
    reply.into_lock().expect("of the lock family")
}
