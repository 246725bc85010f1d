//! A Redis server out of Debian's packages without root: apt with a state and a cache of its own, `dpkg -x`
//! instead of an installation. Nothing outside the given folder is written, and no service is started.

use super::Server;
use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// For a system whose apt does not tell what is missing. A name that a release does not have is passed over.
const USUAL: &[&str] = &[
    "redis-server",
    "redis-tools",
    "libhiredis0.14",
    "libhiredis1.1.0",
    "libjemalloc2",
    "liblzf1",
    "liblua5.1-0",
    "lua-bitop",
    "lua-cjson",
];

pub(super) fn unpacked(folder: &Path) -> Option<Server> {
    server_in(&folder.join("redis")).ok()
}

pub(super) fn unpack(folder: &Path) -> Result<Server, String> {
    if !cfg!(target_os = "linux") {
        return Err("only Debian's packages can be unpacked here".to_owned());
    }
    eprintln!("    unpacking Debian's redis-server into {}", folder.display());
    // A name of its own, and a rename at the end: a run that was interrupted leaves no half of a server, and
    // two runs at a time do not mix.
    let work = folder.join(format!("unpacking-{}", process::id()));
    let result = unpack_in(&work, &folder.join("redis"));
    let cleaned = fs::remove_dir_all(&work).or_else(ignore_missing);
    let server = result?;
    cleaned.map_err(|error| format!("{}: {error}", work.display()))?;
    Ok(server)
}

fn unpack_in(work: &Path, place: &Path) -> Result<Server, String> {
    let apt = Apt::prepare(work)?;
    apt.run("apt-get", &["update"])?;
    apt.download(&apt.missing())?;
    let files = work.join("files");
    for package in packages(&apt.downloads)? {
        run(Command::new("dpkg").arg("-x").arg(&package).arg(&files))?;
    }
    server_in(&files)?;
    // Another run may have been first; then its files are as good. Files that do not start (a target folder that
    // came from another system) are replaced.
    if let Ok(server) = server_in(place) {
        return Ok(server);
    }
    fs::remove_dir_all(place)
        .or_else(ignore_missing)
        .and_then(|()| fs::rename(&files, place))
        .map_err(|error| format!("{}: {error}", place.display()))?;
    server_in(place)
}

struct Apt {
    configuration: PathBuf,
    downloads: PathBuf,
}

impl Apt {
    fn prepare(work: &Path) -> Result<Self, String> {
        let apt = Self { configuration: work.join("apt.conf"), downloads: work.join("downloads") };
        let folders = ["state/lists/partial", "cache/archives/partial", "log", "downloads", "files"];
        for folder in folders {
            let folder = work.join(folder);
            fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::write(&apt.configuration, configuration(work)).map_err(|error| format!("apt.conf: {error}"))?;
        Ok(apt)
    }

    /// What this system lacks, by apt's own reckoning; `-s` only pretends, so it needs no root.
    fn missing(&self) -> Vec<String> {
        let plan = self.run("apt-get", &["-s", "--no-install-recommends", "install", "redis-server"]);
        let names = plan.map(|plan| planned(&plan)).unwrap_or_default();
        if !names.iter().any(|name| name == "redis-server") {
            // Also where the package is installed without its program being on PATH.
            return USUAL.iter().map(|name| (*name).to_owned()).collect();
        }
        // The program is a link into redis-tools, which the system may have already, but not in our folder.
        let tools = "redis-tools".to_owned();
        if names.contains(&tools) { names } else { [names, vec![tools]].concat() }
    }

    fn download(&self, names: &[String]) -> Result<(), String> {
        let all: Vec<&str> =
            [&["download"][..], &names.iter().map(String::as_str).collect::<Vec<_>>()].concat();
        let Err(error) = self.run("apt-get", &all) else { return Ok(()) };
        // One unknown name spoils a common download; what is really missing shows when the server starts.
        let had = names.iter().filter(|name| self.run("apt-get", &["download", name]).is_ok()).count();
        if had > 0 { Ok(()) } else { Err(error) }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.configuration).args(arguments);
        run(command.current_dir(&self.downloads))
    }
}

/// Clears the hooks too: those of container images delete the system's package cache, which is not ours.
fn configuration(work: &Path) -> String {
    let work = work.display();
    format!(
        "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         Dir::State \"{work}/state\";\nDir::Cache \"{work}/cache\";\nDir::Log \"{work}/log\";\n\
         Dir::State::status \"/var/lib/dpkg/status\";\n\
         Debug::NoLocking \"true\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
    )
}

/// The names in apt's plan: `Inst redis-server (5:7.0.15-1~deb12u4 Debian:12/stable [amd64])`.
fn planned(plan: &str) -> Vec<String> {
    let names = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    visit(folder, &mut |path| {
        if path.extension() == Some(OsStr::new("deb")) {
            found.push(path.to_owned());
        }
    })
    .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(found)
}

fn server_in(files: &Path) -> Result<Server, String> {
    let program = files.join("usr/bin/redis-server");
    Server { program, libraries: Some(library_folders(files)?) }.checked()
}

fn library_folders(files: &Path) -> Result<OsString, String> {
    let mut folders = BTreeSet::new();
    visit(files, &mut |path| {
        let is_library = path.to_string_lossy().contains(".so");
        folders.extend(path.parent().filter(|_| is_library).map(Path::to_owned));
    })
    .map_err(|error| format!("{}: {error}", files.display()))?;
    env::join_paths(folders).map_err(|error| error.to_string())
}

fn visit(folder: &Path, see: &mut impl FnMut(&Path)) -> io::Result<()> {
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

fn run(command: &mut Command) -> Result<String, String> {
    // apt translates its words, and the plan is read.
    command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_of_apt_is_read() {
        let plan = "NOTE: This is only a simulation!\n\
                    Inst liblzf1 (3.6-3 Debian:12.0/stable [amd64])\n\
                    Inst redis-server [5:6] (5:7.0.15 Debian:12/stable [amd64])\n\
                    Conf liblzf1 (3.6-3 Debian:12.0/stable [amd64])";
        assert_eq!(planned(plan), ["liblzf1", "redis-server"]);
    }
}
