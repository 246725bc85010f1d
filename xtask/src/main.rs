//! Development tasks: `cargo xtask <command>`.

mod args;
mod arrows;
mod cargo;
mod clock;
mod evidence;
mod features;
mod lanes;
mod lines;
mod lint;
mod metadata;
mod model;
mod omitted;
mod process;
mod report;
mod simulate;
mod supplies;
mod test;
mod tools;

use std::fmt::Write;
use std::process::ExitCode;

struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<ExitCode, String>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "[LANE…] [--require-all]",
        about: "runs the lanes of tests (all of them, or those named)",
        run: test::run,
    },
    Command {
        name: "lint",
        arguments: "",
        about: "formatting, clippy, documentation, arrows, features",
        run: lint::run,
    },
    Command {
        name: "simulate",
        arguments: "[--seeds N] [--seed S] [--mutant NAME|all] [--json]",
        about: "searches for schedules that break the lock",
        run: simulate::run,
    },
    Command {
        name: "model",
        arguments: "[--full] [--scenario NAME] [--mutant NAME|all]",
        about: "searches all states of a small model of the protocol",
        run: model::run,
    },
    Command { name: "arrows", arguments: "", about: "checks which crate depends on which", run: arrows::run },
    Command {
        name: "lines",
        arguments: "",
        about: "counts the lines of code of each backend, and of what they share",
        run: lines::run,
    },
    Command {
        name: "tools",
        arguments: "",
        about: "prints the servers and clients that the tests use, unpacking them if need be",
        run: tools::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    dispatch(&arguments).unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::FAILURE
    })
}

fn dispatch(arguments: &[String]) -> Result<ExitCode, String> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{}", usage());
        return Ok(ExitCode::SUCCESS);
    }
    let Some((name, rest)) = arguments.split_first() else {
        return Err(format!("which command?\n\n{}", usage()));
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(rest),
        None => Err(format!("there is no command `{name}`\n\n{}", usage())),
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask <command>\n");
    for command in COMMANDS {
        let _ = write!(text, "\n  {} {}\n      {}\n", command.name, command.arguments, command.about);
    }
    text += "\nlanes of `test`:\n";
    for lane in lanes::LANES {
        let _ = write!(text, "\n  {:<9} {}", lane.name, lane.about);
    }
    text
}
