use std::time::Duration;

use redlock_core::{Redlock, TokioClock};
use redlock_memory::MemoryNode;

use super::*;
use crate::{FaultyLink, Plan};

#[test]
fn three_hundred_schedules_hold() {
    for seed in 0..300 {
        let outcome = run(seed, &Settings::default());
        let what: Vec<_> = outcome.violations.iter().map(ToString::to_string).collect();
        assert!(what.is_empty(), "seed {seed}: {}", what.join("\n"));
    }
}

/// The nodes of these schedules forget what clients hold: without the guard it must show.
/// hazard: 13
#[test]
fn without_the_restart_guard_the_same_schedules_do_not_hold() {
    let settings = Settings { restart_guard: Some(RestartGuard::Off), ..Settings::default() };
    let violated = (0..300).filter(|seed| {
        run(*seed, &settings).violations.iter().any(|found| found.checker == Checker::Exclusion)
    });
    assert!(violated.count() > 0);
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..100 {
        let told = || run(seed, &Settings { timeline: true, ..Settings::default() }).timeline;
        let (first, second) = (told(), told());
        assert!(!first.is_empty());
        let other = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!((other, first.len()), (None, second.len()), "seed {seed}");
    }
}

#[test]
fn telling_a_schedule_does_not_change_it() {
    for seed in 0..40 {
        let (told, untold) =
            (run(seed, &Settings { timeline: true, ..Settings::default() }), run(seed, &Settings::default()));
        assert_eq!(
            (told.counters, told.operations, told.faults),
            (untold.counters, untold.operations, untold.faults)
        );
    }
}

/// Found by the simulator: nothing was sent where the release still waited for an extension to end. hazard: 12
#[tokio::test(start_paused = true)]
async fn a_release_that_is_dropped_behind_an_extension_goes_on() {
    let links: Vec<_> =
        MemoryNode::cluster_on(TokioClock::new(), 3).into_iter().map(FaultyLink::new).collect();
    let redlock = Redlock::builder()
        .nodes(links.iter().cloned())
        .clock(TokioClock::new())
        .build()
        .expect("three nodes");
    let guard = redlock.acquire("a").await.expect("free");
    for link in &links {
        link.always(Plan::new().delay(Duration::from_millis(10)));
    }
    // The extension ends as it may: whoever releases does not need it.
    let _ = tokio::join!(guard.extend(), cancel::after_polls(guard.release(), 1));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(links.iter().all(|link| link.inner().is_empty()), "the guard lives, and its lock too");
    assert!(!guard.is_valid());
}
