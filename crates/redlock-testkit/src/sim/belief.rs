//! When a holder believed that it held: from what its own guard said, and nothing else.

use std::time::Duration;

/// The times at which one lease protected its holder, as the holder saw it. Times count from the schedule's start.
#[derive(Clone, Debug)]
pub(super) struct Belief {
    spans: Vec<Span>,
    phase: Phase,
}

/// From when on, and until when at the latest: the end itself is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Duration,
    pub(super) until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Held,
    /// The guard said so. Should it say otherwise later, another span begins.
    Lost,
    /// The holder itself let go; what the guard says then does not matter.
    GivenUp,
}

impl Belief {
    /// Won at `now`, to be believed until `until`.
    pub(super) fn new(now: Duration, until: Duration) -> Self {
        Self { spans: vec![Span { from: now, until }], phase: Phase::Held }
    }

    /// The guard says at `now` that it holds until `until`.
    pub(super) fn valid(&mut self, now: Duration, until: Duration) {
        match (self.phase, self.spans.last_mut()) {
            (Phase::Held, Some(span)) => span.until = until,
            (Phase::Lost, _) => {
                self.spans.push(Span { from: now, until });
                self.phase = Phase::Held;
            }
            (Phase::GivenUp, _) | (Phase::Held, None) => {}
        }
    }

    /// The guard says at `now` that it holds no more.
    pub(super) fn lost(&mut self, now: Duration) {
        self.end(now, Phase::Lost);
    }

    /// The holder begins to release at `now`, or dies.
    pub(super) fn given_up(&mut self, now: Duration) {
        self.end(now, Phase::GivenUp);
    }

    /// Whether the guard was heard to say that it holds, and nothing else since.
    pub(super) fn is_held(&self) -> bool {
        self.phase == Phase::Held
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.spans.iter().copied().filter(|span| span.from < span.until)
    }

    fn end(&mut self, now: Duration, phase: Phase) {
        if self.phase == Phase::GivenUp {
            return;
        }
        if let (Phase::Held, Some(span)) = (self.phase, self.spans.last_mut()) {
            span.until = span.until.min(now);
        }
        self.phase = phase;
    }
}

impl Span {
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schedule::millis as ms;

    fn spans(belief: &Belief) -> Vec<(Duration, Duration)> {
        belief.spans().map(|span| (span.from, span.until)).collect()
    }

    #[test]
    fn an_extension_goes_on_and_a_release_cuts_off() {
        let mut belief = Belief::new(ms(5), ms(20));
        belief.valid(ms(10), ms(40));
        belief.given_up(ms(25));
        belief.valid(ms(26), ms(60));
        assert_eq!(spans(&belief), [(ms(5), ms(25))]);
    }

    #[test]
    fn a_lease_that_comes_back_is_seen() {
        let mut belief = Belief::new(ms(5), ms(20));
        belief.lost(ms(21));
        belief.valid(ms(30), ms(50));
        assert_eq!(spans(&belief), [(ms(5), ms(20)), (ms(30), ms(50))]);
    }

    #[test]
    fn spans_that_touch_do_not_overlap() {
        let span = |from, until| Span { from: ms(from), until: ms(until) };
        assert!(!span(0, 5).overlaps(span(5, 9)));
        assert!(span(0, 6).overlaps(span(5, 9)));
        assert!(span(5, 9).overlaps(span(6, 7)));
    }
}
