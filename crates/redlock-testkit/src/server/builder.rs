//! The options of a server.

use std::ffi::OsString;

use super::process::{Folder, Place, Process, Spec};
use super::tls::Certificates;
use super::{Program, RedisServer, ServerError};

/// How often another port is tried, where somebody took the port between the kernel's giving it and the server's start.
const TRIES: usize = 8;

/// The options of a [`RedisServer`].
///
/// ```no_run
/// use redlock_testkit::server::RedisServer;
/// let server = RedisServer::builder().durable().args(["--maxmemory", "10mb"]).start()?;
/// # Ok::<(), redlock_testkit::server::ServerError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `start`"]
pub struct RedisServerBuilder {
    unix_socket: bool,
    durable: bool,
    tls: Option<Certificates>,
    password: Option<String>,
    args: Vec<String>,
    env: Vec<(OsString, OsString)>,
    program: Option<Program>,
}

impl RedisServerBuilder {
    /// Listens on a Unix socket instead of a port.
    pub fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Writes every change to disk before it answers (`appendonly yes`, `appendfsync always`), in a folder that lives as
    /// long as the server. Default: nothing is kept.
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Speaks TLS on its port, and nothing else, as `localhost` and by these certificates; each argument is PEM text.
    /// Clients must show a certificate of `authority` where `mutual` is set.
    pub fn tls(mut self, authority: &str, certificate: &str, key: &str, mutual: bool) -> Self {
        self.tls = Some(Certificates::new(authority, certificate, key, mutual));
        self
    }

    /// Asks clients for this password. Default: none.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// More arguments to the server's program (`["--maxmemory", "1mb"]`).
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable of the server's environment (`LD_PRELOAD`, to give it a clock of its own).
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The server's program. Default: see [`RedisServer`].
    pub fn program(mut self, program: impl Into<Program>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Starts it. Answers once the server serves.
    pub fn start(self) -> Result<RedisServer, ServerError> {
        let mut last = ServerError::NoProgram;
        for _ in 0..TRIES {
            let spec = self.spec()?;
            match Process::start(&spec) {
                Ok(process) => return Ok(RedisServer::new(spec, process)),
                Err(error @ (ServerError::NotStarted(_) | ServerError::Impostor { .. })) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn spec(&self) -> Result<Spec, ServerError> {
        let folder = Folder::create()?;
        let socket = folder.join("socket");
        let place = match &self.tls {
            Some(certificates) => {
                certificates.write(&folder)?;
                Place::Tls(Place::free_port()?, socket)
            }
            None if self.unix_socket => Place::Socket(socket),
            None => Place::Port(Place::free_port()?),
        };
        let program = match &self.program {
            Some(program) => program.clone(),
            None => Program::find()?,
        };
        let (tls, password) = (self.tls.clone(), self.password.clone());
        let (args, env) = (self.args.clone(), self.env.clone());
        Ok(Spec { program, place, folder, durable: self.durable, tls, password, args, env })
    }
}
