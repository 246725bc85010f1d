//! A redlock node that is a directory, with a file for each key. `docs/backends.md` builds it step by step.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use redlock_toolkit::{
    Acquire, Backend, BackendError, Blocker, Capabilities, Command, Epoch, Extend, FaultKind, Grant, Inbox,
    Key, KeyState, Keys, LockCommand, LockReply, LockValue, NodeName, Notifications, Ownership, RePlant,
    Refusal, Release, Released, Reply, Sent, Ttl, async_trait,
};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The directory. Whoever holds its guard is alone in it.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Waits for its turn among all processes. The kernel ends the turn when the file is closed, so also when the
    /// process dies.
    fn enter(&self) -> io::Result<File> {
        let guard = File::create(self.path.join("guard"))?;
        rustix::io::retry_on_intr(|| flock(&guard, FlockOperation::LockExclusive))?;
        Ok(guard)
    }

    /// What was renamed and removed outlives a power cut only when the directory itself is written.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Readable for whoever lists the directory, and different for different keys but for a freak of the hash: the
    /// key itself stands in the file. Lower case only, since some file systems do not tell `a` from `A`.
    fn file_of(&self, key: &Key) -> PathBuf {
        let key = key.as_str();
        // FNV-1a: the hash of the standard library may change from one release to the next.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let plain = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
        let readable: String = key.chars().take(48).map(plain).collect();
        self.path.join(format!("key-{readable}-{hash:016x}"))
    }
}

/// The time of last modification of a key that does not expire.
const NEVER: SystemTime = SystemTime::UNIX_EPOCH;

/// What stands in a key's place and is no file.
const NO_FILE: &str = "no file";

impl Directory {
    fn state(&self, key: &Key, now: SystemTime) -> io::Result<KeyState> {
        let mut file = match File::open(self.file_of(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(KeyState::Free),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(KeyState::Foreign { kind: NO_FILE.to_owned(), remaining: None });
        }
        let expiry = metadata.modified()?;
        let remaining = expiry.duration_since(now).ok().filter(|remaining| !remaining.is_zero());
        if expiry != NEVER && remaining.is_none() {
            return Ok(KeyState::Free);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(match bytes.strip_prefix(head(key).as_slice()) {
            Some(value) => KeyState::Held { value: LockValue::from_bytes(value), remaining },
            None => KeyState::Foreign { kind: "another key".to_owned(), remaining },
        })
    }

    /// Writes beside, then renames: nobody ever finds half a file, not even after a crash.
    fn put(&self, key: &Key, value: &LockValue, expiry: SystemTime) -> io::Result<()> {
        let new = self.path.join("new");
        let mut file = File::create(&new)?;
        file.write_all(&head(key))?;
        file.write_all(value.as_bytes())?;
        expire(&file, expiry)?;
        fs::rename(&new, self.file_of(key))
    }
}

/// A key may hold any text, so its length comes first.
fn head(key: &Key) -> Vec<u8> {
    format!("{}\n{key}\n", key.as_str().len()).into_bytes()
}

fn expire(file: &File, expiry: SystemTime) -> io::Result<()> {
    file.set_modified(expiry)?;
    // Some file systems count in seconds, or end in 2038: a lease must not silently be another than was asked for.
    if file.metadata()?.modified()? != expiry {
        return Err(io::Error::new(ErrorKind::Unsupported, "the file system cannot keep the expiry"));
    }
    file.sync_all()
}

/// The wall clock of this host, in whole milliseconds.
fn now() -> io::Result<SystemTime> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    after(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()), since.subsec_millis().into())
}

fn after(now: SystemTime, millis: u64) -> io::Result<SystemTime> {
    let end = now.checked_add(Duration::from_millis(millis));
    end.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a time beyond the end of the clock"))
}

