//! A server out of Debian's packages without root: apt with a state and a cache of its own, `dpkg -x` instead of an
//! installation. Nothing outside the given folder is written, and no service is started.

use super::Server;
use super::folder::{files_ending, named, run, visit};
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The machine's own list; those in `sources.list.d` are read as well.
const SOURCES: &str = "/etc/apt/sources.list";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

pub(super) struct Package {
    name: &'static str,
    /// The program is a link into this package.
    tools: &'static str,
    /// For a system whose apt does not tell what is missing. A name that a release does not have is passed over.
    usual: &'static [&'static str],
}

pub(super) const REDIS: Package = Package {
    name: "redis-server",
    tools: "redis-tools",
    usual: &[
        "redis-server",
        "redis-tools",
        "libhiredis0.14",
        "libhiredis1.1.0",
        "libjemalloc2",
        "liblzf1",
        "liblua5.1-0",
        "lua-bitop",
        "lua-cjson",
    ],
};

pub(super) const VALKEY: Package = Package {
    name: "valkey-server",
    tools: "valkey-tools",
    usual: &["valkey-server", "valkey-tools", "libjemalloc2", "liblzf1"],
};

pub(super) fn fetch(package: &Package, work: &Path, files: &Path) -> Result<(), String> {
    let apt = Apt::prepare(work)?;
    apt.run("apt-get", &["update"])?;
    if !apt.knows(package) {
        apt.add_backports()?;
    }
    apt.download(&apt.missing(package))?;
    for package in files_ending(&apt.downloads, "deb")? {
        run(Command::new("dpkg").arg("-x").arg(&package).arg(files))?;
    }
    Ok(())
}

pub(super) fn server_in(files: &Path, package: &Package) -> Result<Server, String> {
    let program = files.join("usr/bin").join(package.name);
    Server { program, libraries: Some(library_folders(files)?) }.checked()
}

struct Apt {
    configuration: PathBuf,
    sources: PathBuf,
    downloads: PathBuf,
}

impl Apt {
    fn prepare(work: &Path) -> Result<Self, String> {
        let [configuration, sources, downloads] =
            ["apt.conf", "sources.list", "downloads"].map(|name| work.join(name));
        for folder in ["state/lists/partial", "cache/archives/partial", "log", "downloads"] {
            let folder = work.join(folder);
            fs::create_dir_all(&folder).map_err(|error| named(&folder, &error))?;
        }
        let own = fs::read_to_string(SOURCES).unwrap_or_default();
        for (path, text) in [(&configuration, self::configuration(work)), (&sources, own)] {
            fs::write(path, text).map_err(|error| named(path, &error))?;
        }
        Ok(Self { configuration, sources, downloads })
    }

    fn knows(&self, package: &Package) -> bool {
        self.run("apt-cache", &["show", "--no-all-versions", package.name]).is_ok()
    }

    /// The backports of this machine's release, from the mirror that the machine uses.
    fn add_backports(&self) -> Result<(), String> {
        let format = "$(LABEL) $(CODENAME) $(COMPONENT) $(REPO_URI)";
        let known = self.run("apt-get", &["indextargets", "--format", format, "Created-By: Packages"])?;
        let (release, mirror) = release(&known).ok_or("no release of Debian is among apt's sources")?;
        let signed = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
        let own = fs::read_to_string(&self.sources).map_err(|error| named(&self.sources, &error))?;
        let more = format!("{own}\ndeb {signed}{mirror} {release}-backports main\n");
        fs::write(&self.sources, more).map_err(|error| named(&self.sources, &error))?;
        self.run("apt-get", &["update"]).map(drop)
    }

    /// What this system lacks, by apt's own reckoning; `-s` only pretends, so it needs no root.
    fn missing(&self, package: &Package) -> Vec<String> {
        let plan = self.run("apt-get", &["-s", "--no-install-recommends", "install", package.name]);
        let names = plan.map(|plan| planned(&plan)).unwrap_or_default();
        if !names.iter().any(|name| name == package.name) {
            // Also where the package is installed without its program being on PATH.
            return package.usual.iter().map(|name| (*name).to_owned()).collect();
        }
        // The system may have it already, but not in our folder.
        let tools = package.tools.to_owned();
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
         Dir::State::status \"/var/lib/dpkg/status\";\nDir::Etc::SourceList \"{work}/sources.list\";\n\
         Debug::NoLocking \"true\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
    )
}

/// The first release of Debian itself among the indices, and its mirror. Updates and security have names with a dash.
fn release(indices: &str) -> Option<(&str, &str)> {
    indices.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (label, release, component) = (words.next()?, words.next()?, words.next()?);
        let mirror = words.next()?;
        (label == "Debian" && component == "main" && !release.contains('-')).then_some((release, mirror))
    })
}

/// The names in apt's plan: `Inst redis-server (5:7.0.15-1~deb12u4 Debian:12/stable [amd64])`.
fn planned(plan: &str) -> Vec<String> {
    let names = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

fn library_folders(files: &Path) -> Result<OsString, String> {
    let mut folders = BTreeSet::new();
    visit(files, &mut |path| {
        let is_library = path.to_string_lossy().contains(".so");
        folders.extend(path.parent().filter(|_| is_library).map(Path::to_owned));
    })
    .map_err(|error| named(files, &error))?;
    env::join_paths(folders).map_err(|error| error.to_string())
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

    #[test]
    fn backports_come_from_the_mirror_of_the_release() {
        let indices = "Debian-Security bookworm-security main http://security.example/\n\
                       Debian bookworm-updates main http://mirror.example/debian/\n\
                       Debian bookworm contrib http://mirror.example/debian/\n\
                       Debian bookworm main http://mirror.example/debian/";
        assert_eq!(release(indices), Some(("bookworm", "http://mirror.example/debian/")));
        assert_eq!(release("Ubuntu noble main http://mirror.example/ubuntu/"), None);
    }
}
