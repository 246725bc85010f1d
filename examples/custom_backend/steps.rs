//! The lock family over four operations on one key.

use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use redlock_toolkit::{
    Acquire, Blocker, Extend, Grant, Key, KeyState, Keys, LockCommand, LockReply, LockValue, Ownership,
    RePlant, Refusal, Release, Released, Ttl,
};

/// What a store does with one key, while nobody else is in it.
pub trait Records {
    /// What stands in the key; an expired key is free.
    fn state(&self, key: &Key, now: SystemTime) -> io::Result<KeyState>;
    /// Writes the key, whatever it held before.
    fn put(&self, key: &Key, value: &LockValue, expiry: SystemTime) -> io::Result<()>;
    /// Sets the expiry of a key that is there.
    fn prolong(&self, key: &Key, expiry: SystemTime) -> io::Result<()>;
    /// Removes a key that is there, of whatever kind.
    fn remove(&self, key: &Key) -> io::Result<()>;
}

/// Runs one command; `None` for one that this store does not know.
pub fn step(records: &impl Records, command: &LockCommand) -> io::Result<Option<LockReply>> {
    // Fencing tokens are not claimed, so nobody asks for them; and an option is never ignored.
    if command.is_fenced() {
        return Ok(None);
    }
    let step = Step { records, now: now()? };
    Ok(Some(match command {
        LockCommand::Acquire(acquire) => step.acquire(acquire)?,
        LockCommand::Extend(extend) => LockReply::Extended(step.extend(extend)?),
        LockCommand::RePlant(plant) => LockReply::RePlanted(step.replant(plant)?),
        LockCommand::Release(release) => LockReply::Released(step.release(release)?),
        LockCommand::Inspect(inspect) => LockReply::Inspected(step.states(&inspect.keys)?),
        LockCommand::Evict(evict) => LockReply::Evicted(step.evict(&evict.keys)?),
        _ => return Ok(None),
    }))
}

/// The wall clock of this host, in whole milliseconds.
fn now() -> io::Result<SystemTime> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    after(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()), since.subsec_millis().into())
}

fn after(time: SystemTime, millis: u64) -> io::Result<SystemTime> {
    let end = time.checked_add(Duration::from_millis(millis));
    end.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a time beyond the end of the clock"))
}

struct Step<'a, R> {
    records: &'a R,
    now: SystemTime,
}

impl<R: Records> Step<'_, R> {
    fn states(&self, keys: &Keys) -> io::Result<Vec<KeyState>> {
        keys.iter().map(|key| self.records.state(key, self.now)).collect()
    }

    /// Looks at every key before it writes any.
    fn acquire(&self, acquire: &Acquire) -> io::Result<LockReply> {
        // The native form is `SET NX` of Redis: it does not know its own value, nor who is in the way.
        let native = acquire.native().is_some();
        let passes = |state: &KeyState| match state {
            KeyState::Free => true,
            KeyState::Held { value, .. } => {
                !native && (*value == acquire.value || acquire.replaces.contains(value))
            }
            _ => false,
        };
        let states = self.states(&acquire.keys)?;
        if let Some((key, state)) = acquire.keys.iter().zip(&states).find(|(_, state)| !passes(state)) {
            let blocker = Blocker { key: key.clone(), state: state.clone() };
            return Ok(LockReply::Refused(if native { Refusal::new() } else { Refusal::by(blocker) }));
        }
        for (key, state) in acquire.keys.iter().zip(&states) {
            match state {
                KeyState::Held { value, .. } if *value == acquire.value => {
                    self.prolong(key, state, acquire.ttl)?;
                }
                _ => self.records.put(key, &acquire.value, self.end(acquire.ttl)?)?,
            }
        }
        Ok(LockReply::Granted(Grant::new()))
    }

    fn extend(&self, extend: &Extend) -> io::Result<Ownership> {
        let states = self.states(&extend.keys)?;
        let ownership = ownership(&states, &extend.value);
        if ownership == Ownership::Mine {
            for (key, state) in extend.keys.iter().zip(&states) {
                self.prolong(key, state, extend.ttl)?;
            }
        }
        Ok(ownership)
    }

    fn replant(&self, plant: &RePlant) -> io::Result<bool> {
        let states = self.states(&plant.keys)?;
        let possible = ownership(&states, &plant.value) != Ownership::Other;
        if possible {
            for (key, _) in plant.keys.iter().zip(&states).filter(|(_, state)| **state == KeyState::Free) {
                self.records.put(key, &plant.value, self.end(plant.ttl)?)?;
            }
        }
        Ok(possible)
    }

    fn release(&self, release: &Release) -> io::Result<Released> {
        let mut released = Released::default();
        for (key, state) in release.keys.iter().zip(self.states(&release.keys)?) {
            match state {
                KeyState::Free => {}
                KeyState::Held { value, .. } if release.values.contains(&value) => {
                    self.records.remove(key)?;
                    released.removed += 1;
                }
                _ => released.taken += 1,
            }
        }
        Ok(released)
    }

    fn evict(&self, keys: &Keys) -> io::Result<u64> {
        let mut evicted = 0;
        for (key, state) in keys.iter().zip(self.states(keys)?) {
            if state != KeyState::Free {
                self.records.remove(key)?;
                evicted += 1;
            }
        }
        Ok(evicted)
    }

    /// Never shortens; a key without an expiry stays without.
    fn prolong(&self, key: &Key, state: &KeyState, ttl: Ttl) -> io::Result<()> {
        match state {
            KeyState::Held { remaining: Some(remaining), .. } if *remaining < ttl.as_duration() => {
                self.records.prolong(key, self.end(ttl)?)
            }
            _ => Ok(()),
        }
    }

    fn end(&self, ttl: Ttl) -> io::Result<SystemTime> {
        after(self.now, ttl.as_millis())
    }
}

fn ownership(states: &[KeyState], mine: &LockValue) -> Ownership {
    let is_mine = |state: &KeyState| matches!(state, KeyState::Held { value, .. } if value == mine);
    if states.iter().all(is_mine) {
        Ownership::Mine
    } else if states.iter().all(|state| is_mine(state) || *state == KeyState::Free) {
        Ownership::Absent
    } else {
        Ownership::Other
    }
}