impl Directory {
    /// One atomic step: nobody else is in the directory. `None` for a command that this version does not know.
    fn step(&self, command: &LockCommand) -> io::Result<Option<LockReply>> {
        let now = now()?;
        let reply = match command {
            LockCommand::Acquire(acquire) => self.acquire(acquire, now)?,
            LockCommand::Extend(extend) => LockReply::Extended(self.extend(extend, now)?),
            LockCommand::RePlant(plant) => LockReply::RePlanted(self.replant(plant, now)?),
            LockCommand::Release(release) => LockReply::Released(self.release(release, now)?),
            LockCommand::Inspect(inspect) => LockReply::Inspected(self.states(&inspect.keys, now)?),
            LockCommand::Evict(evict) => LockReply::Evicted(self.evict(&evict.keys, now)?),
            _ => return Ok(None),
        };
        if !matches!(command, LockCommand::Inspect(_)) {
            self.sync()?;
        }
        Ok(Some(reply))
    }

    fn states(&self, keys: &Keys, now: SystemTime) -> io::Result<Vec<KeyState>> {
        keys.iter().map(|key| self.state(key, now)).collect()
    }

    /// First look at every key, then write any.
    fn acquire(&self, acquire: &Acquire, now: SystemTime) -> io::Result<LockReply> {
        // One key that replaces nothing is the plain step, `SET NX` of Redis: it knows neither its own value nor who
        // is in the way.
        let plain = acquire.keys.len() == 1 && acquire.replaces.is_empty();
        let passes = |state: &KeyState| match state {
            KeyState::Free => true,
            KeyState::Held { value, .. } => {
                !plain && (*value == acquire.value || acquire.replaces.contains(value))
            }
            KeyState::Foreign { .. } => false,
        };
        let states = self.states(&acquire.keys, now)?;
        if let Some((key, state)) = acquire.keys.iter().zip(&states).find(|(_, state)| !passes(state)) {
            let blocker = Blocker { key: key.clone(), state: state.clone() };
            return Ok(LockReply::Refused(if plain { Refusal::new() } else { Refusal::by(blocker) }));
        }
        for (key, state) in acquire.keys.iter().zip(&states) {
            match state {
                KeyState::Held { value, remaining } if *value == acquire.value => {
                    self.prolong(key, *remaining, acquire.ttl, now)?;
                }
                _ => self.put(key, &acquire.value, after(now, acquire.ttl.as_millis())?)?,
            }
        }
        Ok(LockReply::Granted(Grant::new()))
    }

    fn extend(&self, extend: &Extend, now: SystemTime) -> io::Result<Ownership> {
        let states = self.states(&extend.keys, now)?;
        let ownership = ownership(&states, &extend.value);
        if ownership == Ownership::Mine {
            for (key, state) in extend.keys.iter().zip(&states) {
                if let KeyState::Held { remaining, .. } = state {
                    self.prolong(key, *remaining, extend.ttl, now)?;
                }
            }
        }
        Ok(ownership)
    }

    fn replant(&self, plant: &RePlant, now: SystemTime) -> io::Result<bool> {
        let states = self.states(&plant.keys, now)?;
        if ownership(&states, &plant.value) == Ownership::Other {
            return Ok(false);
        }
        for (key, state) in plant.keys.iter().zip(&states) {
            if *state == KeyState::Free {
                self.put(key, &plant.value, after(now, plant.ttl.as_millis())?)?;
            }
        }
        Ok(true)
    }

    fn release(&self, release: &Release, now: SystemTime) -> io::Result<Released> {
        let mut released = Released::default();
        for key in &release.keys {
            match self.state(key, now)? {
                KeyState::Free => {}
                KeyState::Held { value, .. } if release.values.contains(&value) => {
                    fs::remove_file(self.file_of(key))?;
                    released.removed += 1;
                }
                KeyState::Held { .. } | KeyState::Foreign { .. } => released.taken += 1,
            }
        }
        Ok(released)
    }

    fn evict(&self, keys: &Keys, now: SystemTime) -> io::Result<u64> {
        let mut evicted = 0;
        for key in keys {
            match self.state(key, now)? {
                KeyState::Free => continue,
                KeyState::Foreign { kind, .. } if kind == NO_FILE => fs::remove_dir_all(self.file_of(key))?,
                KeyState::Held { .. } | KeyState::Foreign { .. } => fs::remove_file(self.file_of(key))?,
            }
            evicted += 1;
        }
        Ok(evicted)
    }

