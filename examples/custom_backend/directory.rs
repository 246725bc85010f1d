//! A directory with a file for each key: the value is its content, the expiry its time of modification.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use file_store::{Records, Store, Undone, step};
use redlock_toolkit::{Key, KeyState, LockCommand, LockReply, LockValue};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

/// The time of modification of a key that does not expire.
const NEVER: SystemTime = SystemTime::UNIX_EPOCH;

/// A directory, for the processes of one host.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// Where it can be neither found nor made.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        // One name for one directory, however it was written.
        Ok(Self { path: path.canonicalize()? })
    }

    /// The whole path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for its turn among all processes. The turn ends when the file is closed, so also when the process dies.
    fn enter(&self) -> io::Result<File> {
        let guard = File::create(self.path.join("guard"))?;
        retry_on_intr(|| flock(&guard, FlockOperation::LockExclusive))?;
        Ok(guard)
    }

    /// Readable for whoever lists the directory; and of another hash than any other key's, or nearly so: the key
    /// itself stands in the file. In lower case, since some file systems do not tell `a` from `A`.
    fn file_of(&self, key: &Key) -> PathBuf {
        // FNV-1a: the standard library's hash may change from one release to the next.
        let hash = key.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let plain = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
        let readable: String = key.as_str().chars().take(48).map(plain).collect();
        self.path.join(format!("key-{readable}-{hash:016x}"))
    }
}

impl Records for Directory {
    fn state(&self, key: &Key, now: SystemTime) -> io::Result<KeyState> {
        let mut file = match File::open(self.file_of(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(KeyState::Free),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(KeyState::Foreign { kind: "no file".to_owned(), remaining: None });
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

    /// Written beside and then renamed: nobody ever finds half a file, not even after a crash.
    fn put(&self, key: &Key, value: &LockValue, expiry: SystemTime) -> io::Result<()> {
        let beside = self.path.join("new");
        let mut file = File::create(&beside)?;
        file.write_all(&head(key))?;
        file.write_all(value.as_bytes())?;
        expire(&file, expiry)?;
        fs::rename(&beside, self.file_of(key))
    }

    /// Writes no byte, so that it works on a full disk as well.
    fn prolong(&self, key: &Key, expiry: SystemTime) -> io::Result<()> {
        expire(&File::options().write(true).open(self.file_of(key))?, expiry)
    }

    fn remove(&self, key: &Key) -> io::Result<()> {
        let path = self.file_of(key);
        if fs::metadata(&path)?.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }
    }
}

/// What stands before the value. A key may hold any text, so its length comes first.
fn head(key: &Key) -> Vec<u8> {
    format!("{}\n{key}\n", key.as_str().len()).into_bytes()
}

fn expire(file: &File, expiry: SystemTime) -> io::Result<()> {
    file.set_modified(expiry)?;
    // Some file systems count in seconds or end in 2038: a lease must not silently be another than was asked for.
    if file.metadata()?.modified()? != expiry {
        return Err(io::Error::new(ErrorKind::Unsupported, "the file system cannot keep the expiry"));
    }
    file.sync_all()
}

impl Store for Directory {
    fn run(&mut self, command: &LockCommand, wanted: &dyn Fn() -> bool) -> Result<LockReply, Undone> {
        let _guard = self.enter().map_err(Undone::Before)?;
        if !wanted() {
            return Err(Undone::Unwanted);
        }
        let reply = step(self, command).map_err(Undone::Within)?.ok_or(Undone::Unknown)?;
        // A new name and a removed one outlive a power cut only when the directory itself is written.
        File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(Undone::Within)?;
        Ok(reply)
    }
}
