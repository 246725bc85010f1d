//! Folders that are filled once and kept, and the programs that fill them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// Fills `place` by `fill`, which is given a folder to work in and one for the result; what is there is replaced unless
/// `check` accepts it.
pub(super) fn replace<T>(
    place: &Path,
    fill: impl FnOnce(&Path, &Path) -> Result<(), String>,
    check: impl Fn(&Path) -> Result<T, String>,
) -> Result<T, String> {
    // A name of its own, and a rename at the end: a run that was interrupted leaves no half of a tool, and two runs at
    // a time do not mix.
    let name = place.file_name().unwrap_or_default().display();
    let work = place.with_file_name(format!("{name}-unpacking-{}", process::id()));
    let result = fill_and_move(&work, place, fill, check);
    let cleaned = fs::remove_dir_all(&work).or_else(ignore_missing);
    let value = result?;
    cleaned.map_err(|error| named(&work, &error))?;
    Ok(value)
}

fn fill_and_move<T>(
    work: &Path,
    place: &Path,
    fill: impl FnOnce(&Path, &Path) -> Result<(), String>,
    check: impl Fn(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let files = work.join("files");
    fs::create_dir_all(&files).map_err(|error| named(&files, &error))?;
    fill(work, &files)?;
    check(&files)?;
    // Another run may have been first; then its files are as good. Files that do not start (a target folder that came
    // from another system) are replaced.
    if let Ok(value) = check(place) {
        return Ok(value);
    }
    fs::remove_dir_all(place)
        .or_else(ignore_missing)
        .and_then(|()| fs::rename(&files, place))
        .map_err(|error| named(place, &error))?;
    check(place)
}

/// Every file below the folder whose name ends like that.
pub(super) fn files_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    visit(folder, &mut |path| {
        if path.extension() == Some(OsStr::new(ending)) {
            found.push(path.to_owned());
        }
    })
    .map_err(|error| named(folder, &error))?;
    Ok(found)
}

pub(super) fn visit(folder: &Path, see: &mut impl FnMut(&Path)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            visit(&entry.path(), see)?;
        } else {
            see(&entry.path());
        }
    }
    Ok(())
}

/// What the program prints, or its complaint.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    // apt translates its words, and the plan is read.
    command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    // Warnings come first, and the reason last.
    let reason = complaint.lines().rev().find(|line| line.to_lowercase().contains("err"));
    Err(format!("{program}: {}", reason.unwrap_or(&complaint).trim()))
}

pub(super) fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_behind_the_warnings() {
        let noisy = "echo 'WARNING: old' >&2; echo 'E: Unable to locate (err 3)' >&2; exit 1";
        assert_eq!(
            run(Command::new("sh").args(["-c", noisy])).unwrap_err(),
            "sh: E: Unable to locate (err 3)"
        );
        assert_eq!(run(Command::new("sh").args(["-c", "echo no >&2; exit 1"])).unwrap_err(), "sh: no");
    }
}
