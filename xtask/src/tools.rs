//! `cargo xtask tools`: finds the Redis server that the tests start, or unpacks one.

mod debian;

use crate::args::Accepts;
use crate::cargo;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const SERVER: &str = "REDLOCK_REDIS_SERVER";
const LIBRARIES: &str = "REDLOCK_REDIS_LD_LIBRARY_PATH";
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// A server program, and the folders of its libraries when it was unpacked and not installed.
#[derive(Debug)]
pub(crate) struct Server {
    program: PathBuf,
    libraries: Option<OsString>,
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    Accepts::default().parse(arguments)?;
    for (name, value) in server()?.variables() {
        println!("{name}={}", value.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The caller's own, the installed one, the one unpacked earlier, one unpacked now; or what to install.
pub(crate) fn server() -> Result<Server, String> {
    if let Some(program) = env::var_os(SERVER) {
        let named = Server { program: program.into(), libraries: env::var_os(LIBRARIES) };
        return named.checked().map_err(|error| format!("{SERVER} is set, but {error}"));
    }
    if let Some(program) = on_path() {
        return Server { program, libraries: None }.checked();
    }
    let folder = cargo::target().join("tools");
    if let Some(server) = debian::unpacked(&folder) {
        return Ok(server);
    }
    debian::unpack(&folder).map_err(|error| format!("{} ({})", advice(), first_line(&error)))
}

impl Server {
    /// What the server runner of the test kit reads.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let program = (SERVER, self.program.clone().into_os_string());
        let libraries = self.libraries.clone().map(|libraries| (LIBRARIES, libraries));
        std::iter::once(program).chain(libraries).collect()
    }

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

fn on_path() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let places = PROGRAMS.iter().flat_map(|program| folders.iter().map(|folder| place(folder, program)));
    places.into_iter().find(|place| place.is_file())
}

fn place(folder: &Path, program: &str) -> PathBuf {
    folder.join(program).with_extension(env::consts::EXE_EXTENSION)
}

fn advice() -> String {
    format!("install `redis-server` or `valkey-server`, or name one in {SERVER}")
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
