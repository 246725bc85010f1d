//! The end of a schedule: everything heals, what is on its way arrives, all leases run out, and whoever wants a lock
//! gets it.

use std::sync::Arc;
use std::time::Duration;

use redlock_core::{Key, KeyState};
use tokio::time::sleep;

use super::check::Checker;
use super::journal::name;
use super::schedule::millis;
use super::world::World;

/// Room for the rounding of timers.
const MARGIN: Duration = Duration::from_millis(50);

/// Ends all faults; what is held back or delayed still arrives.
pub(super) fn heal(world: &World) {
    world.journal.note("all", || "everything heals".to_owned());
    for link in world.living().flat_map(|(_, client)| &client.links) {
        link.clear();
        link.restore();
    }
}

/// Waits until every key must be gone, and says which is not.
pub(super) async fn run_out(world: &World) {
    let times = world.times;
    // The longest extension asks for twice the ttl; a command may land late; a leaked guard goes on for a while.
    let longest = times.max_ttl().saturating_add(times.slowest).saturating_add(times.max_hold);
    let longest = longest.saturating_add(times.node_timeout);
    // By the slowest clock that a schedule has. A node that forgot counts after a hold-off, under a new name. A quarter of one
    // later every client knows it, and then the set of nodes that it had announced under the old name runs out in another.
    let hold_off = if world.deployment.forgets() { world.deployment.hold_off } else { Duration::ZERO };
    let again = hold_off.saturating_mul(5) / 2;
    sleep(longest.saturating_add(longest / 2).max(again).saturating_add(MARGIN)).await;
    for node in &world.nodes {
        let memory = &node.memory;
        let stands = |resource: &&String| memory.peek(&Key::new(resource.as_str())) != KeyState::Free;
        for resource in world.resources.iter().filter(stands) {
            world.journal.violation(Checker::Leftovers, format!("{memory:?} still has {resource}"));
        }
    }
}

/// Two clients want every resource at once, as soon as nobody holds any. One must get it, and soon.
pub(super) async fn contend(world: &Arc<World>) {
    let contests = world.resources.iter().map(|resource| {
        let contenders = world.living().map(|(number, _)| number).take(2);
        let tasks =
            contenders.map(|number| tokio::spawn(contender(Arc::clone(world), number, resource.clone())));
        (resource, tasks.collect::<Vec<_>>())
    });
    let contests: Vec<_> = contests.collect();
    for (resource, tasks) in contests {
        let mut winners = 0_usize;
        for task in tasks {
            winners = winners.saturating_add(usize::from(task.await.unwrap_or(false)));
        }
        if winners == 0 {
            let what = format!("nobody gets {resource}, though nothing is in the way");
            world.journal.violation(Checker::Progress, what);
        }
    }
}

async fn contender(world: Arc<World>, number: usize, resource: String) -> bool {
    let Some(client) = world.clients.get(number) else { return false };
    // Of a promoted replica each client asks that it has seen it for a hold-off itself.
    let hold_off = if world.deployment.forgets() { world.deployment.hold_off } else { Duration::ZERO };
    let acquisition = client.redlock.acquire(resource).deadline(millis(2_000).saturating_add(hold_off));
    let policy = redlock_core::RetryPolicy { retries: None, delay: millis(10), jitter: millis(10) };
    match acquisition.retry(policy).await {
        Ok(guard) => {
            world.journal.note(&name(number), || format!("gets {} at last", guard.resources().join("+")));
            guard.release().await;
            true
        }
        Err(error) => {
            world.journal.note(&name(number), || format!("has not got it at last: {error}"));
            false
        }
    }
}
