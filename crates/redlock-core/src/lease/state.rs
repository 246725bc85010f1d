//! What is known of a lease, without I/O and without a clock.

use std::time::Duration;

use crate::mutants::{self, Mutant};
use crate::{LossReason, Moment, ReleaseOutcome};

#[derive(Debug)]
pub(crate) struct LeaseState {
    valid_until: Moment,
    /// Sticky: a lease that has ended never comes back, whatever replies come later.
    ended: Option<LossReason>,
    release_sent: bool,
    outcome: Option<ReleaseOutcome>,
    extensions: u32,
    auto: Option<AutoExtend>,
    extending: bool,
    /// No automatic extension before this moment: the pause after one that failed.
    not_before: Moment,
}

/// How a lease is extended by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AutoExtend {
    /// An extension is due when the remaining validity falls below this.
    pub(crate) threshold: Duration,
    /// None begins after this moment.
    pub(crate) until: Option<Moment>,
}

/// What the scheduler must do for a lease.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Extend,
    Stop,
}

impl LeaseState {
    pub(super) fn new(valid_until: Moment, auto: Option<AutoExtend>) -> Self {
        Self {
            valid_until,
            ended: None,
            release_sent: false,
            outcome: None,
            extensions: 0,
            auto,
            extending: false,
            not_before: Moment::ORIGIN,
        }
    }

    pub(crate) fn valid_until(&self) -> Moment {
        self.valid_until
    }

    pub(crate) fn extensions(&self) -> u32 {
        self.extensions
    }

    pub(crate) fn ended(&self) -> Option<LossReason> {
        self.ended
    }

    pub(crate) fn outcome(&self) -> Option<&ReleaseOutcome> {
        self.outcome.as_ref()
    }

    pub(crate) fn auto(&self) -> Option<AutoExtend> {
        self.auto
    }

    /// What remains at `now`; where nothing does, the lease ends here and for ever.
    pub(crate) fn check(&mut self, now: Moment) -> Result<Duration, LossReason> {
        if now >= self.valid_until {
            self.end(LossReason::Expired);
        }
        match self.ended {
            Some(reason) => Err(reason),
            None => Ok(self.valid_until.saturating_since(now)),
        }
    }

    /// Ends the lease; `false` where it had ended already.
    pub(super) fn end(&mut self, reason: LossReason) -> bool {
        let news = self.ended.is_none();
        self.ended.get_or_insert(reason);
        self.auto = None;
        news
    }

    /// Takes over the validity of an extension that a quorum confirmed: never a shorter one, and nothing where the lease
    /// had ended by `now`.
    pub(super) fn confirm(&mut self, now: Moment, valid_until: Moment) -> Result<Duration, LossReason> {
        if mutants::active(Mutant::LostComesBack) && !matches!(self.ended, Some(LossReason::Released)) {
            self.ended = None;
            self.valid_until = self.valid_until.max(valid_until);
        }
        let margin = self.check(now)?;
        self.valid_until = self.valid_until.max(valid_until);
        self.extensions = self.extensions.saturating_add(1);
        Ok(margin)
    }

    /// A release is being sent; says whether one was sent before.
    pub(super) fn send_release(&mut self) -> bool {
        std::mem::replace(&mut self.release_sent, true)
    }

    /// Whether nothing is left for a dropped guard to do.
    pub(super) fn is_given_up(&self) -> bool {
        self.release_sent || self.ended == Some(LossReason::Detached)
    }

    /// The lease was released, with this outcome.
    pub(super) fn released(&mut self, outcome: ReleaseOutcome) {
        self.outcome = Some(outcome);
    }

    pub(super) fn set_auto(&mut self, auto: Option<AutoExtend>) {
        if self.ended.is_none() {
            self.auto = auto;
        }
    }

    /// What is due at `now`, if anything; whoever takes it must do it.
    pub(super) fn take_due(&mut self, now: Moment) -> Option<Due> {
        let auto = self.auto.filter(|_| !self.extending && self.ended.is_none())?;
        if now < self.extend_at(auto) {
            return None;
        }
        if auto.until.is_some_and(|until| now >= until) {
            self.auto = None;
            return Some(Due::Stop);
        }
        self.extending = true;
        Some(Due::Extend)
    }

    /// An automatic extension is over; after a failed one the next has to wait for `not_before`.
    pub(super) fn extension_over(&mut self, not_before: Moment) {
        self.extending = false;
        self.not_before = not_before;
    }

    /// When the scheduler must look again; `None` when the lease has ended.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        if self.ended.is_some() {
            return None;
        }
        let extend_at = self.auto.filter(|_| !self.extending).map(|auto| self.extend_at(auto));
        Some(extend_at.map_or(self.valid_until, |at| at.min(self.valid_until)))
    }

    fn extend_at(&self, auto: AutoExtend) -> Moment {
        self.valid_until.saturating_sub(auto.threshold).max(self.not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    /// hazard: 11
    #[test]
    fn lost_is_sticky() {
        let mut state = LeaseState::new(at(10), None);
        assert_eq!(state.check(at(10)), Err(LossReason::Expired));
        assert_eq!(state.confirm(at(10), at(99)), Err(LossReason::Expired));
        // Even a clock that went back does not revive it.
        assert_eq!(state.check(at(5)), Err(LossReason::Expired));
    }

    /// hazard: 10
    #[test]
    fn an_extension_never_shortens() {
        let mut state = LeaseState::new(at(10), None);
        assert_eq!(state.confirm(at(1), at(5)), Ok(Duration::from_millis(9)));
        assert_eq!(state.check(at(1)), Ok(Duration::from_millis(9)));
    }

    #[test]
    fn an_extension_is_due_once_below_the_threshold_and_never_after_max_hold() {
        let auto = AutoExtend { threshold: Duration::from_millis(4), until: Some(at(8)) };
        let mut state = LeaseState::new(at(10), Some(auto));
        assert_eq!((state.take_due(at(5)), state.next_wake()), (None, Some(at(6))));
        assert_eq!(state.take_due(at(6)), Some(Due::Extend));
        assert_eq!((state.take_due(at(6)), state.next_wake()), (None, Some(at(10))));
        state.extension_over(at(7));
        assert_eq!(state.next_wake(), Some(at(7)));
        assert_eq!(state.take_due(at(8)), Some(Due::Stop));
        assert_eq!((state.take_due(at(9)), state.next_wake()), (None, Some(at(10))));
    }

    #[test]
    fn the_first_reason_stays() {
        let mut state = LeaseState::new(at(10), None);
        assert!(state.end(LossReason::Released));
        assert!(!state.end(LossReason::Gone));
        assert_eq!(state.check(at(99)), Err(LossReason::Released));
    }
}
