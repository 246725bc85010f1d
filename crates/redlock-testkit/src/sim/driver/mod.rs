//! One client: what it does is random, what it believes is written down.

mod acquire;
mod hold;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redlock_core::{FencingToken, LockGuard, LockSignal, LossReason, Redlock};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::cancel;
use super::check::progress::Call;
use super::journal::{Fate, name};
use super::rng::Rng;
use super::schedule::{ClientPlan, Mix, millis, up_to};
use super::world::World;

/// Runs one client to the end of its operations, or of its life.
pub(super) async fn run(world: Arc<World>, client: usize, plan: ClientPlan, mix: Mix) {
    let Some(redlock) = world.clients.get(client).map(|client| client.redlock.clone()) else { return };
    let driver =
        Driver { world: Arc::clone(&world), redlock, client, mix, left: plan.operations, rng: plan.rng };
    let Some(process) = world.clients.get(client).map(|client| Arc::clone(&client.process)) else { return };
    sleep(plan.starts_at).await;
    let mut life = std::pin::pin!(process.run(driver.work()));
    match plan.crashes_at {
        None => life.await,
        Some(after) => {
            if timeout_at(Instant::now() + after, life.as_mut()).await.is_err() {
                // First of all no more can be sent; only then its guards are dropped, to no effect.
                world.crash(client);
            }
        }
    }
}

struct Driver {
    world: Arc<World>,
    redlock: Redlock,
    client: usize,
    rng: Rng,
    mix: Mix,
    left: u32,
}

/// A guard and the number of its record.
struct Held {
    guard: LockGuard,
    lease: usize,
    token: Option<FencingToken>,
}

impl Driver {
    async fn work(mut self) {
        while self.left > 0 {
            let rests = self.world.deployment.forgets() && self.rng.chance(self.mix.rest);
            let pause = if rests {
                up_to(&mut self.rng, self.world.deployment.hold_off.saturating_mul(2))
            } else {
                self.up_to_share(8)
            };
            sleep(pause).await;
            let ticket = self.world.take_ticket();
            let held = match ticket {
                Some(ticket) => self.adopt(ticket).await,
                None => self.acquire().await,
            };
            if let Some(held) = held {
                self.hold(held).await;
            }
        }
    }

    /// Makes a call that may be cut off, by time or by polls: `None` where it was. Checks how long it took.
    async fn call<F: Future>(&mut self, call: Call, future: F) -> Option<F::Output> {
        self.left = self.left.saturating_sub(1);
        let began = self.world.journal.now();
        let (cancel, polls) = (self.rng.chance(self.mix.cancel), self.rng.within(1, 10));
        let output = if !cancel {
            Some(future.await)
        } else if self.rng.chance(500) {
            cancel::after_polls(future, polls).await
        } else {
            let limit = up_to(&mut self.rng, self.world.times.node_timeout);
            timeout(limit, future).await.ok()
        };
        if output.is_none() {
            self.world.journal.fault();
            self.note(|| format!("cancelled {call:?}"));
        }
        self.world.ended(self.client, call, began);
        output
    }

    /// Writes a won lock down, has it watched, and shows its token to the store.
    fn won(&self, guard: LockGuard, token: Option<FencingToken>) -> Held {
        let lease = self.world.journal.won(self.client, &guard, token);
        let watch = watch(Arc::clone(&self.world), lease, guard.signal());
        if let Some(process) = self.world.clients.get(self.client).map(|client| Arc::clone(&client.process)) {
            tokio::spawn(async move { process.run(watch).await });
        }
        let held = Held { guard, lease, token };
        self.write(&held);
        held
    }

    /// Writes to the store, as a holder does that looked last before it was stopped: whatever its guard says now.
    fn write(&self, held: &Held) {
        let Some(token) = held.token else { return };
        let believes = self.sample(held);
        for resource in held.guard.resources() {
            self.world.write(self.client, resource, (held.lease, token), believes);
        }
    }

    fn sample(&self, held: &Held) -> bool {
        self.world.journal.sample(held.lease, &held.guard.signal())
    }

    fn give_up(&self, held: &Held, fate: Fate) {
        // What the guard says now is believed up to here.
        self.sample(held);
        self.world.journal.given_up(held.lease, fate);
    }

    /// Up to one part in so many of the ttl.
    fn up_to_share(&mut self, parts: u32) -> Duration {
        up_to(&mut self.rng, self.world.times.ttl / parts)
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.world.journal.note(&name(self.client), what);
    }
}

/// Waits for the loss, and looks again for as long as a late extension might bring the lease back.
async fn watch(world: Arc<World>, lease: usize, signal: LockSignal) {
    let reason = signal.lost().await;
    world.journal.heard(lease, &signal, reason);
    if matches!(reason, LossReason::Released | LossReason::Detached) {
        return;
    }
    let step = world.times.node_timeout / 2;
    for _ in 0..3 {
        sleep(step.saturating_add(millis(1))).await;
        world.journal.sample(lease, &signal);
    }
}
