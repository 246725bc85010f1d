//! Lost is sticky, and heard of in time.

use std::time::Duration;

/// The resolution of a timer.
const RESOLUTION: Duration = Duration::from_millis(1);

/// What one guard and its signal said of their lease.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Sticky {
    valid_until: Duration,
    lost_at: Option<Duration>,
    heard_at: Option<Duration>,
}

impl Sticky {
    pub(in crate::sim) fn new(valid_until: Duration) -> Self {
        Self { valid_until, lost_at: None, heard_at: None }
    }

    /// The guard says at `now` whether it holds, and until when. What is wrong with that, if anything.
    pub(in crate::sim) fn saw(&mut self, now: Duration, valid: bool, until: Duration) -> Option<String> {
        let before = std::mem::replace(&mut self.valid_until, until);
        if !valid {
            self.lost_at.get_or_insert(now);
            return None;
        }
        if let Some(lost_at) = self.lost_at {
            return Some(format!("lost at {lost_at:?}, and valid again at {now:?}"));
        }
        if until < before {
            return Some(format!("valid until {before:?}, and at {now:?} only until {until:?}"));
        }
        (now >= until).then(|| format!("valid at {now:?}, past its own end at {until:?}"))
    }

    pub(in crate::sim) fn valid_until(&self) -> Duration {
        self.valid_until
    }

    /// `lost()` was ready at `now`, and had to be when it was `due`.
    pub(in crate::sim) fn heard(&mut self, now: Duration, due: Duration) -> Option<String> {
        self.heard_at.get_or_insert(now);
        let late = now > due.saturating_add(RESOLUTION);
        late.then(|| format!("validity ended at {:?}, and lost() told so at {now:?}", self.valid_until))
    }

    /// The schedule is over.
    pub(in crate::sim) fn end(&self, now: Duration, due: Duration) -> Option<String> {
        let overdue = self.heard_at.is_none() && now > due.saturating_add(RESOLUTION);
        overdue.then(|| format!("validity ended at {:?}, and lost() never told", self.valid_until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schedule::millis as ms;

    #[test]
    fn a_lease_that_comes_back_is_found() {
        let mut sticky = Sticky::new(ms(10));
        assert_eq!(sticky.saw(ms(10), false, ms(10)), None);
        assert!(sticky.saw(ms(12), true, ms(30)).is_some());
    }

    #[test]
    fn a_loss_told_too_late_or_never_is_found() {
        assert!(Sticky::new(ms(10)).heard(ms(12), ms(10)).is_some());
        assert!(Sticky::new(ms(10)).end(ms(12), ms(10)).is_some());
    }

    #[test]
    fn a_lease_that_ends_past_its_end_or_is_shortened_is_found() {
        assert!(Sticky::new(ms(10)).saw(ms(10), true, ms(10)).is_some());
        assert!(Sticky::new(ms(10)).saw(ms(5), true, ms(9)).is_some());
    }

    #[test]
    fn an_extended_lease_that_ends_in_time_is_fine() {
        let mut sticky = Sticky::new(ms(10));
        assert_eq!(sticky.saw(ms(5), true, ms(20)), None);
        assert_eq!(sticky.heard(ms(21), ms(20)), None);
        assert_eq!(sticky.saw(ms(21), false, ms(20)), None);
        assert_eq!(sticky.end(ms(90), ms(20)), None);
    }
}
