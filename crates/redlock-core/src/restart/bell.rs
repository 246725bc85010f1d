use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Tells everybody that there is something new. It wakes in the order of waiting; a `watch` wakes in a random one, and no run
/// could be replayed.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rings: AtomicU64,
    waiting: Notify,
}

/// How often a bell had rung when somebody last listened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard(u64);

impl Bell {
    pub(super) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::AcqRel);
        self.waiting.notify_waiters();
    }

    /// From here on nothing is missed.
    pub(super) fn listen(&self) -> Heard {
        Heard(self.rings.load(Ordering::Acquire))
    }

    /// Waits until the bell has rung since it was last heard.
    pub(super) async fn rung_since(&self, heard: &mut Heard) {
        let mut notified = pin!(self.waiting.notified());
        // Registered before it is looked at: a ring in between wakes.
        notified.as_mut().enable();
        if self.rings.load(Ordering::Acquire) == heard.0 {
            notified.await;
        }
        *heard = self.listen();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn who_waited_first_is_woken_first_and_no_ring_is_missed() {
        let (bell, woken) = (Arc::new(Bell::default()), Arc::new(Mutex::new(Vec::new())));
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let (bell, woken, mut heard) = (Arc::clone(&bell), Arc::clone(&woken), bell.listen());
                tokio::spawn(async move {
                    bell.rung_since(&mut heard).await;
                    woken.lock().expect("whole").push(number);
                })
            })
            .collect();
        let mut early = bell.listen();
        tokio::task::yield_now().await;
        bell.ring();
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(*woken.lock().expect("whole"), (0..20).collect::<Vec<_>>());
        bell.rung_since(&mut early).await;
    }
}
