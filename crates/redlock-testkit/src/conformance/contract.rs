//! The contract of every backend, whatever the command: order, deadlines, cancellation.

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use redlock_core::{
    Acquire, BackendError, Command, FaultKind, Inspect, Key, Keys, LockCommand, LockValue, Release, Reply,
    Sent,
};
use tokio::time::Instant;

use super::bench::{Bench, LEASE, SHORT, Stop, checks, ensure, same, ttl};

checks!("contract":
    the_epoch_of_a_steady_connection_is_constant,
    commands_are_applied_in_the_order_of_first_polls,
    a_dropped_command_is_not_overtaken_either,
    a_dropped_command_gives_its_reply_to_nobody,
    each_of_many_hears_its_own_reply,
    a_deadline_in_the_past_ends_at_once,
    a_silent_node_costs_no_more_than_the_deadline,
);

/// A pool of connections swapped 24 of 200 pairs; with that rate, fifty pairs miss it once in 600 runs.
const PAIRS: usize = 50;

async fn the_epoch_of_a_steady_connection_is_constant(bench: &Bench<'_>) -> Result<(), Stop> {
    let command = inspect(&bench.key());
    let first = bench.run(command.clone()).await?.epoch;
    for _ in 0..10 {
        same("the epoch", &bench.run(command.clone()).await?.epoch, &first)?;
    }
    Ok(())
}

/// hazard: 8
async fn commands_are_applied_in_the_order_of_first_polls(bench: &Bench<'_>) -> Result<(), Stop> {
    for _ in 0..PAIRS {
        let (key, value) = (bench.key(), bench.value());
        let (acquire, release) = (acquire(&key, &value)?, release(&key, &value));
        let mut acquire = pin!(bench.attempt(&acquire, bench.soon()));
        let mut release = pin!(bench.attempt(&release, bench.soon()));
        let acquired = poll_once(acquire.as_mut()).await;
        let released = poll_once(release.as_mut()).await;
        let (acquired, released) = tokio::join!(rest(acquired, acquire), rest(released, release));
        succeeds("the acquire", acquired?)?;
        succeeds("the release", released?)?;
        bench.expect_free("a key whose release was sent behind its acquire", &key).await?;
    }
    Ok(())
}

/// hazard: 61
async fn a_dropped_command_is_not_overtaken_either(bench: &Bench<'_>) -> Result<(), Stop> {
    let mut released = Vec::new();
    for _ in 0..PAIRS {
        let (key, value) = (bench.key(), bench.value());
        send_and_forget(bench, &acquire(&key, &value)?).await;
        bench.run(release(&key, &value)).await?;
        released.push(key);
    }
    // Time for an acquire that is still on its way.
    bench.pass(SHORT).await;
    for key in released {
        bench.expect_free("a key whose acquire was dropped, and then released", &key).await?;
    }
    Ok(())
}

/// hazard: 62
async fn a_dropped_command_gives_its_reply_to_nobody(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((dropped, asked), value) = (bench.pair(), bench.value());
    bench.take(&dropped, &bench.value(), LEASE).await?;
    bench.take(&asked, &value, LEASE).await?;
    for _ in 0..PAIRS {
        send_and_forget(bench, &inspect(&dropped)).await;
        bench.expect_held("the key asked for after a dropped question", (&asked, &value), LEASE).await?;
    }
    Ok(())
}

/// hazard: 62
async fn each_of_many_hears_its_own_reply(bench: &Bench<'_>) -> Result<(), Stop> {
    let mut running: Vec<_> = (0..PAIRS).map(|number| Some(Box::pin(own_reply(bench, number)))).collect();
    std::future::poll_fn(|cx| {
        for slot in &mut running {
            if let Some(Poll::Ready(result)) = slot.as_mut().map(|one| one.as_mut().poll(cx)) {
                *slot = None;
                if result.is_err() {
                    return Poll::Ready(result);
                }
            }
        }
        if running.iter().all(Option::is_none) { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

async fn own_reply(bench: &Bench<'_>, number: usize) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.take(&key, &value, LEASE).await?;
    if number.is_multiple_of(2) {
        send_and_forget(bench, &inspect(&bench.key())).await;
    }
    bench.expect_held("one of many keys", (&key, &value), LEASE).await
}

async fn a_deadline_in_the_past_ends_at_once(bench: &Bench<'_>) -> Result<(), Stop> {
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now);
    let (key, value) = (bench.key(), bench.value());
    if let Err(error) = bench.attempt(&acquire(&key, &value)?, past).await? {
        same("a deadline in the past", &error.kind(), &FaultKind::Timeout)?;
    }
    bench.run(release(&key, &value)).await?;
    bench.expect_free("the key afterwards", &key).await
}

/// hazard: 7
async fn a_silent_node_costs_no_more_than_the_deadline(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    let command = acquire(&key, &value)?;
    bench.stall(true).await?;
    let result = bench.attempt(&command, Instant::now() + Duration::from_millis(200)).await;
    bench.stall(false).await?;
    let Err(error) = result? else { return Err(Stop::Fail("a silent node answered".to_owned())) };
    same("the error", &error.kind(), &FaultKind::Timeout)?;
    ensure(error.sent() != Sent::Replied, || "a silent node is said to have replied".to_owned())?;
    bench.run(release(&key, &value)).await?;
    bench.expect_free("the key, released behind the lost acquire", &key).await
}

fn acquire(key: &Key, value: &LockValue) -> Result<Command, Stop> {
    Ok(LockCommand::Acquire(Acquire::new(Keys::of(key.clone()), value.clone(), ttl(LEASE)?)).into())
}

fn release(key: &Key, value: &LockValue) -> Command {
    LockCommand::Release(Release::new(Keys::of(key.clone()), value.clone())).into()
}

fn inspect(key: &Key) -> Command {
    LockCommand::Inspect(Inspect::new(Keys::of(key.clone()))).into()
}

fn succeeds(what: &str, result: Result<Reply, BackendError>) -> Result<(), Stop> {
    result.map(|_| ()).map_err(|error| Stop::Fail(format!("{what}: {error}")))
}

async fn send_and_forget(bench: &Bench<'_>, command: &Command) {
    let _ = poll_once(bench.backend.execute(command, bench.soon()).as_mut()).await;
}

async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// The output of a future that was polled before.
async fn rest<F: Future>(output: Option<F::Output>, future: Pin<&mut F>) -> F::Output {
    match output {
        Some(output) => output,
        None => future.await,
    }
}
