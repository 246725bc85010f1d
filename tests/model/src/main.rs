//! x
use redlock_model::*;
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let cap: usize = arguments[1].parse().unwrap();
    for case in CASES {
        if arguments.len() > 2 && !arguments[2..].iter().any(|n| n == case.name) { continue; }
        let outcome = case.run(cap, |_, _| {});
        println!("{:<30} {:>10} depth {:>3} held {:?} {:.1}s {:?}", case.name, outcome.states, outcome.depth, outcome.held, outcome.time.as_secs_f64(),
            match &outcome.verdict { Verdict::Violated(p, _) => format!("VIOLATED {p:?}"), v => format!("{v:?}") });
        if let Verdict::Violated(_, path) = &outcome.verdict { print!("{}", case.trace(path)); }
    }
}
