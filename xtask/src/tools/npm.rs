//! The foreign client in Node.js that the interoperation lane speaks with.

use super::folder::{named, replace, run};
use super::{Variables, find_on_path, first_line};
use crate::cargo;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODULES: &str = "REDLOCK_INTEROP_MODULES";
/// The manifest and the lock file, committed.
const SOURCE: &str = "tests/interop/node";
const LOCK: &str = "package-lock.json";

/// The folder of the client's modules, installed once for each state of the lock file.
pub(crate) fn modules() -> Result<Variables, String> {
    if let Some(folder) = env::var_os(MODULES) {
        return Ok(vec![(MODULES, folder)]);
    }
    if let Some(missing) = ["node", "npm"].into_iter().find(|program| find_on_path(program).is_none()) {
        return Err(format!("no `{missing}`: install Node.js with npm"));
    }
    let source = cargo::root().join(SOURCE);
    let place = cargo::target().join("tools").join("interop-node");
    let folder = installed(&source, &place).or_else(|_| {
        eprintln!("    installing node-redlock into {}", place.display());
        replace(&place, |_, files| install(&source, files), |files| installed(&source, files))
    });
    let folder = folder.map_err(|error| format!("no node-redlock: {}", first_line(&error)))?;
    Ok(vec![(MODULES, folder.into_os_string())])
}

/// What is there is of the committed lock file, or it is as good as nothing.
fn installed(source: &Path, place: &Path) -> Result<PathBuf, String> {
    let (wanted, found) = (read(&source.join(LOCK))?, read(&place.join(LOCK))?);
    let modules = place.join("node_modules");
    if wanted == found && modules.is_dir() {
        return Ok(modules);
    }
    Err(format!("{}: of another lock file", place.display()))
}

fn install(source: &Path, files: &Path) -> Result<(), String> {
    for name in ["package.json", LOCK] {
        fs::copy(source.join(name), files.join(name)).map_err(|error| named(&source.join(name), &error))?;
    }
    // No package of ours needs a script of its own to be installed, and none should run one.
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").args(arguments).current_dir(files)).map(drop)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| named(path, &error))
}
