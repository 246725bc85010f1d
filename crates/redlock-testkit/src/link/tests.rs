use std::task::Poll;
use std::time::Duration;

use redlock_core::{
    Acquire, Backend, BackendError, Command, Epoch, FaultKind, Key, Keys, LockCommand, LockReply, LockValue,
    Release, Reply, Sent, TokioClock, Ttl,
};
use redlock_memory::MemoryNode;
use tokio::time::Instant;

use super::*;

type Link = FaultyLink<MemoryNode>;

fn link() -> Link {
    let clock = Arc::new(TokioClock::new());
    FaultyLink::new(MemoryNode::builder("n").clock(clock).build())
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn keys(name: &str) -> Keys {
    Keys::of(Key::new(name))
}

fn acquire(key: &str) -> Command {
    LockCommand::Acquire(Acquire::new(keys(key), LockValue::from_bytes(*b"mine"), Ttl::SECOND)).into()
}

fn release(key: &str) -> Command {
    LockCommand::Release(Release::new(keys(key), LockValue::from_bytes(*b"mine"))).into()
}

async fn run(link: &Link, command: Command) -> Result<Reply, BackendError> {
    link.execute(&command, Instant::now() + ms(50)).await
}

/// Sends the command and forgets about it.
async fn post(link: &Link, command: Command) {
    let mut future = link.execute(&command, Instant::now() + ms(50));
    std::future::poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

fn names(link: &Link) -> Vec<&'static str> {
    link.log().iter().map(|delivery| delivery.command.name()).collect()
}

fn ends(error: &BackendError) -> (FaultKind, Sent) {
    (error.kind(), error.sent())
}

#[tokio::test(start_paused = true)]
async fn without_a_plan_it_answers_at_once() {
    let link = link();
    let start = Instant::now();
    assert!(matches!(run(&link, acquire("a")).await.map(Reply::into_lock), Ok(Ok(LockReply::Granted(_)))));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(link.timeline(), "0ns #0 acquire: answered Lock(Granted(Grant { fence: None }))");
}

#[tokio::test(start_paused = true)]
async fn both_ways_take_their_time() {
    let link = link();
    link.always(Plan::new().delay(ms(10)).reply_delay(ms(5)));
    let start = Instant::now();
    run(&link, acquire("a")).await.expect("granted");
    assert_eq!(start.elapsed(), ms(15));
    assert_eq!(link.log()[0].at, ms(10));
}

/// hazard: 7
#[tokio::test(start_paused = true)]
async fn a_command_that_is_later_than_its_deadline_still_lands() {
    let link = link();
    link.once("acquire", Plan::new().delay(ms(200)));
    let error = run(&link, acquire("a")).await.expect_err("late");
    assert_eq!(ends(&error), (FaultKind::Timeout, Sent::Maybe));
    assert!(link.inner().is_empty());
    tokio::time::sleep(ms(150)).await;
    link.settle().await;
    assert_eq!(link.inner().len(), 1);
}

/// hazard: 61
#[tokio::test(start_paused = true)]
async fn a_command_whose_future_is_dropped_still_lands() {
    let link = link();
    link.always(Plan::new().delay(ms(10)));
    post(&link, acquire("a")).await;
    tokio::time::sleep(ms(10)).await;
    link.settle().await;
    assert_eq!(link.inner().len(), 1);
}

/// hazard: 6
#[tokio::test(start_paused = true)]
async fn a_lost_reply_leaves_the_key_and_a_lost_command_does_not() {
    let link = link();
    link.once("acquire", Plan::new().lose_reply());
    link.once("acquire", Plan::new().lose_command());
    for key in ["a", "b"] {
        let error = run(&link, acquire(key)).await.expect_err("lost");
        assert_eq!(ends(&error), (FaultKind::Timeout, Sent::Maybe));
    }
    assert_eq!(link.inner().len(), 1);
    assert_eq!(link.log().iter().map(Delivery::executed).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_command_is_not_overtaken_on_its_connection() {
    let link = link();
    link.once("acquire", Plan::new().delay(ms(30)));
    post(&link, acquire("a")).await;
    run(&link, release("a")).await.expect("released");
    assert_eq!(names(&link), ["acquire", "release"]);
    assert_eq!(link.log()[1].at, ms(30));
    assert!(link.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn random_delays_keep_the_order_and_replay_from_their_seed() {
    async fn timeline(seed: u64) -> String {
        let link = link();
        link.random(seed, Faults::none().delay(ms(0)..=ms(20)).lose_commands(200).lose_replies(200));
        for number in 0..50 {
            post(&link, acquire(&number.to_string())).await;
        }
        tokio::time::sleep(ms(100)).await;
        let keys: Vec<_> = link.log().iter().map(|delivery| key_of(&delivery.command)).collect();
        assert_eq!(keys, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
        link.timeline()
    }
    fn key_of(command: &Command) -> String {
        let Command::Lock(command) = command else { panic!("{command:?}") };
        command.keys().as_slice()[0].to_string()
    }
    let first = timeline(7).await;
    assert!(first.contains("lost"));
    assert_eq!(first, timeline(7).await);
    assert_ne!(first, timeline(8).await);
}

/// hazard: 8
#[tokio::test(start_paused = true)]
async fn a_release_overtakes_only_over_another_connection() {
    let link = link();
    link.hold();
    post(&link, acquire("a")).await;
    assert_eq!(link.pending(), 1);
    let old = link.reconnect();
    let reply = run(&link, release("a")).await.expect("released");
    assert_eq!(reply.epoch, Epoch::FIRST.next());
    old.deliver(1);
    link.settle().await;
    assert_eq!(names(&link), ["release", "acquire"]);
    assert_eq!(link.inner().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn held_commands_go_one_by_one_as_the_test_says() {
    let link = link();
    link.hold();
    for key in ["a", "b", "c"] {
        post(&link, acquire(key)).await;
    }
    for landed in 0..3 {
        link.settle().await;
        assert_eq!((link.inner().len(), link.pending()), (landed, 3 - landed));
        link.deliver(1);
    }
    link.resume();
    run(&link, acquire("d")).await.expect("granted");
    assert_eq!(link.inner().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn who_waits_while_the_connection_is_replaced_hears_that_it_is_closed() {
    let link = link();
    link.hold();
    let (result, old) = tokio::join!(run(&link, acquire("a")), async { link.reconnect() });
    assert_eq!(ends(&result.expect_err("closed")), (FaultKind::Closed, Sent::Maybe));
    old.discard();
    link.settle().await;
    assert!(link.inner().is_empty());
    assert_eq!(old.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_refuses_sends_nothing_and_loses_what_was_on_its_way() {
    let link = link();
    link.once("acquire", Plan::new().delay(ms(10)));
    post(&link, acquire("a")).await;
    link.refuse();
    let error = run(&link, acquire("b")).await.expect_err("refused");
    assert_eq!(ends(&error), (FaultKind::Unreachable, Sent::No));
    tokio::time::sleep(ms(20)).await;
    link.restore();
    assert!(link.inner().is_empty());
    assert_eq!(run(&link, acquire("c")).await.map(|reply| reply.epoch).ok(), Some(Epoch::FIRST.next()));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_swallows_commands_over_new_connections_too() {
    let link = link();
    link.black_hole();
    link.reconnect();
    let error = run(&link, acquire("a")).await.expect_err("swallowed");
    assert_eq!(ends(&error), (FaultKind::Timeout, Sent::Maybe));
    link.restore();
    run(&link, acquire("a")).await.expect("granted");
}

#[tokio::test(start_paused = true)]
async fn a_planned_error_is_the_nodes_answer() {
    let link = link();
    link.on("acquire", Plan::new().error(BackendError::new(FaultKind::OutOfMemory, Sent::Replied, "OOM")));
    let error = run(&link, acquire("a")).await.expect_err("planned");
    assert_eq!(ends(&error), (FaultKind::OutOfMemory, Sent::Replied));
    assert!(link.inner().is_empty());
    link.clear();
    run(&link, acquire("a")).await.expect("granted");
}

#[tokio::test(start_paused = true)]
async fn replies_of_one_connection_come_in_order() {
    let link = link();
    link.once("acquire", Plan::new().reply_delay(ms(30)));
    let start = Instant::now();
    let (first, second) = tokio::join!(run(&link, acquire("a")), run(&link, release("a")));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(start.elapsed(), ms(30));
}

/// hazard: 8
#[tokio::test(start_paused = true)]
async fn random_reconnections_let_commands_overtake_each_other() {
    let link = link();
    link.random(7, Faults::none().delay(ms(0)..=ms(20)).reconnects(1000));
    for key in ["a", "b", "c", "d", "e", "f"] {
        post(&link, acquire(key)).await;
    }
    tokio::time::sleep(ms(30)).await;
    let connections: Vec<_> = link.log().iter().map(|delivery| delivery.connection).collect();
    assert_eq!(connections.len(), 6);
    assert!(!connections.is_sorted(), "{connections:?}");
}

/// A node behind the link that is silent holds up nobody but who asked it.
#[tokio::test(start_paused = true)]
async fn a_command_that_the_node_does_not_answer_does_not_block_the_next() {
    let link = link();
    link.inner().hang();
    post(&link, acquire("a")).await;
    link.settle().await;
    link.inner().recover();
    run(&link, acquire("b")).await.expect("granted");
    assert_eq!(link.inner().len(), 1);
}
