//! The contract where a network and a server are in between: what is lost, what is late, and what hangs.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use redlock_core::{Acquire, BackendError, Command, Inspect, Key, Keys, LockCommand, LockValue, Sent};
use tokio::time::{Instant, sleep};

use super::bench::{Bench, LEASE, Stop, checks, ensure, same, ttl};
use super::network::NetworkHarness;
use crate::proxy::{Direction, Door, Traffic};

checks!("network":
    a_lost_reply_is_no_reason_to_send_again,
    silence_is_no_reason_to_send_again,
    what_is_said_to_be_unsent_is_never_executed,
    a_command_dropped_while_its_reply_travels_gives_it_to_nobody,
    a_half_closed_connection_costs_no_more_than_the_deadline,
    a_black_hole_costs_no_more_than_the_deadline,
    a_refusing_node_costs_no_more_than_the_deadline,
    a_dead_node_costs_no_more_than_the_deadline,
    a_stopped_node_costs_no_more_than_the_deadline,
);

/// A command's time while nothing can answer it.
const BRIEF: Duration = Duration::from_millis(100);

/// A command's time while it can be answered, and the time in which a backend must be in use again: on a busy machine, and
/// where it must first find out that its connection is of no use.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// How often a fault is met: often enough that the backend gives its connection up.
const TRIES: usize = 5;

/// hazard: 62
async fn a_lost_reply_is_no_reason_to_send_again(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    executed_once(bench, network, || network.proxy().lose_replies(1)).await
}

/// hazard: 62
async fn silence_is_no_reason_to_send_again(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    executed_once(bench, network, || network.proxy().set(Direction::ToClient, Traffic::Dropped)).await
}

/// The effect of a command whose reply does not come is that of one command.
async fn executed_once(bench: &Bench<'_>, network: &NetworkHarness, fault: impl Fn()) -> Result<(), Stop> {
    for _ in 0..3 {
        warm_up(bench).await?;
        let before = writes(network)?;
        bench.take(&bench.key(), &bench.value(), LEASE).await?;
        let between = writes(network)?;
        let (key, value) = (bench.key(), bench.value());
        let command = acquire(&key, &value)?;
        fault();
        let outcome = bench.attempt(&command, Instant::now() + 2 * BRIEF).await;
        let after = writes(network);
        network.proxy().heal().await;
        let Err(error) = outcome? else { return fail("a command whose reply was lost was answered") };
        same("whether it may have been executed", &error.sent(), &Sent::Maybe)?;
        let (once, this) = (between.saturating_sub(before), after?.saturating_sub(between));
        same("how often the node has executed it", &this, &once)?;
        warm_up(bench).await?;
        bench.expect_held("the key of the lost reply", (&key, &value), LEASE).await?;
    }
    Ok(())
}

/// hazard: 7
async fn what_is_said_to_be_unsent_is_never_executed(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    warm_up(bench).await?;
    let mut unsent = Vec::new();
    network.proxy().black_hole().await;
    let met = meet(bench, |key, error| {
        if error.sent() == Sent::No {
            unsent.push(key);
        }
        Ok(())
    })
    .await;
    network.proxy().heal().await;
    met?;
    warm_up(bench).await?;
    // Time for the server to do what has been delivered only now.
    sleep(BRIEF).await;
    for key in unsent {
        bench.expect_free("a key whose acquire was said not to have been sent", &key).await?;
    }
    Ok(())
}

/// hazard: 62
async fn a_command_dropped_while_its_reply_travels_gives_it_to_nobody(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    let ((dropped, asked), value) = (bench.pair(), bench.value());
    bench.take(&dropped, &bench.value(), LEASE).await?;
    bench.take(&asked, &value, LEASE).await?;
    network.proxy().set_both(Traffic::Delayed(Duration::from_millis(2)));
    let heard = dropping(bench, &dropped, (&asked, &value)).await;
    network.proxy().heal().await;
    heard
}

