//! Ending in good order.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock_core::{
    AcquireError, AdoptError, Backend, BackendError, Capabilities, Command, Inbox, LossReason, NodeName,
    Notifications, Redlock, ReleaseVerdict, Reply, Shutdown, TokioClock, async_trait,
};
use redlock_memory::MemoryNode;
use redlock_testkit::Plan;
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, Link, ms, poll_once};

const SOON: Duration = Duration::from_millis(500);

/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_shutdown_releases_what_is_held_and_reports_each_lock() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let (first, second) = (client.acquire(["x", "y"]).await.unwrap(), client.acquire("z").await.unwrap());
    std::mem::forget(client.acquire("leaked").auto_extend().await.unwrap());
    drop(client.acquire("dropped").await.unwrap());
    let report = client.shutdown(SOON).await;
    assert!(report.is_complete() && cluster.is_free(), "{report:?}");
    let released = report.released.iter().map(|(resources, outcome)| (resources.join("+"), outcome.verdict));
    let mut released: Vec<_> = released.collect();
    released.sort_by(|one, other| one.0.cmp(&other.0));
    let yes = ReleaseVerdict::Released;
    assert_eq!(released, [("leaked".into(), yes), ("x+y".into(), yes), ("z".into(), yes)]);
    assert_eq!((first.lost().await, second.is_valid()), (LossReason::Released, false));
    assert!(first.release().await.is_released());
}

/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_acquisitions_that_wait_and_those_to_come() {
    let cluster = Cluster::of(3);
    let guard = cluster.other_links().client("holder").acquire("x").ttl(60 * SOON).await.unwrap();
    let client = cluster.client("a");
    let ticket = client.acquire("y").await.unwrap().detach().await.unwrap();
    let waiting = tokio::spawn(client.acquire("x").retry_forever().into_future());
    sleep(ms(100)).await;
    let start = Instant::now();
    assert!(client.clone().shutdown(SOON).await.is_complete());
    assert!(matches!(waiting.await.unwrap(), Err(AcquireError::ShutDown)));
    assert!(matches!(client.try_acquire("z").await, Err(AcquireError::ShutDown)));
    assert!(matches!(client.adopt(&ticket).await, Err(AdoptError::ShutDown)));
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(guard);
}

/// When a shutdown is complete, the runtime may go: nothing was left to it, whatever the acquisition was at.
/// hazard: 61, 68
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_roll_backs_of_the_acquisitions_that_it_ends() {
    for millis in 0..30 {
        let cluster = Cluster::of(3);
        for (link, number) in cluster.links.iter().zip(1..) {
            link.always(Plan::new().delay(ms(4 * number)).reply_delay(ms(number)));
        }
        let client = cluster.client("a");
        let waiting = tokio::spawn(client.acquire("x").into_future());
        sleep(ms(millis)).await;
        let report = client.shutdown(SOON).await;
        assert!(report.is_complete(), "after {millis} ms: {report:?}");
        assert!(cluster.is_free(), "after {millis} ms: {:?}", cluster.holders("x"));
        drop(waiting);
    }
}

/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_releases_of_dropped_guards() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    cluster.always(&Plan::new().delay(ms(20)).reply_delay(ms(20)));
    drop(guard);
    let start = Instant::now();
    assert!(client.shutdown(SOON).await.is_complete());
    assert_eq!(start.elapsed(), ms(40));
    assert!(cluster.is_free());
}

/// Nodes that hang: the shutdown ends in time, and says what it could not do.
/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_and_tells_what_is_left() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    cluster.links.iter().for_each(Link::black_hole);
    let start = Instant::now();
    let report = client.shutdown(ms(10)).await;
    assert_eq!(start.elapsed(), ms(10));
    assert_eq!(report.unreleased, [["x"]]);
    assert!(!report.is_complete() && !guard.is_valid());
    let again = client.shutdown(SOON).await;
    assert!(again.unfinished == 0 && start.elapsed() <= ms(70), "{again:?} {:?}", start.elapsed());
}

