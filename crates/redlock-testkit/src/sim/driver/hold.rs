//! What a client does with a lock, and how it lets go.

use std::time::Duration;

use redlock_core::LockSignal;
use tokio::time::sleep;

use super::{Driver, Held};
use crate::sim::check::progress::Call;
use crate::sim::journal::Fate;
use crate::sim::rare::Rare;
use crate::sim::schedule::{millis, up_to};

impl Driver {
    pub(super) async fn hold(&mut self, held: Held) {
        if self.rng.chance(self.mix.brief) {
            return self.let_go(held).await;
        }
        for _ in 0..self.rng.within(0, 3) {
            self.pause(&held).await;
            self.sample(&held);
            self.write(&held);
            self.extend(&held).await;
            if !self.sample(&held) {
                break;
            }
        }
        self.pause(&held).await;
        self.write(&held);
        self.let_go(held).await;
    }

    async fn pause(&mut self, held: &Held) {
        let remaining = held.guard.remaining();
        let pause = if self.rng.chance(self.mix.at_the_edge) {
            // So that what follows races the end.
            remaining.saturating_sub(up_to(&mut self.rng, self.world.times.node_timeout))
        } else if self.rng.chance(self.mix.outlive) {
            remaining.saturating_add(self.up_to_share(2))
        } else {
            self.up_to_share(4)
        };
        sleep(pause).await;
    }

    async fn extend(&mut self, held: &Held) {
        if self.rng.chance(self.mix.extend) {
            self.extend_once(held, self.world.times.ttl).await;
        }
        if self.rng.chance(self.mix.extend_to) {
            // Mostly shorter than what remains: it must not shorten.
            let longest = self.world.times.ttl.saturating_mul(2);
            let ttl = up_to(&mut self.rng, longest).max(millis(8));
            self.extend_once(held, ttl).await;
        }
        if self.rng.chance(self.mix.extend / 4) {
            self.extend_twice(held).await;
        }
        if self.rng.chance(self.mix.auto_extend / 4) {
            held.guard.auto_extend(Some(self.world.times.max_hold));
        }
    }

    async fn extend_once(&mut self, held: &Held, ttl: Duration) {
        let valid = self.sample(held);
        self.note(|| format!("extends lease {} to {ttl:?}", held.lease));
        let outcome = self.call(Call::Extend { at_once: 1 }, held.guard.extend_to(ttl)).await;
        let still = self.sample(held);
        if valid && !still && outcome.is_some_and(|outcome| outcome.is_err()) {
            self.world.journal.count(Rare::LostDuringExtension);
        }
    }

    async fn extend_twice(&mut self, held: &Held) {
        let both = async { tokio::join!(held.guard.extend(), held.guard.extend()) };
        self.call(Call::Extend { at_once: 2 }, both).await;
        self.sample(held);
    }

    async fn let_go(&mut self, held: Held) {
        if self.rng.chance(self.mix.leak) {
            self.note(|| format!("leaks lease {}", held.lease));
            self.world.journal.count(Rare::Leak);
            return self.world.leak(held.guard);
        }
        if self.rng.chance(self.mix.detach) {
            return self.detach(held).await;
        }
        if self.rng.chance(self.mix.using) {
            return self.using(held).await;
        }
        self.give_up(&held, Fate::GivenUp);
        if self.rng.chance(self.mix.drop) {
            self.note(|| format!("drops lease {}", held.lease));
            return drop(held);
        }
        self.note(|| format!("releases lease {}", held.lease));
        match self.call(Call::Release, held.guard.release()).await {
            Some(outcome) => self.note(|| format!("release of lease {}: {:?}", held.lease, outcome.verdict)),
            // It must go on, though the guard lives: dropping that would release once more.
            None => self.world.leak(held.guard),
        }
    }

    async fn detach(&mut self, held: Held) {
        self.give_up(&held, Fate::Detached);
        let Held { guard, lease, .. } = held;
        match self.call(Call::Detach, guard.detach()).await {
            Some(Ok(ticket)) => {
                self.note(|| format!("detached lease {lease}"));
                self.world.hand_over(ticket);
            }
            // The guard is gone, and its release under way.
            Some(Err(_)) | None => self.world.journal.given_up(lease, Fate::GivenUp),
        }
    }

    async fn using(&mut self, held: Held) {
        let Held { guard, lease, .. } = held;
        let signal = guard.signal();
        let length = self.up_to_share(1).saturating_mul(2);
        self.note(|| format!("uses lease {lease} for {length:?}"));
        let journal = self.world.journal.clone();
        let routine = move |signal: LockSignal| async move {
            sleep(length).await;
            journal.sample(lease, &signal);
            journal.given_up(lease, Fate::GivenUp);
        };
        if self.call(Call::Using(length), guard.using_signal(routine)).await.is_none() {
            self.world.journal.sample(lease, &signal);
            self.world.journal.given_up(lease, Fate::GivenUp);
        }
    }
}
