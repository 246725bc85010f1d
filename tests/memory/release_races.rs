//! Extension and release of one lock, in every order.

use std::pin::pin;
use std::time::Duration;

use redlock_testkit::Plan;
use tokio::time::{sleep, timeout};

use crate::support::{Cluster, ms, poll_once};

/// Whatever the order of the extension's answers, of the release and of the end of the extension's future: nothing is left
/// on the nodes, nothing goes on, and nobody believes.
/// hazard: 12
#[tokio::test(start_paused = true)]
async fn no_order_of_extension_and_release_leaves_a_key() {
    for (delay, release_at, cancel_at) in orders() {
        let cluster = Cluster::of(3);
        let client = cluster.client("a");
        let guard = client.acquire("x").auto_extend().await.unwrap();
        for (link, number) in cluster.links.iter().zip(0_u32..) {
            link.once("extend", Plan::new().delay(delay * number).reply_delay(delay));
        }
        let extension = timeout(cancel_at, guard.extend());
        let release = async {
            sleep(release_at).await;
            guard.release().await
        };
        let (_, released) = tokio::join!(extension, release);
        assert!(released.is_released() && !guard.is_valid(), "{delay:?} {release_at:?} {cancel_at:?}");
        cluster.quiet().await;
        assert!(cluster.is_free(), "{delay:?} {release_at:?} {cancel_at:?}");
        let sent = cluster.sent();
        sleep(ms(5000)).await;
        assert_eq!(cluster.sent(), sent, "nothing extends any more");
        assert!(client.shutdown(Duration::ZERO).await.is_complete());
    }
}

fn orders() -> impl Iterator<Item = (Duration, Duration, Duration)> {
    let steps = || [0, 1, 5, 6, 7, 12, 20, 30].into_iter().map(ms);
    let pairs = steps().flat_map(move |release_at| steps().map(move |cancel_at| (release_at, cancel_at)));
    pairs.flat_map(|(release_at, cancel_at)| [ms(0), ms(6)].map(|delay| (delay, release_at, cancel_at)))
}

/// The automatic extension falls due while the guard is dropped; the nodes answer slowly.
/// hazard: 12
#[tokio::test(start_paused = true)]
async fn a_guard_dropped_around_its_extension_leaves_no_key() {
    for millis in 640..700 {
        let cluster = Cluster::of(3);
        let client = cluster.client("a");
        let guard = client.acquire("x").auto_extend().await.unwrap();
        cluster.always(&Plan::new().delay(ms(5)).reply_delay(ms(5)));
        sleep(ms(millis)).await;
        drop(guard);
        cluster.quiet().await;
        assert!(cluster.is_free(), "dropped after {millis} ms");
        assert!(client.shutdown(Duration::ZERO).await.is_complete());
    }
}

/// A node that lost the key is given it back by an extension; the release comes behind that.
/// hazard: 12
#[tokio::test(start_paused = true)]
async fn a_key_that_is_being_put_back_is_released_too() {
    for millis in 0..12 {
        let cluster = Cluster::of(3);
        let guard = cluster.client("a").acquire("x").await.unwrap();
        cluster.links[2].inner().restart();
        cluster.links[2].always(Plan::new().delay(ms(3)).reply_delay(ms(2)));
        guard.extend().await.unwrap();
        sleep(ms(millis)).await;
        drop(guard);
        cluster.quiet().await;
        assert!(cluster.is_free(), "dropped after {millis} ms: {:?}", cluster.holders("x"));
    }
}

/// An extension that its caller holds and polls no more, as in the other branch of a `select!`, holds up neither a release nor
/// a shutdown.
/// hazard: 12
#[tokio::test(start_paused = true)]
async fn an_extension_that_is_not_polled_does_not_hold_up_a_release() {
    for shutdown in [false, true] {
        let cluster = Cluster::of(3);
        let client = cluster.client("a");
        let guard = client.acquire("x").await.unwrap();
        let signal = guard.signal();
        let (extending, releasing) = (guard.extend(), guard.release());
        cluster.always(&Plan::new().reply_delay(ms(5)));
        let mut stuck = pin!(extending);
        assert!(poll_once(stuck.as_mut()).await.is_none());
        if shutdown {
            assert!(timeout(ms(500), client.shutdown(ms(400))).await.unwrap().is_complete());
        } else {
            assert!(timeout(ms(500), releasing).await.unwrap().is_released());
        }
        cluster.quiet().await;
        assert!(cluster.is_free() && signal.is_lost());
        // Polled again, it changes nothing.
        assert!(stuck.await.is_err());
        cluster.quiet().await;
        assert!(cluster.is_free() && signal.is_lost());
    }
}
