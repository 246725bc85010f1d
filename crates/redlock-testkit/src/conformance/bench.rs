//! What the checks stand on: fresh keys and values, commands with a deadline, comparisons that say what is wrong.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, AdminReply, Backend, BackendError, Command, Evict, Inspect, Key, KeyState, Keys,
    LockCommand, LockReply, LockValue, NodeId, Reply, Ttl,
};
use tokio::time::Instant;

use super::harness::{Harness, Plant};
use super::network::NetworkHarness;

/// How long after its deadline a command may answer: the time of a busy machine, not of a network.
const SLACK: Duration = Duration::from_millis(500);

/// How much less of a lease may remain than was set just before.
const TOLERANCE: Duration = Duration::from_secs(5);

/// A lease that does not run out while its check runs.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// A lease that is meant to run out, by [`Bench::outlive_short`].
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// One check of the suite.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a Bench<'a>) -> Running<'a>,
}

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'a>>;

/// A module's checks, named after it. One that is not listed is dead code, and the compiler says so.
macro_rules! checks {
    ($module:literal: $($name:ident),+ $(,)?) => {
        pub(crate) const CHECKS: &[crate::conformance::bench::Check] = &[$(crate::conformance::bench::Check {
            name: concat!($module, "::", stringify!($name)),
            run: |bench| Box::pin($name(bench)),
        }),+];
    };
}
pub(crate) use checks;

/// Why a check ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    Skip(String),
    Fail(String),
}

pub(crate) struct Bench<'h> {
    harness: &'h dyn Harness,
    pub(crate) backend: Arc<dyn Backend>,
    prefix: String,
    made: Mutex<Vec<Key>>,
    serial: AtomicU64,
}

impl<'h> Bench<'h> {
    pub(crate) fn new(harness: &'h dyn Harness, random: [u8; 8]) -> Self {
        // In braces, so that on a cluster all keys lie in one slot.
        let prefix = format!("redlock-conformance:{{{:016x}}}:", u64::from_be_bytes(random));
        Self {
            harness,
            backend: harness.backend(),
            prefix,
            made: Mutex::default(),
            serial: AtomicU64::new(0),
        }
    }

    /// A key of this run with that end; it is deleted when the run ends.
    pub(crate) fn named(&self, end: &str) -> Key {
        let key = Key::new(format!("{}{end}", self.prefix));
        self.clean_up_later([key.clone()]);
        key
    }

