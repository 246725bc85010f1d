//! How a client comes to a lock.

use std::time::Duration;

use redlock_core::{Acquisition, FencedGuard, FencingToken, LockGuard, LockTicket};

use super::{Driver, Held};
use crate::sim::check::progress::Call;
use crate::sim::rare::Rare;

#[derive(Clone, Copy, Debug, Default)]
enum Way {
    #[default]
    Try,
    Retries(u32),
    Deadline,
}

fn taken(guard: FencedGuard) -> (LockGuard, Option<FencingToken>) {
    let token = guard.fencing_token();
    (guard.into(), Some(token))
}

impl Driver {
    pub(super) async fn acquire(&mut self) -> Option<Held> {
        let resources = self.some_resources();
        let (call, acquisition) = self.acquisition(resources.clone());
        self.note(|| format!("wants {} by {call:?}", resources.join("+")));
        let sent = self.sent();
        let outcome = if self.is_fenced() {
            let fenced = async { acquisition.fenced().await.map(taken) };
            self.call(call, fenced).await
        } else {
            let plain = async { acquisition.await.map(|guard| (guard, None)) };
            self.call(call, plain).await
        };
        match outcome {
            Some(Ok((guard, token))) => Some(self.won(guard, token)),
            Some(Err(error)) => {
                self.note(|| format!("has not got {}: {error}", resources.join("+")));
                None
            }
            None => {
                if self.sent() > sent {
                    self.world.journal.count(Rare::CancelledMidAttempt);
                }
                None
            }
        }
    }

    pub(super) async fn adopt(&mut self, ticket: LockTicket) -> Option<Held> {
        self.note(|| format!("adopts {}", ticket.resources().join("+")));
        let redlock = self.redlock.clone();
        let adoption = async {
            if ticket.fencing_token().is_some() {
                redlock.adopt_fenced(&ticket).await.map(taken)
            } else {
                redlock.adopt(&ticket).await.map(|guard| (guard, None))
            }
        };
        let (guard, token) = self.call(Call::Adopt, adoption).await?.ok()?;
        self.world.journal.count(Rare::Adoption);
        Some(self.won(guard, token))
    }

    fn acquisition(&mut self, resources: Vec<String>) -> (Call, Acquisition) {
        let way = self.rng.weighted(&[
            (3, Way::Try),
            (1, Way::Retries(1)),
            (3, Way::Retries(3)),
            (2, Way::Deadline),
        ]);
        let limit = self.up_to_share(1).max(Duration::from_millis(1));
        let redlock = &self.redlock;
        let (call, acquisition) = match way {
            Way::Try => (Call::TryAcquire, redlock.try_acquire(resources)),
            Way::Retries(retries) => (Call::Acquire { retries }, redlock.acquire(resources).retries(retries)),
            Way::Deadline => (Call::Deadline(limit), redlock.acquire(resources).deadline(limit)),
        };
        if !self.rng.chance(self.mix.auto_extend) {
            return (call, acquisition);
        }
        (call, acquisition.auto_extend().max_hold(Some(self.world.times.max_hold)))
    }

    /// One or several, in any order.
    fn some_resources(&mut self) -> Vec<String> {
        let mut all = self.world.resources.clone();
        let first = self.rng.index(all.len());
        all.rotate_left(first);
        if self.rng.chance(500) {
            all.reverse();
        }
        let count = if self.rng.chance(self.mix.several) { self.rng.within(2, 3) } else { 1 };
        all.truncate(usize::try_from(count).unwrap_or(1));
        all
    }

    fn is_fenced(&self) -> bool {
        self.world.clients.get(self.client).is_some_and(|client| client.fenced)
    }

    /// How many commands this client has sent or is sending.
    fn sent(&self) -> u64 {
        self.world
            .clients
            .get(self.client)
            .map_or(0, |client| client.links.iter().map(crate::FaultyLink::sent).sum())
    }
}
