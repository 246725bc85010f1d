//! Commands are applied in the order of their first poll.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use redlock_core::{Backend, BackendError, Command, LockReply, Reply};
use redlock_tests::support::*;
use tokio::task::coop::{consume_budget, unconstrained};

use super::subjects::*;

each_client_and_cluster! {
    a_release_never_overtakes_its_acquire,
    the_first_poll_of_a_busy_task_counts,
    an_abandoned_acquire_never_lands_after_its_release,
}

pub(crate) const PAIRS: usize = 500;

pub(crate) fn pair(number: usize) -> (Command, Command) {
    let name = format!("k:{number}");
    (acquire(&[&name], "mine", 600_000).into(), release(&[&name], "mine").into())
}

type Execution<'a> = Pin<Box<dyn Future<Output = Result<Reply, BackendError>> + Send + 'a>>;

/// A command that was polled once. A fast server may have answered already.
pub(crate) struct Begun<'a> {
    early: Option<Result<Reply, BackendError>>,
    execution: Execution<'a>,
}

pub(crate) async fn begin<'a>(node: &'a Node, command: &'a Command) -> Begun<'a> {
    let mut execution = node.execute(command, within(AMPLE));
    let early = poll_once(&mut execution).await;
    Begun { early, execution }
}

impl Begun<'_> {
    pub(crate) async fn reply(self) -> LockReply {
        let reply = match self.early {
            Some(reply) => reply,
            None => self.execution.await,
        };
        reply.expect("a reply").into_lock().expect("lock")
    }
}

/// hazard: 7
async fn a_release_never_overtakes_its_acquire<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
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

/// A task that has done much in one go may find tokio's cooperative budget used up, and then nothing of tokio's is ready
/// at the first poll. The first poll counts all the same.
///
/// hazard: 7
async fn the_first_poll_of_a_busy_task_counts<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
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
async fn an_abandoned_acquire_never_lands_after_its_release<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    for number in 0..PAIRS {
        let (acquire, release) = pair(number);
        drop(begin(&node, &acquire).await);
        begin(&node, &release).await.reply().await;
    }
    assert_eq!(server.keys().expect("keys"), 0);
}
