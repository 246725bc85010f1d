//! `simulate`: runs seeded schedules with faults, and shows that the deliberate defects are caught.

mod args;
mod json;
#[cfg(redlock_mutants)]
mod mutants;
mod report;

use std::process::ExitCode;

use args::Args;
use redlock_testkit::sim::{Campaign, Checker, Settings, run, run_many};

fn main() -> ExitCode {
    let parsed = Args::parse(std::env::args().skip(1));
    match parsed.and_then(|args| if args.mutant.is_some() { with_mutants(&args) } else { Ok(plain(&args)) }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("simulate: {message}");
            ExitCode::from(2)
        }
    }
}

fn plain(args: &Args) -> bool {
    let campaign = campaign(args, None);
    let summary = run_many(&campaign, report::progress(campaign.count));
    // Told once, and only where something is to be seen.
    let single = args.seeds == 1;
    let told = summary.failures.first().map(|failure| failure.seed).or(single.then_some(args.seed));
    let told = told.map(|seed| run(seed, &Settings { timeline: true, ..Settings::default() }));
    if args.json {
        json::print(&summary, told.as_ref());
    } else {
        report::print(&summary, told.as_ref());
    }
    report::is_good(&summary)
}

#[cfg(redlock_mutants)]
fn with_mutants(args: &Args) -> Result<bool, String> {
    mutants::run(args)
}

#[cfg(not(redlock_mutants))]
fn with_mutants(_: &Args) -> Result<bool, String> {
    Err("the deliberate defects are not in this build; `cargo xtask simulate --mutant …` builds it with `--cfg redlock_mutants`"
        .to_owned())
}

fn campaign(args: &Args, stop_at: Option<Checker>) -> Campaign {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Campaign { first: args.seed, count: args.seeds, threads, stop_at }
}
