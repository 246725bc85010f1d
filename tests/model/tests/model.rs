//! Each scenario of the design holds, and each mutant is caught by the property that it breaks.
//!
//! hazard: 1, 2, 4, 5, 9, 10, 13, 14, 27

use redlock_model::{Verdict, cases};

/// One test for each search, so that each can be run alone, and two at a time.
macro_rules! searches {
    ($($test:ident)*) => {
        $(
            #[test]
            fn $test() {
                check(&name(stringify!($test)));
            }
        )*

        #[test]
        fn every_search_has_its_test() {
            let tests = [$(name(stringify!($test))),*];
            assert!(tests.iter().map(String::as_str).eq(cases().filter(|case| case.in_lane()).map(|case| case.name)), "{tests:?}");
        }
    };
}

searches! {
    exclusion
    exclusion_long
    exclusion_in_order
    extension
    extension_in_order
    fencing
    fencing_long
    fencing_extension
    restart
    healing
    healing_twice
    healing_any_order
    hold_off_with_skew
    hold_off_any_order
    lift_after_restart
    joining
    fresh
    fresh_both
    token_reused
    unconditional_delete
    validity_from_the_end
    extension_shortens
    acknowledgements_added
    acknowledgements_added_uncovered
    lost_comes_back
    lost_comes_back_after_another
    no_second_round
    lift_without_owner
    hold_off_without_skew
    no_hold_off
    restarts_seen_only
    extension_counts_young
    lift_counts_young
    quorum_of_blanks
}

fn name(test: &str) -> String {
    test.replace('_', "-")
}

fn check(name: &str) {
    let Some(case) = cases().find(|case| case.name == name) else {
        unreachable!("no search is called {name}");
    };
    let outcome = case.run(case.cap(), |_, _| {});
    println!("{name}: {} states, {:.1} s", outcome.states, outcome.time.as_secs_f64());
    let trace = match &outcome.verdict {
        Verdict::Violated(_, path) => case.trace(path),
        _ => String::new(),
    };
    assert_eq!(outcome.fault(case.expected), None, "{name}\n{trace}");
    // What is not capped on purpose must have come to its end.
    assert_eq!(matches!(outcome.verdict, Verdict::Capped), case.is_long, "{name}");
}
