//! Which program is the server.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::ServerError;

const PROGRAM: &str = "REDLOCK_REDIS_SERVER";
const LIBRARIES: &str = "REDLOCK_REDIS_LD_LIBRARY_PATH";

/// The server's program.
pub(super) fn find() -> Result<PathBuf, ServerError> {
    if let Some(path) = env::var_os(PROGRAM).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["redis-server", "valkey-server"];
    let mut candidates =
        names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    candidates.find(|candidate| candidate.is_file()).ok_or(ServerError::NoProgram)
}

/// Where it finds its libraries, if not where the system has them.
pub(super) fn libraries() -> Option<OsString> {
    env::var_os(LIBRARIES).filter(|path| !path.is_empty())
}
