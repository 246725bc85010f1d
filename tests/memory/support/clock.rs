use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redlock_core::{Clock, Moment, TokioClock};

/// The runtime's clock, which a test can move on: what a suspended machine does to one that counts the time of suspension.
#[derive(Clone, Debug)]
pub(crate) struct JumpingClock {
    runtime: TokioClock,
    ahead: Arc<AtomicU64>,
}

impl JumpingClock {
    pub(crate) fn new() -> Self {
        Self { runtime: TokioClock::new(), ahead: Arc::default() }
    }

    pub(crate) fn jump(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).expect("a short jump");
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Moment {
        self.runtime.now().saturating_add(Duration::from_nanos(self.ahead.load(Ordering::Relaxed)))
    }
}
