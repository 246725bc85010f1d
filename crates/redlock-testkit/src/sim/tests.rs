use super::*;

#[test]
fn three_hundred_schedules_hold() {
    for seed in 0..300 {
        let outcome = run(seed, &Settings::default());
        let what: Vec<_> = outcome.violations.iter().map(ToString::to_string).collect();
        assert!(what.is_empty(), "seed {seed}: {}", what.join("\n"));
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..40 {
        let told = || run(seed, &Settings { timeline: true });
        let first = told();
        assert!(!first.timeline.is_empty());
        assert_eq!(first.timeline, told().timeline, "seed {seed}");
    }
}

#[test]
fn telling_a_schedule_does_not_change_it() {
    for seed in 0..40 {
        let (told, untold) = (run(seed, &Settings { timeline: true }), run(seed, &Settings::default()));
        assert_eq!(
            (told.counters, told.operations, told.faults),
            (untold.counters, untold.operations, untold.faults)
        );
    }
}
