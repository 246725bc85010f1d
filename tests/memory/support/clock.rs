use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redlock_core::{Clock, Moment, TokioClock};

/// A clock that a test can move on: what a suspended machine does to one that counts the time of suspension.
#[derive(Clone, Debug)]
pub(crate) struct JumpingClock {
    runs: Arc<dyn Clock>,
    ahead: Arc<AtomicU64>,
}

impl JumpingClock {
    /// By the runtime's clock.
    pub(crate) fn new() -> Self {
        Self::over(TokioClock::new())
    }

    pub(crate) fn over(clock: impl Clock) -> Self {
        Self { runs: Arc::new(clock), ahead: Arc::default() }
    }

    pub(crate) fn jump(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).expect("a short jump");
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Moment {
        self.runs.now().saturating_add(Duration::from_nanos(self.ahead.load(Ordering::Relaxed)))
    }
}
