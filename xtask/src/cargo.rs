//! Where the workspace is, and how cargo is called in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cargo command at the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// What a cargo command prints, or its complaint.
pub(crate) fn read(arguments: &[&str]) -> Result<String, String> {
    let shown = arguments.join(" ");
    let output =
        cargo(arguments).output().map_err(|error| format!("cargo {shown} did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo {shown}:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("cargo {shown}: {error}"))
}

pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

pub(crate) fn target() -> PathBuf {
    // A relative CARGO_TARGET_DIR counts from where cargo was called; `join` keeps an absolute one as it is.
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => env::current_dir().unwrap_or_default().join(folder),
        None => root().join("target"),
    }
}

/// The caller's RUSTFLAGS (or RUSTDOCFLAGS) with more behind them.
pub(crate) fn flags(variable: &str, more: &str) -> String {
    match env::var(variable) {
        Ok(flags) if !flags.is_empty() => format!("{flags} {more}"),
        _ => more.to_owned(),
    }
}
