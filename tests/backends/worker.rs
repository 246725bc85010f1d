//! A line of jobs before a store that hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use file_store::{Store, Undone, Worker};
use redlock_core::{FaultKind, LockCommand, LockReply};
use redlock_tests::support::*;

/// Hangs in each turn until it is let go.
struct Hung {
    go: Receiver<()>,
    turns: Arc<AtomicUsize>,
}

impl Store for Hung {
    fn run(&mut self, _command: &LockCommand, _wanted: &dyn Fn() -> bool) -> Result<LockReply, Undone> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        let _ = self.go.recv_timeout(AMPLE);
        Err(Undone::Unknown)
    }
}

/// hazard: 50
#[tokio::test]
async fn a_job_that_has_expired_costs_no_turn() {
    let (release_one, go) = channel();
    let turns = Arc::new(AtomicUsize::new(0));
    let worker = Worker::start(Hung { go, turns: Arc::clone(&turns) }).expect("a thread");
    let command = acquire(&["a"], "mine", 60_000).into();
    let mut first = Box::pin(worker.execute(&command, within(AMPLE)));
    assert!(poll_once(&mut first).await.is_none());
    for _ in 0..3 {
        let late = worker.execute(&command, within(Duration::from_millis(10))).await;
        assert_eq!(late.expect_err("the store hangs").kind(), FaultKind::Timeout);
    }
    let mut last = Box::pin(worker.execute(&command, within(AMPLE)));
    assert!(poll_once(&mut last).await.is_none());
    for _ in 0..2 {
        release_one.send(()).expect("the store");
    }
    for job in [first.await, last.await] {
        assert_eq!(job.expect_err("it knows no command").kind(), FaultKind::Unsupported);
    }
    assert_eq!(turns.load(Ordering::SeqCst), 2);
}
