//! The server's process: its start, its signals, its end.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::resp::Control;
use super::tls::Certificates;
use super::{Program, ServerError};

/// A server that does not serve by then will not.
const START_LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// What is started; the same at each restart.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) program: Program,
    pub(super) place: Place,
    pub(super) folder: Folder,
    pub(super) durable: bool,
    pub(super) tls: Option<Certificates>,
    pub(super) password: Option<String>,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(OsString, OsString)>,
}

/// Where it listens.
#[derive(Debug)]
pub(super) enum Place {
    Port(u16),
    Socket(PathBuf),
    /// A port where only TLS is spoken, and a socket for whoever steers the server.
    Tls(u16, PathBuf),
}

impl Place {
    /// A port that is free now.
    pub(super) fn free_port() -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(listener.local_addr()?.port())
    }
}

impl Spec {
    pub(super) fn url(&self) -> String {
        match (&self.place, &self.password) {
            (Place::Port(port), None) => format!("redis://127.0.0.1:{port}"),
            (Place::Port(port), Some(password)) => format!("redis://:{password}@127.0.0.1:{port}"),
            (Place::Tls(port, _), None) => format!("rediss://localhost:{port}"),
            (Place::Tls(port, _), Some(password)) => format!("rediss://:{password}@localhost:{port}"),
            (Place::Socket(path), None) => format!("unix://{}", path.display()),
            (Place::Socket(path), Some(password)) => format!("unix://{}?pass={password}", path.display()),
        }
    }

    pub(super) fn port(&self) -> Option<u16> {
        match self.place {
            Place::Port(port) | Place::Tls(port, _) => Some(port),
            Place::Socket(_) => None,
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(self.program.path());
        match &self.place {
            Place::Port(port) => command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]),
            Place::Socket(path) => command.args(["--port", "0", "--unixsocket"]).arg(path),
            Place::Tls(port, path) => {
                command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &port.to_string()]);
                command.arg("--unixsocket").arg(path)
            }
        };
        if let Some(certificates) = &self.tls {
            command.args(certificates.arguments(&self.folder));
        }
        command.args(["--daemonize", "no", "--save", "", "--appendonly"]);
        command.arg(if self.durable { "yes" } else { "no" });
        if self.durable {
            command.args(["--appendfsync", "always"]);
        }
        command.arg("--dir").arg(self.folder.path()).arg("--logfile").arg(self.log());
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        if let Some(libraries) = self.program.libraries() {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(5)).copied().collect::<Vec<_>>().join(" / ")
    }
}

/// A running server.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts it and waits until it serves.
    pub(super) fn start(spec: &Spec) -> Result<Self, ServerError> {
        let mut process = Self(spec.spawn()?);
        process.serves(spec, Instant::now() + START_LIMIT)?;
        Ok(process)
    }

    /// As [`start`](Self::start), trying again while somebody holds the port: a connection of another test may have been
    /// given it as its own for a moment.
    pub(super) fn start_again(spec: &Spec) -> Result<Self, ServerError> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match Self::start(spec) {
                Err(ServerError::NotStarted(_)) if Instant::now() < deadline => thread::sleep(PAUSE),
                outcome => return outcome,
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn kill(mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }

    /// By way of the shell, whose `kill` is built in: the standard library sends no signal but `SIGKILL`.
    pub(super) fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.id())).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name}: {status}"))) }
    }

    fn serves(&mut self, spec: &Spec, deadline: Instant) -> Result<(), ServerError> {
        loop {
            // It ended: most often since another has taken the port.
            if self.0.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(ServerError::NotStarted(spec.end_of_log()));
            }
            match answering(spec) {
                Some(id) if id == self.id() => return Ok(()),
                Some(answers) => {
                    return Err(ServerError::Impostor { url: spec.url(), started: self.id(), answers });
                }
                None => thread::sleep(PAUSE),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Which process answers at the address; none while it does not serve yet, or loads.
fn answering(spec: &Spec) -> Option<u32> {
    let mut control = Control::connect(spec).ok()?;
    control.command(&[b"DBSIZE"]).ok()?.as_u64()?;
    let reply = control.command(&[b"INFO", b"server"]).ok()?;
    reply.as_text()?.lines().find_map(|line| line.strip_prefix("process_id:")?.parse().ok())
}

/// A server's own folder; removed with it.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn create() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("redlock-server-{}-{number}", std::process::id()));
        // A folder of that name is the leftover of a process that is gone.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