async fn dropping(bench: &Bench<'_>, dropped: &Key, (asked, value): (&Key, &LockValue)) -> Result<(), Stop> {
    for polls in 0..8 {
        for _ in 0..4 {
            let command = inspect(dropped);
            let mut left = polls;
            let mut execution = bench.backend.execute(&command, bench.soon());
            poll_fn(|cx| {
                if left == 0 || execution.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                left -= 1;
                Poll::Pending
            })
            .await;
            drop(execution);
            bench.expect_held("the key asked for after a dropped question", (asked, value), LEASE).await?;
        }
    }
    Ok(())
}

/// hazard: 50
async fn a_half_closed_connection_costs_no_more_than_the_deadline(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    warm_up(bench).await?;
    network.proxy().set(Direction::ToServer, Traffic::Ended);
    let met = meet(bench, |_, _| Ok(())).await;
    network.proxy().heal().await;
    met?;
    warm_up(bench).await
}

/// hazard: 50
async fn a_black_hole_costs_no_more_than_the_deadline(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    warm_up(bench).await?;
    network.proxy().black_hole().await;
    let met = meet(bench, |_, error| never_replied(error)).await;
    // The connections that fell into it are of no use to anybody.
    network.proxy().cut();
    network.proxy().heal().await;
    met?;
    warm_up(bench).await
}

/// hazard: 50
async fn a_refusing_node_costs_no_more_than_the_deadline(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    warm_up(bench).await?;
    network.proxy().set_door(Door::Refused).await;
    network.proxy().cut();
    let met = meet(bench, |_, error| never_replied(error)).await;
    network.proxy().heal().await;
    met?;
    warm_up(bench).await
}

/// hazard: 50
async fn a_dead_node_costs_no_more_than_the_deadline(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    warm_up(bench).await?;
    network.server().kill().map_err(stop)?;
    let met = meet(bench, |_, error| never_replied(error)).await;
    network.server().restart().map_err(stop)?;
    met?;
    warm_up(bench).await
}

/// hazard: 7, 50
async fn a_stopped_node_costs_no_more_than_the_deadline(bench: &Bench<'_>) -> Result<(), Stop> {
    let network = bench.network()?;
    warm_up(bench).await?;
    network.server().freeze().map_err(stop)?;
    let met = meet(bench, |_, error| never_replied(error)).await;
    network.server().thaw().map_err(stop)?;
    met?;
    warm_up(bench).await
}

/// Sends acquires that nobody can answer; each must end by its deadline, in an error.
async fn meet(
    bench: &Bench<'_>,
    mut judge: impl FnMut(Key, &BackendError) -> Result<(), Stop>,
) -> Result<(), Stop> {
    for _ in 0..TRIES {
        let key = bench.key();
        let command = acquire(&key, &bench.value())?;
        match bench.attempt(&command, Instant::now() + BRIEF).await? {
            Ok(_) => return fail("a node that cannot be reached answered"),
            Err(error) => judge(key, &error)?,
        }
    }
    Ok(())
}

fn never_replied(error: &BackendError) -> Result<(), Stop> {
    ensure(error.sent() != Sent::Replied, || {
        "a node that cannot be reached is said to have replied".to_owned()
    })
}

/// The backend is in use; after a fault it may take it some attempts.
async fn warm_up(bench: &Bench<'_>) -> Result<(), Stop> {
    let (limit, patience) = PATIENCE;
    let deadline = Instant::now() + patience;
    loop {
        let command = inspect(&bench.key());
        match bench.attempt(&command, Instant::now() + limit).await? {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(Stop::Fail(format!("not in use again after a fault that is over: {error}")));
            }
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

fn writes(network: &NetworkHarness) -> Result<u64, Stop> {
    network.writes().map_err(stop)
}

fn acquire(key: &Key, value: &LockValue) -> Result<Command, Stop> {
    Ok(LockCommand::Acquire(Acquire::new(Keys::of(key.clone()), value.clone(), ttl(LEASE)?)).into())
}

fn inspect(key: &Key) -> Command {
    LockCommand::Inspect(Inspect::new(Keys::of(key.clone()))).into()
}

fn fail<T>(what: &str) -> Result<T, Stop> {
    Err(Stop::Fail(what.to_owned()))
}

fn stop(error: impl std::fmt::Display) -> Stop {
    Stop::Fail(error.to_string())
}