/// An acquisition that somebody holds and does not poll cannot be rolled back; the shutdown says so.
/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_shutdown_counts_an_acquisition_that_is_not_polled() {
    let cluster = Cluster::of(3);
    cluster.always(&Plan::new().delay(ms(5)));
    let client = cluster.client("a");
    let mut stuck = client.acquire("x").into_future();
    assert!(poll_once(Pin::new(&mut stuck)).await.is_none());
    assert_eq!(client.shutdown(ms(50)).await.unfinished, 1);
    drop(stuck);
    assert!(client.shutdown(ms(50)).await.is_complete());
    assert!(cluster.is_free());
}

type Running = Pin<Box<dyn Future<Output = Shutdown> + Send>>;

/// Begins a shutdown while it executes its part of an acquisition or an adoption, as another thread would.
#[derive(Clone)]
struct Trigger {
    node: MemoryNode,
    command: &'static str,
    client: Arc<Mutex<Option<Redlock>>>,
    shutdown: Arc<Mutex<Option<Running>>>,
}

#[async_trait]
impl Backend for Trigger {
    fn node(&self) -> &NodeName {
        self.node.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.node.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let client = if command.name() == self.command { self.client.lock().unwrap().take() } else { None };
        if let Some(client) = client {
            let mut shutdown: Running = Box::pin(async move { client.shutdown(SOON).await });
            assert!(poll_once(Pin::new(&mut shutdown)).await.is_none(), "an operation is under way");
            *self.shutdown.lock().unwrap() = Some(shutdown);
        }
        self.node.execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.node.notifications(inbox)
    }
}

fn triggered(command: &'static str) -> (Trigger, Redlock) {
    let node = MemoryNode::cluster_on(TokioClock::new(), 1).remove(0);
    let trigger = Trigger { node, command, client: Arc::default(), shutdown: Arc::default() };
    let client = Redlock::builder().node(trigger.clone()).clock(TokioClock::new()).build().unwrap();
    *trigger.client.lock().unwrap() = Some(client.clone());
    (trigger, client)
}

/// The lease is not yet registered when the shutdown lists those that it releases.
/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_lock_granted_in_the_midst_of_a_shutdown_is_released() {
    let (trigger, client) = triggered("acquire");
    let result = client.acquire("x").await;
    assert!(matches!(result, Err(AcquireError::ShutDown)), "{result:?}");
    let shutdown = trigger.shutdown.lock().unwrap().take().expect("begun");
    assert!(shutdown.await.is_complete());
    assert!(trigger.node.is_empty());
}

/// hazard: 68
#[tokio::test(start_paused = true)]
async fn a_lock_adopted_in_the_midst_of_a_shutdown_stays_its_tickets() {
    let (trigger, client) = triggered("extend");
    let ticket = client.acquire("x").await.unwrap().detach().await.unwrap();
    let result = client.adopt(&ticket).await;
    assert!(matches!(result, Err(AdoptError::ShutDown)), "{result:?}");
    let shutdown = trigger.shutdown.lock().unwrap().take().expect("begun");
    assert!(shutdown.await.is_complete());
    let other = Redlock::builder().node(trigger.node.clone()).clock(TokioClock::new()).build().unwrap();
    assert!(other.adopt(&ticket).await.unwrap().release().await.is_released());
}

/// The shutdown has listed the lock among those that it releases when the holder hands it on: released, it would be held by
/// two.
/// hazard: 4, 68
#[tokio::test(start_paused = true)]
async fn a_lock_handed_on_in_the_midst_of_a_shutdown_stays_its_tickets() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    cluster.always(&Plan::new().delay(ms(5)));
    let heir = cluster.other_links().client("heir");
    let (report, adopted) = tokio::join!(client.shutdown(SOON), async {
        let ticket = guard.detach().await.unwrap();
        heir.adopt(&ticket).await.unwrap()
    });
    assert!(report.is_complete() && report.released.is_empty(), "{report:?}");
    cluster.quiet().await;
    adopted.check().unwrap();
    cluster.other_links().client("b").try_acquire("x").await.expect_err("held by the heir");
    assert!(adopted.release().await.is_released());
}