    /// Has these keys deleted when the run ends.
    pub(crate) fn clean_up_later(&self, keys: impl IntoIterator<Item = Key>) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
    }

    pub(crate) fn key(&self) -> Key {
        self.named(&self.serial.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Two fresh keys.
    pub(crate) fn pair(&self) -> (Key, Key) {
        (self.key(), self.key())
    }

    pub(crate) fn value(&self) -> LockValue {
        let serial = u128::from(self.serial.fetch_add(1, Ordering::Relaxed));
        LockValue::compose("", serial.to_be_bytes(), None)
    }

    /// One that no node has.
    pub(crate) fn node_id(&self) -> NodeId {
        let mut bits = [0; 16];
        let serial = self.serial.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (bit, byte) in bits.iter_mut().zip(self.prefix.bytes().rev().take(8).chain(serial)) {
            *bit = byte;
        }
        NodeId::from_random(bits)
    }

    /// Runs a command that must be answered.
    pub(crate) async fn run(&self, command: impl Into<Command>) -> Result<Reply, Stop> {
        let command = command.into();
        let result = self.attempt(&command, self.soon()).await?;
        result.map_err(|error| Stop::Fail(format!("{} gave an error: {error}", command.name())))
    }

    /// Runs a command that must end by the deadline, however.
    pub(crate) async fn attempt(
        &self,
        command: &Command,
        deadline: Instant,
    ) -> Result<Result<Reply, BackendError>, Stop> {
        let limit = deadline.max(Instant::now()) + SLACK;
        let result = tokio::time::timeout_at(limit, self.backend.execute(command, deadline)).await;
        result.map_err(|_| Stop::Fail(format!("{} ran past its deadline by {SLACK:?}", command.name())))
    }

    pub(crate) fn soon(&self) -> Instant {
        Instant::now() + self.harness.patience()
    }

    pub(crate) async fn lock(&self, command: LockCommand) -> Result<LockReply, Stop> {
        self.run(command).await?.into_lock().map_err(|error| Stop::Fail(error.to_string()))
    }

    pub(crate) async fn admin(&self, command: AdminCommand) -> Result<AdminReply, Stop> {
        self.run(command).await?.into_admin().map_err(|error| Stop::Fail(error.to_string()))
    }

    pub(crate) async fn acquire(&self, acquire: Acquire) -> Result<LockReply, Stop> {
        self.lock(LockCommand::Acquire(acquire)).await
    }

    /// Takes one key for that long; that it is granted is part of the check.
    pub(crate) async fn take(&self, key: &Key, value: &LockValue, lease: Duration) -> Result<(), Stop> {
        let reply = self.acquire(Acquire::new(Keys::of(key.clone()), value.clone(), ttl(lease)?)).await?;
        granted("a free key", &reply)
    }

    pub(crate) async fn states(&self, keys: &Keys) -> Result<Vec<KeyState>, Stop> {
        match self.lock(LockCommand::Inspect(Inspect::new(keys.clone()))).await? {
            LockReply::Inspected(states) if states.len() == keys.len() => Ok(states),
            other => Err(Stop::Fail(format!("inspecting {} keys gave {other:?}", keys.len()))),
        }
    }

    pub(crate) async fn state(&self, key: &Key) -> Result<KeyState, Stop> {
        let states = self.states(&Keys::of(key.clone())).await?;
        states.into_iter().next().ok_or_else(|| Stop::Fail("inspecting a key gave no state".to_owned()))
    }

    pub(crate) async fn expect_free(&self, what: &str, key: &Key) -> Result<(), Stop> {
        same(what, &self.state(key).await?, &KeyState::Free)
    }

    /// The key must hold the value, with about `lease` remaining.
    pub(crate) async fn expect_held(
        &self,
        what: &str,
        (key, value): (&Key, &LockValue),
        lease: Duration,
    ) -> Result<(), Stop> {
        held(what, &self.state(key).await?, value, lease)
    }

    pub(crate) async fn plant(&self, key: &Key, plant: Plant) -> Result<(), Stop> {
        let planted = self.harness.plant(key, plant).await;
        if planted { Ok(()) } else { Err(Stop::Skip("the harness cannot plant".to_owned())) }
    }

    pub(crate) async fn stall(&self, stalled: bool) -> Result<(), Stop> {
        let done = self.harness.stall(stalled).await;
        if done { Ok(()) } else { Err(Stop::Skip("the harness cannot stall the node".to_owned())) }
    }

    pub(crate) fn network(&self) -> Result<&'h NetworkHarness, Stop> {
        let network = self.harness.network();
        network.ok_or_else(|| Stop::Skip("the harness has no network".to_owned()))
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.harness.pass(time).await;
    }

    /// Lets a [`SHORT`] lease run out.
    pub(crate) async fn outlive_short(&self) {
        self.pass(SHORT + Duration::from_millis(100)).await;
    }

    /// Deletes every key of the run; what fails here has failed a check before.
    pub(crate) async fn clean_up(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for chunk in made.chunks(100) {
            if let Some(keys) = Keys::from_vec(chunk.to_vec()) {
                let _ = self.run(LockCommand::Evict(Evict::new(keys))).await;
            }
        }
    }
}

pub(crate) fn ttl(lease: Duration) -> Result<Ttl, Stop> {
    Ttl::from_duration(lease).ok_or_else(|| Stop::Fail(format!("{lease:?} is no ttl")))
}

pub(crate) fn both((first, second): &(Key, Key)) -> Keys {
    Keys::of(first.clone()).and(second.clone())
}

pub(crate) fn granted(what: &str, reply: &LockReply) -> Result<(), Stop> {
    ensure(matches!(reply, LockReply::Granted(_)), || format!("{what} was not granted: {reply:?}"))
}

pub(crate) fn same<T: PartialEq + fmt::Debug>(what: &str, actual: &T, expected: &T) -> Result<(), Stop> {
    ensure(actual == expected, || format!("{what}: {actual:?} in place of {expected:?}"))
}

pub(crate) fn held(what: &str, state: &KeyState, value: &LockValue, lease: Duration) -> Result<(), Stop> {
    let KeyState::Held { value: found, remaining } = state else {
        return Err(Stop::Fail(format!("{what}: {state:?} in place of a value")));
    };
    ensure(found == value, || format!("{what}: another value"))?;
    let minimum = lease.saturating_sub(TOLERANCE);
    let in_range = remaining.is_some_and(|remaining| minimum <= remaining && remaining <= lease);
    ensure(in_range, || format!("{what}: {remaining:?} remain, not {minimum:?} to {lease:?}"))
}

pub(crate) fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Fail(message())) }
}
