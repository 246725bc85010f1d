//! Every operation ends within its bound, whatever the nodes do: a node that hangs costs its time limit, and no more.

use std::time::Duration;

use crate::sim::schedule::Times;

/// A timer rounds up to its resolution, once for each round and pause.
const ROUNDING: Duration = Duration::from_millis(2);

/// How many times the limit of a node something may take.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Rounds {
    attempt: u32,
    /// An extension, or a release.
    single: u32,
}

impl Rounds {
    /// An attempt ends with the question who is in the way, and before that lifts the counters where it is `fenced`. Where
    /// nodes forget, a grant waits for what is asked of its node: a question, and the writes that may follow it.
    pub(in crate::sim) fn of(fenced: bool, forgets: bool) -> Self {
        let questions = if forgets { 4 } else { 0 };
        let attempt = 2_u32.saturating_add(u32::from(fenced)).saturating_add(questions);
        Self { attempt, single: questions.saturating_add(1) }
    }
}

/// A call to the library, by what bounds it.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) enum Call {
    TryAcquire,
    Acquire {
        retries: u32,
    },
    Deadline(Duration),
    /// One of so many at once on one guard, which wait for each other.
    Extend {
        at_once: u32,
    },
    Release,
    Adopt,
    Detach,
    /// The routine takes so long.
    Using(Duration),
}

impl Call {
    /// The longest that it may take, where an attempt may take so many `rounds`.
    pub(in crate::sim) fn bound(self, times: Times, rounds: Rounds) -> Duration {
        let round = times.node_timeout.saturating_add(ROUNDING);
        let attempt = round.saturating_mul(rounds.attempt);
        let single = round.saturating_mul(rounds.single);
        let pause = times.retry.delay.saturating_add(times.retry.jitter).saturating_add(ROUNDING);
        match self {
            Self::TryAcquire => attempt,
            Self::Acquire { retries } => {
                attempt.saturating_add(attempt.saturating_add(pause).saturating_mul(retries))
            }
            Self::Deadline(limit) => limit.saturating_add(ROUNDING),
            // Behind each other, and behind an automatic one.
            Self::Extend { at_once } => single.saturating_mul(at_once.saturating_add(1)),
            Self::Release => single.saturating_mul(2),
            Self::Adopt | Self::Detach => single,
            Self::Using(routine) => routine.saturating_add(ROUNDING).saturating_add(single.saturating_mul(2)),
        }
    }

    /// What is wrong with a call that took so long.
    pub(in crate::sim) fn overdue(self, took: Duration, times: Times, rounds: Rounds) -> Option<String> {
        let bound = self.bound(times, rounds);
        (took > bound).then(|| format!("{self:?} took {took:?}, and may take {bound:?}"))
    }
}

#[cfg(test)]
mod tests {
    use redlock_core::RetryPolicy;

    use super::*;
    use crate::sim::schedule::millis as ms;

    const PLAIN: Rounds = Rounds { attempt: 2, single: 1 };

    #[test]
    fn a_call_that_outlasts_its_nodes_limit_is_found() {
        let times = Times {
            ttl: ms(100),
            node_timeout: ms(10),
            retry: RetryPolicy { retries: Some(2), delay: ms(5), jitter: ms(5) },
            slowest: ms(0),
            max_hold: ms(0),
        };
        assert_eq!(Call::TryAcquire.overdue(ms(24), times, PLAIN), None);
        assert!(Call::TryAcquire.overdue(ms(25), times, PLAIN).is_some());
        assert_eq!(Call::TryAcquire.overdue(ms(36), times, Rounds::of(true, false)), None);
        assert!(Call::Deadline(ms(30)).overdue(ms(33), times, PLAIN).is_some());
        assert!(Call::Acquire { retries: 2 }.overdue(ms(97), times, PLAIN).is_some());
    }
}
