//! Real servers for tests: each test starts its own, on a port that the kernel gave it, and stops what it started.
//!
//! ```no_run
//! use redlock_testkit::server::RedisServer;
//!
//! let mut server = RedisServer::start()?;
//! assert_eq!(server.keys()?, 0);
//! server.kill()?;
//! server.restart()?; // on the same port, and empty: servers run without persistence unless asked otherwise
//! # Ok::<(), redlock_testkit::server::ServerError>(())
//! ```

mod builder;
mod error;
mod process;
mod program;
mod resp;
mod tls;

use std::io;

pub use builder::RedisServerBuilder;
pub use error::ServerError;
pub use program::Program;
pub use resp::RespValue;

use process::{Process, Spec};
use resp::Control;

/// A running server; it is killed when dropped.
///
/// The program is the one that `REDLOCK_REDIS_SERVER` names, or else `redis-server` or `valkey-server` of the `PATH`.
/// `REDLOCK_REDIS_LD_LIBRARY_PATH` becomes the server's `LD_LIBRARY_PATH`, for servers that are unpacked, not installed.
#[derive(Debug)]
pub struct RedisServer {
    spec: Spec,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts a server on a free port of the loopback interface, without persistence.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// A server with options.
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    fn new(spec: Spec, process: Process) -> Self {
        Self { spec, process: Some(process) }
    }

    /// How a client connects to it; the same over restarts.
    pub fn url(&self) -> String {
        self.spec.url()
    }

    /// Its TCP port; `None` for a server on a Unix socket.
    pub fn port(&self) -> Option<u16> {
        self.spec.port()
    }

    /// The running process; `None` after [`kill`](Self::kill).
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Ends the process at once, as a crash does (`SIGKILL`).
    pub fn kill(&mut self) -> Result<(), ServerError> {
        match self.process.take() {
            Some(process) => process.kill().map_err(ServerError::Io),
            None => Ok(()),
        }
    }

    /// Starts it again at the same address, killing it first where it runs. Answers once it serves.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill()?;
        self.process = Some(Process::start_again(&self.spec)?);
        Ok(())
    }

    /// Stops the process in its tracks (`SIGSTOP`): it answers nothing, and the kernel goes on accepting for it.
    pub fn freeze(&self) -> Result<(), ServerError> {
        self.signal("STOP")
    }

    /// Lets it run again (`SIGCONT`): it then does what was sent to it meanwhile.
    pub fn thaw(&self) -> Result<(), ServerError> {
        self.signal("CONT")
    }

    /// Runs a command on a connection of its own.
    ///
    /// ```no_run
    /// use redlock_testkit::server::{RedisServer, RespValue};
    /// let server = RedisServer::start()?;
    /// assert_eq!(server.command(["SET", "a", "1"])?, RespValue::text("OK"));
    /// # Ok::<(), redlock_testkit::server::ServerError>(())
    /// ```
    pub fn command<W: AsRef<[u8]>>(
        &self,
        words: impl IntoIterator<Item = W>,
    ) -> Result<RespValue, ServerError> {
        let words: Vec<W> = words.into_iter().collect();
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        match Control::connect(&self.spec)?.command(&words)? {
            RespValue::Error(message) => Err(ServerError::Refused(message)),
            reply => Ok(reply),
        }
    }

    /// How many keys there are, but for the two in which the clients of a deployment keep what is about the deployment itself
    /// (`DBSIZE`, less `{redlock}:member` and `{redlock}:configs`).
    pub fn keys(&self) -> Result<u64, ServerError> {
        let count = |words: &[&str]| {
            let reply = self.command(words)?;
            reply.as_u64().ok_or_else(|| odd(&reply))
        };
        let own = || count(&["EXISTS", "{redlock}:member", "{redlock}:configs"]);
        loop {
            // A marker that is written between the two questions would count as a lock.
            let before = own()?;
            let all = count(&["DBSIZE"])?;
            if before == own()? {
                return Ok(all.saturating_sub(before));
            }
        }
    }

    /// How often a command has run since the server started (`INFO commandstats`), inside scripts too.
    pub fn calls(&self, command: &str) -> Result<u64, ServerError> {
        let reply = self.command(["INFO", "commandstats"])?;
        let info = reply.as_text().ok_or_else(|| odd(&reply))?;
        let prefix = format!("cmdstat_{}:calls=", command.to_lowercase());
        let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
        Ok(line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0))
    }

    /// Which server it says it is: `Redis 7.0.15`, `Valkey 8.0.1`.
    pub fn edition(&self) -> Result<String, ServerError> {
        let reply = self.command(["INFO", "server"])?;
        let info = reply.as_text().ok_or_else(|| odd(&reply))?;
        let line = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        // Valkey calls itself a Redis of an older version as well.
        let valkey = line("valkey_version").map(|version| format!("Valkey {version}"));
        let redis = || Some(format!("Redis {}", line("redis_version")?));
        valkey.or_else(redis).ok_or_else(|| odd(&reply))
    }

    fn signal(&self, name: &str) -> Result<(), ServerError> {
        match &self.process {
            Some(process) => process.signal(name).map_err(ServerError::Io),
            None => Err(ServerError::Io(io::Error::new(io::ErrorKind::NotFound, "the server was killed"))),
        }
    }
}

fn odd(reply: &RespValue) -> ServerError {
    ServerError::Refused(format!("an unexpected reply: {reply:?}"))
}
