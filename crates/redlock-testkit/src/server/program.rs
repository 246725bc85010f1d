//! Which program is the server.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ServerError;

/// A server's program, and where it finds its libraries if not where the system has them.
///
/// ```
/// use redlock_testkit::server::Program;
/// let program = Program::from("/opt/redis/bin/redis-server");
/// assert_eq!(program.path().to_str(), Some("/opt/redis/bin/redis-server"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    libraries: Option<OsString>,
}

/// The variables that name a program, and the folders of its libraries.
type Names = (&'static str, &'static str);

const DEFAULT: Names = ("REDLOCK_REDIS_SERVER", "REDLOCK_REDIS_LD_LIBRARY_PATH");
const OTHERS: [Names; 2] = [
    ("REDLOCK_VALKEY_SERVER", "REDLOCK_VALKEY_LD_LIBRARY_PATH"),
    ("REDLOCK_REDIS62_SERVER", "REDLOCK_REDIS62_LD_LIBRARY_PATH"),
];

impl Program {
    /// The default: see [`RedisServer`](super::RedisServer).
    pub fn find() -> Result<Self, ServerError> {
        named(DEFAULT).or_else(installed).ok_or(ServerError::NoProgram)
    }

    /// The default, and those that `REDLOCK_VALKEY_SERVER` and `REDLOCK_REDIS62_SERVER` name: for tests that claim
    /// something of every server. `cargo xtask test` names what it can get.
    pub fn all() -> Result<Vec<Self>, ServerError> {
        Ok(std::iter::once(Self::find()?).chain(OTHERS.into_iter().filter_map(named)).collect())
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn libraries(&self) -> Option<&OsString> {
        self.libraries.as_ref()
    }
}

impl<P: Into<PathBuf>> From<P> for Program {
    /// With the libraries of the default, if the environment names any.
    fn from(path: P) -> Self {
        Self { path: path.into(), libraries: set(DEFAULT.1) }
    }
}

fn named((program, libraries): Names) -> Option<Program> {
    Some(Program { path: set(program)?.into(), libraries: set(libraries) })
}

fn installed() -> Option<Program> {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["redis-server", "valkey-server"];
    let mut candidates =
        names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    candidates.find(|candidate| candidate.is_file()).map(Program::from)
}

fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
