//! The lock family over a [`Store`]: one arm for each command, each one atomic step.

use redlock_core::mutants::{self, Mutant};
use redlock_core::{
    Acquire, BackendError, Blocker, Extend, Grant, Key, KeyState, Keys, LockCommand, LockReply, LockValue,
    Ownership, RePlant, Refusal, Release, Released,
};

use crate::fence::Latest;
use crate::store::{Content, Millis, Store};

impl Store {
    /// Runs one step. `latest` is asked for only where a fencing token is.
    pub(crate) fn lock(
        &mut self,
        command: &LockCommand,
        now: Millis,
        latest: Latest,
    ) -> Result<LockReply, BackendError> {
        Ok(match command {
            LockCommand::Acquire(acquire) => self.acquire(acquire, now, latest)?,
            LockCommand::Extend(extend) => LockReply::Extended(self.extend(extend, now)),
            LockCommand::RePlant(replant) => LockReply::RePlanted(self.replant(replant, now)),
            LockCommand::Lift(lift) => LockReply::Lifted(self.lift(lift, now)?),
            LockCommand::Release(release) => LockReply::Released(self.release(release, now)),
            LockCommand::Inspect(inspect) => LockReply::Inspected(self.states(&inspect.keys, now)),
            LockCommand::Evict(evict) => LockReply::Evicted(self.evict(&evict.keys, now)),
            _ => return Err(BackendError::unsupported(command.name())),
        })
    }

    fn acquire(&mut self, acquire: &Acquire, now: Millis, latest: Latest) -> Result<LockReply, BackendError> {
        if let Some(key) = acquire.keys.iter().find(|key| self.blocks(key, acquire, now)) {
            return Ok(LockReply::Refused(self.refusal(key, acquire, now)));
        }
        let token = acquire.fence.map(|fence| self.token(acquire, &fence, now, latest)).transpose()?;
        for key in &acquire.keys {
            if self.holds(key, &acquire.value, now) {
                self.prolong(key, acquire.ttl, now);
            } else {
                self.set(key, Content::Text(acquire.value.clone()), Some(acquire.ttl), now);
            }
        }
        let Some((token, fence)) = token.zip(acquire.fence) else {
            return Ok(LockReply::Granted(Grant::new()));
        };
        self.raise(&acquire.keys, token, fence.retention, now);
        Ok(LockReply::Granted(Grant::fenced(token)))
    }

    /// The native form cannot tell its own ghost from another's key: a node in memory that knew better would hide a command that is
    /// sent twice.
    fn blocks(&self, key: &Key, acquire: &Acquire, now: Millis) -> bool {
        let mut own = acquire.replaces.iter().chain([&acquire.value]);
        let passes = acquire.native().is_none() && own.any(|value| self.holds(key, value, now));
        !passes && !self.is_free(key, now)
    }

    fn refusal(&self, key: &Key, acquire: &Acquire, now: Millis) -> Refusal {
        if acquire.native().is_some() {
            return Refusal::new();
        }
        Refusal::by(Blocker { key: key.clone(), state: self.state(key, now) })
    }

    fn extend(&mut self, extend: &Extend, now: Millis) -> Ownership {
        let ownership = self.ownership(&extend.keys, &extend.value, now);
        if ownership == Ownership::Mine {
            for key in &extend.keys {
                if mutants::active(Mutant::ExtensionShortens) {
                    self.set(key, Content::Text(extend.value.clone()), Some(extend.ttl), now);
                }
                self.prolong(key, extend.ttl, now);
            }
            if let Some(fence) = extend.fence {
                self.raise(&extend.keys, fence.token, fence.retention, now);
            }
        }
        ownership
    }

