//! `cargo xtask simulate`: builds the simulator of the test kit and hands it the arguments.

use crate::args::{Accepts, Given};
use crate::cargo;
use std::process::{Command, ExitCode};

const ACCEPTS: Accepts =
    Accepts { switches: &["--json"], values: &["--seeds", "--seed", "--mutant"], words: false };

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let status = command(arguments)?.status().map_err(|error| format!("cargo: {error}"))?;
    // The simulator's own code is handed on: it tells a violation from a wrong argument.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

pub(crate) fn command(arguments: &[String]) -> Result<Command, String> {
    let given: Given = ACCEPTS.parse(arguments)?;
    let mut command = cargo::cargo(&["run", "--release", "-p", "redlock-testkit", "--bin", "simulate", "--"]);
    command.args(arguments);
    if given.has("--mutant") {
        // Other flags for the compiler would throw away the usual builds; and no mutant may ever be found there.
        command
            // It would win over RUSTFLAGS, and the mutants would be missing.
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", cargo::flags("RUSTFLAGS", "--cfg redlock_mutants"))
            .env("CARGO_TARGET_DIR", cargo::target().join("mutants"));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_own_build(arguments: &[&str]) -> bool {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let command = command(&arguments).unwrap();
        command.get_envs().any(|(name, value)| {
            name == "CARGO_TARGET_DIR"
                && value.is_some_and(|value| value.to_string_lossy().ends_with("mutants"))
        })
    }

    #[test]
    fn mutants_never_enter_the_usual_build() {
        assert!(has_own_build(&["--mutant", "all"]));
        assert!(has_own_build(&["--mutant=all"]));
        assert!(!has_own_build(&["--seeds", "5"]));
    }
}
