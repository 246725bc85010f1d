//! Fencing counters over a [`Store`]: the number beside each key, as a string under [`Key::fence`].

use std::time::Duration;

use redlock_core::mutants::{self, Mutant};
use redlock_core::{
    Acquire, BackendError, FaultKind, FenceProposal, FencingToken, Key, KeyState, Keys, Lift, LockValue,
    Ownership, Sent, Ttl,
};

use crate::store::{Content, Millis, Store};

/// The node's wall clock, since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latest(pub(crate) Duration);

impl Latest {
    fn cut(self, fence: &FenceProposal) -> u64 {
        let latest = self.0.saturating_add(fence.max_ahead).as_micros();
        u64::try_from(latest).unwrap_or(u64::MAX).min(fence.candidate.get())
    }
}

impl Store {
    /// The token of a grant that is about to be made.
    pub(crate) fn token(
        &self,
        acquire: &Acquire,
        fence: &FenceProposal,
        now: Millis,
        latest: Latest,
    ) -> Result<FencingToken, BackendError> {
        let highest = self.highest(&acquire.keys, now)?;
        let again = self.ownership(&acquire.keys, &acquire.value, now) == Ownership::Mine;
        let number =
            if again && highest > 0 { highest } else { latest.cut(fence).max(highest.saturating_add(1)) };
        FencingToken::new(number).ok_or_else(|| {
            let message = "no token below 2^53 is left";
            BackendError::new(FaultKind::FencingExhausted, Sent::Replied, message)
        })
    }

    pub(crate) fn lift(&mut self, lift: &Lift, now: Millis) -> Result<Ownership, BackendError> {
        let mut ownership = self.ownership(&lift.keys, &lift.value, now);
        if mutants::active(Mutant::LiftWithoutOwner) {
            ownership = Ownership::Mine;
        }
        if ownership == Ownership::Mine {
            self.highest(&lift.keys, now)?;
            self.raise(&lift.keys, lift.fence.token, lift.fence.retention, now);
        }
        Ok(ownership)
    }

    /// Raises the counters to the token, and keeps them for the retention from now on at least; one without a number is left
    /// alone.
    pub(crate) fn raise(&mut self, keys: &Keys, token: FencingToken, retention: Ttl, now: Millis) {
        for key in keys.iter().map(Key::fence) {
            let Some(number) = self.counter(&key, now) else { continue };
            let KeyState::Held { remaining, .. } = self.state(&key, now) else {
                self.count(&key, token, retention, now);
                continue;
            };
            let remaining = remaining.and_then(Ttl::from_duration).unwrap_or(retention).max(retention);
            if number < token.get() {
                self.count(&key, token, remaining, now);
            } else {
                self.expire(&key, remaining, now);
            }
        }
    }

    fn count(&mut self, key: &Key, token: FencingToken, ttl: Ttl, now: Millis) {
        let text = LockValue::from_bytes(token.to_string().into_bytes());
        self.set(key, Content::Text(text), Some(ttl), now);
    }

    fn highest(&self, keys: &Keys, now: Millis) -> Result<u64, BackendError> {
        let mut highest = 0;
        for key in keys.iter().map(Key::fence) {
            let number = self.counter(&key, now).ok_or_else(|| {
                let message = format!("{key} holds no fencing token");
                BackendError::new(FaultKind::ForeignFormat, Sent::Replied, message)
            })?;
            highest = highest.max(number);
        }
        Ok(highest)
    }

    /// 0 where it is absent, `None` where it is no number; one that is too large for any token is as good as the largest.
    fn counter(&self, key: &Key, now: Millis) -> Option<u64> {
        match self.state(key, now) {
            KeyState::Free => Some(0),
            KeyState::Held { value, .. } => {
                let digits = value.as_bytes();
                let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
                Some(text.parse().unwrap_or(u64::MAX))
            }
            KeyState::Foreign { .. } | _ => None,
        }
    }
}