    pub(crate) fn ownership(&self, keys: &Keys, value: &LockValue, now: Millis) -> Ownership {
        let (mine, rest): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| self.holds(key, value, now));
        if mine.len() == keys.len() {
            Ownership::Mine
        } else if rest.iter().all(|key| self.is_free(key, now)) {
            Ownership::Absent
        } else {
            Ownership::Other
        }
    }

    fn replant(&mut self, replant: &RePlant, now: Millis) -> bool {
        let possible = self.ownership(&replant.keys, &replant.value, now) != Ownership::Other;
        if possible {
            for key in &replant.keys {
                if self.is_free(key, now) {
                    self.set(key, Content::Text(replant.value.clone()), Some(replant.ttl), now);
                }
            }
            if let Some(fence) = replant.fence {
                self.raise(&replant.keys, fence.token, fence.retention, now);
            }
        }
        possible
    }

    fn release(&mut self, release: &Release, now: Millis) -> Released {
        let mut released = Released::default();
        for key in &release.keys {
            if release.values.iter().any(|value| self.holds(key, value, now)) {
                self.delete(key, now);
                released.removed += 1;
            } else if !self.is_free(key, now) {
                released.taken += 1;
            }
        }
        released
    }

    fn states(&self, keys: &Keys, now: Millis) -> Vec<KeyState> {
        keys.iter().map(|key| self.state(key, now)).collect()
    }

    fn evict(&mut self, keys: &Keys, now: Millis) -> u64 {
        keys.iter().map(|key| u64::from(self.delete(key, now))).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redlock_core::{Moment, Ttl};

    use super::*;

    fn at(millis: u64) -> Millis {
        Moment::from_nanos(millis * 1_000_000).into()
    }

    fn ttl(millis: u64) -> Ttl {
        Ttl::from_duration(Duration::from_millis(millis)).expect("in range")
    }

    fn keys(names: &str) -> Keys {
        Keys::from_vec(names.split(' ').map(Key::new).collect()).expect("not empty")
    }

    fn value(text: &str) -> LockValue {
        LockValue::from_bytes(text.as_bytes())
    }

    /// What an acquire without a fencing token is answered.
    fn taken(store: &mut Store, acquire: &Acquire, at: Millis) -> LockReply {
        store.acquire(acquire, at, Latest(Duration::ZERO)).expect("an answer")
    }

    fn holding(pairs: &[(&str, &str)]) -> Store {
        let mut store = Store::default();
        for (key, text) in pairs {
            store.set(&Key::new(*key), Content::Text(value(text)), Some(ttl(100)), at(0));
        }
        store
    }

    fn held(text: &str, remaining: u64) -> KeyState {
        KeyState::Held { value: value(text), remaining: Some(Duration::from_millis(remaining)) }
    }

    #[test]
    fn a_refusal_names_the_first_blocker_where_a_script_would() {
        let mut store = holding(&[("b", "other"), ("c", "third")]);
        let plain = Acquire::new(keys("b"), value("mine"), ttl(50));
        assert_eq!(taken(&mut store, &plain, at(0)), LockReply::Refused(Refusal::new()));
        let blocker = Blocker { key: Key::new("b"), state: held("other", 90) };
        for acquire in
            [plain.replacing(vec![value("older")]), Acquire::new(keys("a b c"), value("mine"), ttl(50))]
        {
            assert_eq!(taken(&mut store, &acquire, at(10)), LockReply::Refused(Refusal::by(blocker.clone())));
        }
        assert!(store.is_free(&Key::new("a"), at(10)), "all or none");
    }

    /// As on Redis: a script compares, `SET NX` does not.
    #[test]
    fn an_acquire_that_meets_its_own_value_is_granted_by_a_script_and_refused_by_set_nx() {
        let mut store = holding(&[("a", "mine")]);
        let native = Acquire::new(keys("a"), value("mine"), ttl(10));
        assert_eq!(taken(&mut store, &native, at(0)), LockReply::Refused(Refusal::new()));
        let script = native.replacing(vec![value("older")]);
        assert_eq!(taken(&mut store, &script, at(0)), LockReply::Granted(Grant::new()));
        assert_eq!(store.state(&Key::new("a"), at(0)), held("mine", 100), "it may have been extended since");
    }

    #[test]
    fn what_is_replaced_gets_the_new_value_and_the_new_ttl() {
        let mut store = holding(&[("a", "old")]);
        let acquire =
            Acquire::new(keys("a b"), value("new"), ttl(50)).replacing(vec![value("older"), value("old")]);
        assert_eq!(taken(&mut store, &acquire, at(0)), LockReply::Granted(Grant::new()));
        assert_eq!(store.states(&keys("a b"), at(0)), [held("new", 50), held("new", 50)]);
    }

    /// hazard: 11
    #[test]
    fn an_extension_tells_whose_the_keys_are_and_changes_none_unless_all_are_its_own() {
        let mut store = holding(&[("a", "mine"), ("b", "other")]);
        let mut extend =
            |names: &str| store.extend(&Extend::new(keys(names), value("mine"), ttl(500)), at(0));
        assert_eq!(extend("a c"), Ownership::Absent);
        assert_eq!(extend("a b c"), Ownership::Other);
        assert_eq!(extend("a"), Ownership::Mine);
        assert_eq!(
            store.states(&keys("a b c"), at(0)),
            [held("mine", 500), held("other", 100), KeyState::Free]
        );
    }

    #[test]
    fn a_replant_fills_what_is_absent_and_touches_nothing_else() {
        let mut store = holding(&[("a", "mine"), ("b", "other")]);
        assert!(!store.replant(&RePlant::new(keys("a b c"), value("mine"), ttl(50)), at(0)));
        assert!(store.is_free(&Key::new("c"), at(0)));
        assert!(store.replant(&RePlant::new(keys("a c"), value("mine"), ttl(50)), at(0)));
        assert_eq!(store.states(&keys("a c"), at(0)), [held("mine", 100), held("mine", 50)]);
    }

    /// hazard: 5
    #[test]
    fn a_release_compares_key_by_key() {
        let mut store = holding(&[("a", "mine"), ("b", "other"), ("c", "older")]);
        store.set(&Key::new("d"), Content::Foreign("hash".to_owned()), None, at(0));
        let mut release = Release::new(keys("a b c d e"), value("mine"));
        release.values.push(value("older"));
        assert_eq!(store.release(&release, at(0)), Released::new(2, 2));
        assert_eq!(store.evict(&keys("a b c d e"), at(0)), 2);
    }
}
