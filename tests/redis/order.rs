//! Commands are applied in the order of their first poll.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use redlock_core::{Backend, BackendError, Command, LockReply, Reply};
use redlock_redis_rs::RedisNode;
use tokio::task::coop::{consume_budget, unconstrained};

use super::support::*;

const PAIRS: usize = 500;

fn pair(number: usize) -> (Command, Command) {
    let name = format!("k:{number}");
    (acquire(&[&name], "mine", 600_000).into(), release(&[&name], "mine").into())
}

type Execution<'a> = Pin<Box<dyn Future<Output = Result<Reply, BackendError>> + Send + 'a>>;

/// A command that was polled once. A fast server may have answered already.
struct Begun<'a> {
    early: Option<Result<Reply, BackendError>>,
    execution: Execution<'a>,
}

async fn begin<'a>(node: &'a RedisNode, command: &'a Command) -> Begun<'a> {
    let mut execution = node.execute(command, within(AMPLE));
    let early = poll_once(&mut execution).await;
    Begun { early, execution }
}

impl Begun<'_> {
    async fn reply(self) -> LockReply {
        let reply = match self.early {
            Some(reply) => reply,
            None => self.execution.await,
        };
        reply.expect("a reply").into_lock().expect("lock")
    }
}

/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_never_overtakes_its_acquire() {
    let (server, node) = server_and_node();
    ask(&node, inspect(&["warm"])).await;
    for number in 0..PAIRS {
        let (acquire, release) = pair(number);
        let taking = begin(&node, &acquire).await;
        let giving = begin(&node, &release).await;
        assert_eq!(giving.reply().await, released(1, 0));
        assert!(granted(&taking.reply().await));
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_never_overtakes_its_acquire_while_connecting() {
    let server = server();
    for _ in 0..5 {
        let node = node(&server);
        let pairs: Vec<_> = (0..PAIRS / 5).map(pair).collect();
        let mut waiting = Vec::new();
        for (acquire, release) in &pairs {
            waiting.push((begin(&node, acquire).await, begin(&node, release).await));
        }
        // The last first: the order of waiting must not matter.
        for (taking, giving) in waiting.into_iter().rev() {
            assert_eq!(giving.reply().await, released(1, 0));
            assert!(granted(&taking.reply().await));
        }
        assert_eq!(server.keys().expect("keys"), 0);
    }
}

/// The acquire is first polled while the connection is being made, the release when it stands, or nearly so.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_never_overtakes_its_acquire_as_the_connection_comes_up() {
    let server = server();
    for round in 0..PAIRS {
        let node = node(&server);
        let (acquire, release) = pair(round);
        let taking = begin(&node, &acquire).await;
        for _ in 0..round % 50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(begin(&node, &release).await.reply().await, released(1, 0));
        assert!(granted(&taking.reply().await));
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

/// A task that has done much in one go may find tokio's cooperative budget used up, and then nothing of tokio's is ready
/// at the first poll. The first poll counts all the same.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_poll_of_a_busy_task_counts() {
    let (server, node) = server_and_node();
    ask(&node, inspect(&["warm"])).await;
    for number in 0..PAIRS {
        let (acquire, release) = pair(number);
        let mut taking = node.execute(&acquire, within(AMPLE));
        let mut giving = node.execute(&release, within(AMPLE));
        let mut given = None;
        // In one poll of this task, which has no budget left; the release is polled outside of any budget.
        poll_fn(|cx| {
            while pin!(consume_budget()).poll(cx).is_ready() {}
            let _ = taking.as_mut().poll(cx);
            given = match pin!(unconstrained(&mut giving)).poll(cx) {
                Poll::Ready(reply) => Some(reply),
                Poll::Pending => None,
            };
            Poll::Ready(())
        })
        .await;
        let giving = Begun { early: given, execution: giving };
        assert_eq!(giving.reply().await, released(1, 0));
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

/// A command whose future is gone leaves the order of the others as it is.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_acquire_never_lands_after_its_release() {
    let (server, node) = server_and_node();
    for number in 0..PAIRS {
        let (acquire, release) = pair(number);
        drop(begin(&node, &acquire).await);
        begin(&node, &release).await.reply().await;
    }
    assert_eq!(server.keys().expect("keys"), 0);
}