    /// Never shortens; a key without an expiry stays without.
    fn prolong(&self, key: &Key, remaining: Option<Duration>, ttl: Ttl, now: SystemTime) -> io::Result<()> {
        if remaining.is_none_or(|remaining| remaining >= ttl.as_duration()) {
            return Ok(());
        }
        // No byte is written, so it works on a full disk, too.
        expire(&File::options().write(true).open(self.file_of(key))?, after(now, ttl.as_millis())?)
    }
}

fn ownership(states: &[KeyState], mine: &LockValue) -> Ownership {
    let is_mine = |state: &KeyState| matches!(state, KeyState::Held { value, .. } if value == mine);
    if states.iter().all(is_mine) {
        Ownership::Mine
    } else if states.iter().all(|state| is_mine(state) || *state == KeyState::Free) {
        Ownership::Absent
    } else {
        Ownership::Other
    }
}

/// One command that waits for its turn.
struct Job {
    command: LockCommand,
    deadline: Instant,
    answer: oneshot::Sender<Result<LockReply, BackendError>>,
}

impl Job {
    fn run(self, directory: &Directory) {
        let entered = directory.enter();
        // Looked at behind the wait for the guard: nobody reckons any more with what happens after the deadline.
        let result = if self.answer.is_closed() || self.deadline <= Instant::now() {
            Err(BackendError::new(FaultKind::Timeout, Sent::No, "the deadline passed before its turn"))
        } else {
            self.serve(directory, entered)
        };
        // Whoever asked may have given up; then the answer goes nowhere.
        let _ = self.answer.send(result);
    }

    fn serve(&self, directory: &Directory, entered: io::Result<File>) -> Result<LockReply, BackendError> {
        let _guard = entered.map_err(|error| fault(error, Sent::No))?;
        // An error may come after the first of several files was written.
        let reply = directory.step(&self.command).map_err(|error| fault(error, Sent::Maybe))?;
        reply.ok_or_else(|| BackendError::unsupported(self.command.name()))
    }
}

fn fault(error: io::Error, sent: Sent) -> BackendError {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FaultKind::OutOfMemory,
        ErrorKind::ReadOnlyFilesystem => FaultKind::ReadOnly,
        ErrorKind::PermissionDenied => FaultKind::Permission,
        ErrorKind::NotFound => FaultKind::Unreachable,
        _ => FaultKind::Rejected,
    };
    BackendError::new(kind, sent, error.to_string()).with_source(error)
}

/// A directory as a redlock node, for processes of one host.
#[derive(Debug)]
pub struct FileStore {
    name: NodeName,
    line: mpsc::Sender<Job>,
}

impl FileStore {
    /// The node in that directory, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// Where there can be no such directory, or no thread for it.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        // One name for one directory, however it was written.
        let directory = Directory { path: path.canonicalize()? };
        let name = NodeName::new(directory.path.display().to_string());
        let (line, jobs) = mpsc::channel::<Job>();
        // It ends when the store is dropped.
        thread::Builder::new()
            .name("file-store".to_owned())
            .spawn(move || jobs.into_iter().for_each(|job| job.run(&directory)))?;
        Ok(Self { name, line })
    }
}

#[async_trait]
impl Backend for FileStore {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LOCK
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let Command::Lock(command) = command else {
            return Err(BackendError::unsupported(command.name()));
        };
        let (answer, answered) = oneshot::channel();
        // Before the first await: the place in the line is that of the first poll.
        self.line.send(Job { command: command.clone(), deadline, answer }).map_err(|_| ended(Sent::No))?;
        let reply = match timeout_at(deadline, answered).await {
            Ok(answer) => answer.map_err(|_| ended(Sent::Maybe))??,
            Err(_) => return Err(BackendError::timeout()),
        };
        Ok(Reply::new(Epoch::FIRST, reply))
    }

    fn notifications(&self, _inbox: &Inbox) -> Option<Notifications> {
        None
    }
}

fn ended(sent: Sent) -> BackendError {
    BackendError::new(FaultKind::Closed, sent, "the store's thread has ended")
}
