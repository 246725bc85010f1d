//! `cargo xtask model`: searches the scenarios and the mutants, on two threads, and draws a table.

use redlock_model::{Case, Expected, Outcome, Verdict, cases};
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: model [--full] [--scenario NAME] [--mutant NAME|all]

  --full           without a bound of the number of states, and with the long searches; before a NAME, if any
  --scenario NAME  this scenario of the design; `all` for all of them
  --mutant NAME    this mutant, with its counterexample; `all` for all of them
  Without a name, everything.";
const THREADS: usize = 2;

struct Options {
    full: bool,
    chosen: Vec<&'static Case>,
    /// One mutant was named: its trace is what is asked for.
    traces: bool,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(options) => run(&options),
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { full: false, chosen: Vec::new(), traces: false };
    while let Some(argument) = arguments.next() {
        let (option, attached) = match argument.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        match option {
            "--full" => options.full = true,
            "--scenario" | "--mutant" => {
                let name = attached.or_else(|| arguments.next());
                options.choose(option, &name.ok_or(format!("`{option}` needs a name"))?)?;
            }
            _ => return Err(format!("`{argument}` is not known here")),
        }
    }
    if options.chosen.is_empty() {
        options.chosen.extend(cases().filter(|case| options.full || case.in_lane()));
    }
    Ok(options)
}

impl Options {
    fn choose(&mut self, kind: &str, name: &str) -> Result<(), String> {
        let of_kind = || cases().filter(|case| (kind == "--mutant") == (case.expected != Expected::Holds));
        let before = self.chosen.len();
        self.chosen.extend(
            of_kind().filter(|case| name == case.name || name == "all" && (self.full || case.in_lane())),
        );
        self.traces |= name != "all";
        if self.chosen.len() == before {
            let known: Vec<_> = of_kind().map(|case| case.name).collect();
            return Err(format!("`{name}` is none of {}", known.join(", ")));
        }
        Ok(())
    }
}

fn run(options: &Options) -> ExitCode {
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        while let Some(&case) = options.chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let cap = if !options.full && (case.expected == Expected::Holds || !options.traces) {
                case.cap()
            } else {
                None
            };
            let outcome = case.run(cap, progress(case.name));
            println!("{}", line(case, &outcome));
            if let Verdict::Violated(_, path) = &outcome.verdict
                && (options.traces || outcome.fault(case.expected).is_some())
            {
                println!("  {}\n{}", case.about, case.trace(path));
            }
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((case, outcome));
        }
    };
    println!("{}", heading());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    conclude(&outcomes.into_inner().unwrap_or_else(PoisonError::into_inner), started.elapsed())
}

/// Tells where a long search is, for whoever waits at a terminal.
fn progress(name: &'static str) -> impl FnMut(usize, usize) {
    let shows = stderr().is_terminal();
    let mut told = Instant::now();
    move |depth, states| {
        if shows && told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            eprintln!("    … {name}: {states} states, {depth} steps deep");
        }
    }
}

fn heading() -> String {
    format!("{:<34} {:<32} {:>10} {:>5} {:>8}", "search", "verdict", "states", "steps", "time")
}

fn line(case: &Case, outcome: &Outcome) -> String {
    let verdict = match (&outcome.verdict, case.expected) {
        (Verdict::Violated(property, _), _) => format!("violates {property:?}"),
        (Verdict::Exhaustive, _) => "holds, exhaustive".to_owned(),
        (Verdict::Capped, _) => "no violation, capped".to_owned(),
    };
    let time = format!("{:.1} s", outcome.time.as_secs_f64());
    let fault = outcome.fault(case.expected).map_or_else(String::new, |fault| format!("  WRONG: {fault}"));
    format!("{:<34} {verdict:<32} {:>10} {:>5} {time:>8}{fault}", case.name, outcome.states, outcome.depth)
}

fn conclude(outcomes: &[(&Case, Outcome)], time: Duration) -> ExitCode {
    let sum: usize = outcomes.iter().map(|(_, outcome)| outcome.states).sum();
    let count =
        |of: fn(&Case, &Outcome) -> bool| outcomes.iter().filter(|(case, outcome)| of(case, outcome)).count();
    let wrong = count(|case, outcome| outcome.fault(case.expected).is_some());
    let held = count(|case, outcome| {
        case.expected == Expected::Holds && !matches!(outcome.verdict, Verdict::Violated(..))
    });
    let caught = count(|case, outcome| {
        matches!(case.expected, Expected::Violates(_)) && outcome.fault(case.expected).is_none()
    });
    println!(
        "\n{sum} states in {:.1} s: {held} scenarios hold, {caught} mutants are caught, {wrong} wrong",
        time.as_secs_f64()
    );
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
