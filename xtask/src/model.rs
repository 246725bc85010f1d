//! `cargo xtask model`: builds the model and hands it the arguments.

use crate::args::Accepts;
use crate::cargo;
use std::process::{Command, ExitCode};

const ACCEPTS: Accepts = Accepts { switches: &["--full"], values: &["--scenario", "--mutant"], words: false };
/// The name of its `[[test]]`.
pub(crate) const TESTS: &str = "model";

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    ACCEPTS.parse(arguments)?;
    let mut command = cargo::cargo(&["run", "--release", "-p", "redlock-model", "--bin", "model", "--"]);
    let status = command.args(arguments).status().map_err(|error| format!("cargo: {error}"))?;
    // The model's own code is handed on: it tells a violation from a wrong argument.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// It depends on no crate of ours, so `-p` costs no second build of anything. Each search prints its line; two at a time.
pub(crate) fn tests() -> Command {
    let shows = ["--", "--nocapture", "--test-threads=2"];
    cargo::cargo(&[&["test", "--release", "-p", "redlock-model", "--test", TESTS][..], &shows].concat())
}
